// Ranks as processes, and ranks as threads, for tests.
//
// A rank's function answers an exit code; a failed EXPECT or ASSERT in it makes that 1 at least.
// Start processes while the test has no other threads.

#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

namespace tutti::test {

using RankFunction = std::function<int(int rank)>;

/// What RankProcesses::wait() answers for a rank that it had to kill.
inline constexpr int kStraggler = -1;
/// … and for a rank that a signal ended.
inline constexpr int died_of(int signal) { return 128 + signal; }

/// A process a rank, forked from this one. What still runs at destruction is killed.
class RankProcesses {
 public:
  RankProcesses(int ranks, const RankFunction& run) : codes_(ranks, kRunning) {
    std::fflush(nullptr);
    for (int rank = 0; rank < ranks; ++rank) {
      const pid_t pid = fork();
      if (pid == 0) run_and_exit(rank, run);
      pids_.push_back(pid);
    }
  }
  ~RankProcesses() { wait(std::chrono::seconds(0)); }
  RankProcesses(const RankProcesses&) = delete;
  RankProcesses& operator=(const RankProcesses&) = delete;

  pid_t pid(int rank) const { return pids_[rank]; }
  void kill(int rank) const { ::kill(pids_[rank], SIGKILL); }

  /// Each rank's exit code, died_of(signal) or kStraggler. Ended ranks are zombies until then.
  std::vector<int> wait(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (reap() > 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (std::size_t rank = 0; rank < pids_.size(); ++rank) {
      if (codes_[rank] != kRunning) continue;
      kill(static_cast<int>(rank));
      waitpid(pids_[rank], nullptr, 0);
      codes_[rank] = kStraggler;
    }
    return codes_;
  }

 private:
  static constexpr int kRunning = -2;

  [[noreturn]] static void run_and_exit(int rank, const RankFunction& run) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int code = run(rank);
    if (code == 0 && testing::Test::HasFailure()) code = 1;
    std::fflush(nullptr);
    _exit(code);
  }

  // How many still run.
  int reap() {
    int running = 0;
    for (std::size_t rank = 0; rank < pids_.size(); ++rank) {
      if (codes_[rank] != kRunning) continue;
      int status = 0;
      if (waitpid(pids_[rank], &status, WNOHANG) == 0) {
        ++running;
      } else {
        codes_[rank] = WIFEXITED(status) ? WEXITSTATUS(status) : died_of(WTERMSIG(status));
      }
    }
    return running;
  }

  std::vector<pid_t> pids_;
  std::vector<int> codes_;
};

/// Each rank's exit code, died_of(signal) or kStraggler (killed at the limit).
inline std::vector<int> run_ranks_as_processes(
    int ranks, const RankFunction& run,
    std::chrono::milliseconds limit = std::chrono::seconds(30)) {
  return RankProcesses(ranks, run).wait(limit);
}

/// Each rank's answer. Threads cannot be killed: `run` must end by itself.
inline std::vector<int> run_ranks_as_threads(int ranks, const RankFunction& run) {
  std::vector<int> codes(ranks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] { codes[rank] = run(rank); });
  }
  for (std::thread& thread : threads) thread.join();
  return codes;
}

}  // namespace tutti::test
