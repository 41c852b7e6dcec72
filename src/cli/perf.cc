// Tested by cli_command_test.py.

#include "cli/perf.h"

#include <fmt/format.h>
#include <malloc.h>

#include <cmath>
#include <cstdlib>

#include "cli/launcher.h"
#include "cli/perf_options.h"
#include "cli/perf_run.h"
#include "cli/ranks.h"
#include "cli/session.h"

namespace tutti::cli {
namespace {

// Prints on one rank, however many fail alike.
int fail(const Launcher& launcher, const Status& status, int exit_status) {
  if (launcher.rank == 0) fmt::print(stderr, "tutti perf: {}\n", status.message());
  return exit_status;
}

Result<Options> library_options(const PerfOptions& perf) {
  auto options = Options::from_environment();
  if (!options.ok()) return options;
  if (perf.timeout_s > 0) {
    options->call_timeout =
        std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(perf.timeout_s * 1000)));
  }
  return options;
}

// What the tool itself has to say goes through host memory.
Options without_device(Options options) {
  options.device = -1;
  return options;
}

// Other libraries allocate and free temporary memory in each call; without this they would pay for
// its first touch every time, which says more about glibc than about them.
void keep_heap_mapped() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 256 << 20);
}

int run_process(const PerfOptions& perf, const Options& options, const Launcher& launcher) {
  std::unique_ptr<VsLibrary> mpi;
  if (perf.vs_mpi || launcher.kind == LauncherKind::kMpich) {
    if (perf.vs_mpi) keep_heap_mapped();
    auto loaded = load_vs_mpi(launcher.kind);
    if (!loaded.ok()) return fail(launcher, loaded.status(), 1);
    mpi = std::move(*loaded);
  }
  const bool introduces = launcher.kind == LauncherKind::kMpich;
  const auto session =
      start_process_session(without_device(options), introduces ? mpi.get() : nullptr);
  if (!session.ok()) return fail(launcher, session.status(), 1);
  return run_perf(**session, perf, options, perf.vs_mpi ? mpi.get() : nullptr);
}

// Of ranks that share a GPU, kernels of one wait for those of another (docs/gpu.md, "What CUDA
// makes wait"). REQUIRES: no other thread yet; CUDA has not been called.
void let_kernels_wait_for_each_other() {
  constexpr int kOverwrite = 0;
  setenv("CUDA_MODULE_LOADING", "EAGER", kOverwrite);
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", kOverwrite);
}

}  // namespace

int perf_main(std::vector<std::string> arguments) {
  const Launcher launcher = find_launcher();
  const auto request = parse_perf(std::move(arguments));
  if (!request.ok()) return fail(launcher, request.status(), 2);
  const PerfOptions& perf = request->options;
  if (!request->help.empty()) {
    if (launcher.rank == 0) fmt::print("{}", request->help);
    return 0;
  }
  const auto options = library_options(perf);
  if (!options.ok()) return fail(launcher, options.status(), 2);
  if (perf.threads > 0) {
    if (launcher.kind == LauncherKind::kNone) {
      let_kernels_wait_for_each_other();
      return run_on_threads("perf", perf.threads, without_device(*options), [&](Session& session) {
        return run_perf(session, perf, *options, nullptr);
      });
    }
    return fail(launcher,
                {Code::kInvalidArgument,
                 fmt::format("--threads {}: expected none under a launcher", perf.threads)},
                2);
  }
  if (launcher.kind == LauncherKind::kNone) {
    return fail(launcher,
                {Code::kInvalidArgument,
                 "no launcher started this: expected mpirun -n N tutti perf …, or --threads N"},
                2);
  }
  return run_process(perf, *options, launcher);
}

}  // namespace tutti::cli
