// Ranks as processes that report how their communicator ended.
//
//   Job job(4, options, [](Communicator& comm, Report& report) -> Status { … });
//   job.wait_for_calls(5);                                   // as counted in the reports
//   job.processes().kill(2);
//   job.expect_all_end(Code::kPeerLost, milliseconds(1000), {"rank 2"}, /*except=*/2);

#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "communicators.h"

namespace tutti::test {

using std::chrono::milliseconds;

// What each rank, a process of its own, answered; in memory that the test sees too.
struct Report {
  std::atomic<int> calls;  // that ended well
  std::atomic<bool> ended;
  std::atomic<int> code;
  std::atomic<long> at_ms;  // when it ended, on the steady clock
  char text[1000];
};

inline long now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

class Reports {
 public:
  explicit Reports(int ranks)
      : ranks_(ranks),
        reports_(static_cast<Report*>(
            mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Reports() { munmap(reports_, bytes()); }
  Reports(const Reports&) = delete;

  Report& of(int rank) { return reports_[rank]; }
  void end(int rank, const Status& status) {
    Report& report = of(rank);
    report.at_ms = now_ms();
    report.code = static_cast<int>(status.code());
    std::snprintf(report.text, sizeof report.text, "%s", status.message().c_str());
    report.ended = true;
  }
  Status status(int rank) { return {static_cast<Code>(of(rank).code.load()), of(rank).text}; }

 private:
  std::size_t bytes() const { return ranks_ * sizeof(Report); }

  int ranks_;
  Report* reports_;
};

/// Ranks as processes, each of which meets the others and then runs `body`; what that answers is
/// its report.
class Job {
 public:
  using Body = std::function<Status(Communicator&, Report&)>;
  using OptionsOf = std::function<Options(int rank)>;

  Job(int ranks, const Options& options, Body body)
      : Job(
            ranks, [options](int) { return options; }, std::move(body)) {}
  Job(int ranks, const OptionsOf& options, Body body)
      : ranks_(ranks), reports_(ranks), processes_(ranks, [this, options, body](int rank) {
          Result<Communicator> comm = rendezvous_.meet(rank, ranks_, options(rank));
          reports_.end(rank, comm.ok() ? body(*comm, reports_.of(rank)) : comm.status());
          return 0;
        }) {}

  RankProcesses& processes() { return processes_; }
  Report& report(int rank) { return reports_.of(rank); }
  Status status(int rank) { return reports_.status(rank); }

  /// Until every rank of a set has made some calls.
  void wait_for_calls(int calls) {
    for (int rank = 0; rank < ranks_; ++rank) {
      while (report(rank).calls < calls && !report(rank).ended) {
        std::this_thread::sleep_for(milliseconds(1));
      }
      ASSERT_FALSE(report(rank).ended) << status(rank).to_string();
    }
  }

  /// Every rank but `except` must end with this code within the time, in words that it gives.
  void expect_all_end(Code code, milliseconds since_now, const std::vector<std::string>& words,
                      int except = -1) {
    const long began = now_ms();
    for (int rank = 0; rank < ranks_; ++rank) {
      if (rank == except) continue;
      while (!report(rank).ended && now_ms() < began + 15'000) {
        std::this_thread::sleep_for(milliseconds(1));
      }
      ASSERT_TRUE(report(rank).ended) << "rank " << rank << " hangs";
      EXPECT_LT(report(rank).at_ms - began, since_now.count()) << "rank " << rank;
      const Status answer = status(rank);
      EXPECT_EQ(answer.code(), code) << "rank " << rank << ": " << answer.to_string();
      for (const std::string& word : words) {
        EXPECT_NE(answer.message().find(word), std::string::npos)
            << "\"" << word << "\" is not in what rank " << rank << " says: " << answer.message();
      }
    }
  }

 private:
  const int ranks_;
  Reports reports_;
  Rendezvous rendezvous_;
  RankProcesses processes_;
};

/// What ended it; counts the calls before.
inline Status all_reduce_until_it_fails(Communicator& comm, Report& report, std::size_t count) {
  std::vector<float> data(count, 1), sum(count);
  while (true) {
    if (Status status = comm.all_reduce(data, sum); !status.ok()) return status;
    ++report.calls;
  }
}

}  // namespace tutti::test
