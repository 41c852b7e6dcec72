// Tested by cli_command_test.py.

#include "cli/ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace tutti::cli {
namespace {

int failed_start(std::string_view command, int rank, const Status& status) {
  if (rank == 0) fmt::print(stderr, "tutti {}: {}\n", command, status.message());
  return 1;
}

int run_process(std::string_view command, const Launcher& launcher, const Options& options,
                const std::function<int(Session&)>& run) {
  std::unique_ptr<VsLibrary> mpi;
  if (launcher.kind == LauncherKind::kMpich) {
    auto loaded = load_vs_mpi(launcher.kind);
    if (!loaded.ok()) return failed_start(command, launcher.rank, loaded.status());
    mpi = std::move(*loaded);
  }
  const auto session = start_process_session(options, mpi.get());
  return session.ok() ? run(**session) : failed_start(command, launcher.rank, session.status());
}

}  // namespace

int run_on_threads(std::string_view command, int ranks, const Options& options,
                   const std::function<int(Session&)>& run) {
  ThreadGroup group(ranks, options.start_timeout);
  std::vector<int> exit_statuses(static_cast<std::size_t>(ranks), 1);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto session = start_thread_session(group, rank, options);
      exit_statuses[static_cast<std::size_t>(rank)] =
          session.ok() ? run(**session) : failed_start(command, rank, session.status());
    });
  }
  for (std::thread& thread : threads) thread.join();
  return *std::max_element(exit_statuses.begin(), exit_statuses.end());
}

int run_on_ranks(std::string_view command, int threads, const Options& options,
                 const std::function<int(Session&)>& run) {
  const Launcher launcher = find_launcher();
  if (launcher.kind == LauncherKind::kNone) return run_on_threads(command, threads, options, run);
  return run_process(command, launcher, options, run);
}

}  // namespace tutti::cli
