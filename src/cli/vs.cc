// Tested by cli_command_test.py.

#include "cli/vs.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <vector>

namespace tutti::cli {
namespace {

namespace fs = std::filesystem;

// bin/tutti finds lib/tutti/NAME beside it, in the build folder as after installation.
std::vector<fs::path> places(const std::string& file) {
  std::error_code error;
  const fs::path command = fs::read_symlink("/proc/self/exe", error);
  const fs::path prefix = command.parent_path().parent_path();
  return {prefix / TUTTI_VS_FOLDER / file, prefix / "lib" / "tutti" / file};
}

Result<const TuttiVsLibrary*> load(const fs::path& path) {
  // Global: MPI's own plug-ins look for its symbols there.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) return Status(Code::kNotSupported, fmt::format("--vs mpi: {}", dlerror()));
  const auto entry = reinterpret_cast<TuttiVsEntry>(dlsym(handle, "tutti_vs_library"));
  if (entry == nullptr || entry()->version != kTuttiVsVersion) {
    return Status(Code::kNotSupported,
                  fmt::format("--vs mpi: {} is of another version; expected {}", path.string(),
                              int{kTuttiVsVersion}));
  }
  return entry();
}

}  // namespace

Status VsLibrary::run(const TuttiVsCall& call) {
  const int error = functions_.run(&call);
  if (error == 0) return {};
  return {Code::kSystem,
          fmt::format("{} answers error {} to {} elements", name(), error, call.count)};
}

Status VsLibrary::share(void* bytes, std::size_t count) {
  if (functions_.share(bytes, count) == 0) return {};
  return {Code::kSystem, fmt::format("{} cannot broadcast {} bytes", name(), count)};
}

Status VsLibrary::start() {
  if (functions_.start(&rank_, &ranks_) == 0) return {};
  return {Code::kSystem, "--vs mpi: MPI_Init failed"};
}

Result<std::unique_ptr<VsLibrary>> load_vs_mpi(LauncherKind launcher) {
  // srun can start either: Open MPI's is the one whose PMIx it shares with Tutti.
  const bool mpich = launcher == LauncherKind::kMpich;
  const std::string file = mpich ? "libtutti_vs_mpich.so" : "libtutti_vs_openmpi.so";
  std::string tried;
  for (const fs::path& path : places(file)) {
    tried += (tried.empty() ? "" : ", ") + path.string();
    if (!fs::exists(path)) continue;
    const auto functions = load(path);
    if (!functions.ok()) return functions.status();
    auto library = std::make_unique<VsLibrary>(**functions);
    if (const Status status = library->start(); !status.ok()) return status;
    return library;
  }
  return Status(Code::kNotSupported,
                fmt::format("--vs mpi: expected {} at {}; build Tutti where {} is installed", file,
                            tried, mpich ? "mpicc.mpich" : "mpicc.openmpi"));
}

}  // namespace tutti::cli
