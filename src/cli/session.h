// How one rank of a run gets its communicators, from a launcher or as a thread.

#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/launcher.h"
#include "cli/vs.h"
#include "tutti/tutti.h"

namespace tutti::cli {

class Session {
 public:
  virtual ~Session() = default;

  /// Carries what the tool itself has to say: barriers, times, errors. Never measured with an
  /// algorithm forced.
  virtual Communicator& control() = 0;

  /// Another communicator of the same ranks, with its own options. Those with a device may differ
  /// in it. Collective, in the same order on all ranks.
  virtual Result<Communicator> open(const Options& options) = 0;

  int rank() { return control().rank(); }
  int ranks() { return control().ranks(); }

  /// Everybody's verdict: OK when all ranks say OK, otherwise the lowest rank's failure, on all.
  /// Collective.
  Status agree(const Status& mine);

  /// What every rank gives, in rank order. Collective.
  template <class T>
  Result<std::vector<T>> all_gather(const std::vector<T>& mine) {
    std::vector<T> all(mine.size() * static_cast<std::size_t>(ranks()));
    const auto from = std::as_bytes(std::span(mine));
    const auto to = std::as_writable_bytes(std::span(all));
    const Status status = control().all_gather(from, to);
    if (!status.ok()) return status;
    return all;
  }
};

/// This process is a rank. `mpi` is not null where it has to introduce the ranks (LauncherKind::
/// kMpich); it outlives the session. Collective.
Result<std::unique_ptr<Session>> start_process_session(const Options& options, VsLibrary* mpi);

/// Ranks that are threads of this process meet here.
class ThreadGroup {
 public:
  ThreadGroup(int ranks, std::chrono::milliseconds timeout) : ranks_(ranks), timeout_(timeout) {}

  /// Rank `rank`'s communicator of the n-th ones, made by rank 0. Each rank calls with n = 0, 1, …
  Result<Communicator> open(int rank, std::size_t n, const Options& options);

 private:
  const int ranks_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;
  std::condition_variable made_one_;
  std::vector<Result<std::vector<Communicator>>> made_;  // under mutex_
};

/// The group outlives the session. Collective over its threads.
Result<std::unique_ptr<Session>> start_thread_session(ThreadGroup& group, int rank,
                                                      const Options& options);

}  // namespace tutti::cli
