// Tests how communicators fail: ranks that call different things, die, stop, leave or give up.
// Nobody hangs, and everybody learns who and why.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "communicators.h"
#include "process_job.h"

namespace tutti {
namespace {

using namespace test;
using Clock = std::chrono::steady_clock;

constexpr int kRanks = 4;

Job::Body reducing(std::size_t count) {
  return [count](Communicator& comm, Report& report) {
    return all_reduce_until_it_fails(comm, report, count);
  };
}

// ---- different calls

struct Difference {
  const char* name;
  std::function<Call(std::span<int>)> most, odd;  // what three ranks call, and what one does
  std::vector<std::string> words;
};

const std::vector<Difference>& differences() {
  static const std::vector<Difference> all = {
      {"Collective",
       [](auto d) { return all_reduce(d, d); },
       [](auto d) { return broadcast(d, d, 0); },
       {"all_reduce #1 (int32, 100, sum)", "broadcast #1 (int32, 100, root 0)"}},
      {"Count",
       [](auto d) { return all_reduce(d, d); },
       [](auto d) { return all_reduce(d.first(99), d.first(99)); },
       {"(int32, 100, sum)", "(int32, 99, sum)"}},
      {"Type",
       [](auto d) { return all_reduce(d, d); },
       [](auto d) {
         const Buffer data(d.data(), 100, DataType::kFloat32);
         return all_reduce(data, data);
       },
       {"(int32, 100, sum)", "(float, 100, sum)"}},
      {"Reduction",
       [](auto d) { return all_reduce(d, d); },
       [](auto d) { return all_reduce(d, d, Reduction::kMax); },
       {"(int32, 100, sum)", "(int32, 100, max)"}},
      {"Root",
       [](auto d) { return broadcast(d, d, 1); },
       [](auto d) { return broadcast(d, d, 3); },
       {"(int32, 100, root 1)", "(int32, 100, root 3)"}},
      {"Scale",
       [](auto d) { return all_reduce(d, d, ReduceOp::pre_mul_sum(2)); },
       [](auto d) { return all_reduce(d, d, ReduceOp::pre_mul_sum(3)); },
       {"another scale"}},
      {"Barrier",
       [](auto d) { return all_gather(d.first(20), d.last(80)); },
       [](auto) { return barrier(); },
       {"all_gather #1 (int32, 20)", "barrier #1"}},
  };
  return all;
}

class Mismatch : public testing::TestWithParam<Difference> {};

TEST_P(Mismatch, IsToldToEveryRankAtOnce) {
  for (const int odd : {0, 2}) {
    Job job(kRanks, patient_options(), [odd](Communicator& comm, Report&) {
      std::vector<int> data(100, 1);
      Status status = comm.run(comm.rank() == odd ? GetParam().odd(data) : GetParam().most(data));
      // Who waits for nobody, as a root of a broadcast, learns at the next call.
      return status.ok() ? comm.barrier() : status;
    });
    std::vector<std::string> words = GetParam().words;
    words.push_back("rank " + std::to_string(odd) + " called ");
    job.expect_all_end(Code::kMismatch, milliseconds(1000), words);
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Mismatch, testing::ValuesIn(differences()),
                         [](const auto& info) { return std::string(info.param.name); });

// Long calls, whose ranks are in the middle of the call before when one goes another way.
TEST(MismatchLater, IsFoundAmongLongCalls) {
  Job job(kRanks, patient_options(), [](Communicator& comm, Report&) -> Status {
    std::vector<float> data(300'000, 1), sum(data.size());
    for (int i = 0; i < 50; ++i) {
      const bool odd = comm.rank() == 1 && i == 30;
      const std::size_t count = data.size() - odd;
      Status status = comm.all_reduce(std::span(data).first(count), std::span(sum).first(count));
      if (!status.ok()) return status;
    }
    return {};
  });
  job.expect_all_end(Code::kMismatch, milliseconds(5000),
                     {"rank 1 called all_reduce #31 (float, 299999, sum)",
                      "called all_reduce #31 (float, 300000, sum)"});
}

// One rank calls once more than the others, which go on to something else.
TEST(MismatchLater, IsFoundWhenOneRankSkipsACall) {
  Job job(3, patient_options(), [](Communicator& comm, Report&) -> Status {
    std::vector<int> data(10, 1);
    for (int i = 0; i < 20; ++i) {
      if (Status status = comm.all_reduce(data, data); !status.ok()) return status;
    }
    if (comm.rank() == 1) {
      if (Status status = comm.all_reduce(data, data); !status.ok()) return status;
    }
    if (Status status = comm.broadcast(data, data, 2); !status.ok()) return status;
    return comm.barrier();
  });
  job.expect_all_end(Code::kMismatch, milliseconds(2000),
                     {"rank 1 called all_reduce #21", "called broadcast #21"});
}

// ---- ranks that die, stop or leave

TEST(KilledRank, IsNamedByEverySurvivorWithinASecond) {
  for (const std::size_t count : {std::size_t{10}, std::size_t{500'000}}) {
    Job job(kRanks, patient_options(), reducing(count));
    job.wait_for_calls(5);
    job.processes().kill(2);
    job.expect_all_end(Code::kPeerLost, milliseconds(1000),
                       {"rank 2 (host ", "pid " + std::to_string(job.processes().pid(2)),
                        ") has ended", "all_reduce #"},
                       /*except=*/2);
  }
}

TEST(KilledRank, IsNamedWhenItNeverCalled) {
  Job job(kRanks, patient_options(), [](Communicator& comm, Report& report) -> Status {
    ++report.calls;
    if (comm.rank() == 3) std::this_thread::sleep_for(std::chrono::minutes(1));
    std::vector<int> data(10);
    return comm.broadcast(data, data, 3);
  });
  job.wait_for_calls(1);
  job.processes().kill(3);
  job.expect_all_end(Code::kPeerLost, milliseconds(1000), {"rank 3 (host ", "broadcast #1"}, 3);
}

TEST(KilledRank, IsNamedToStartedCalls) {
  Job job(3, patient_options(), [](Communicator& comm, Report& report) -> Status {
    std::vector<float> data(1000, 1);
    while (true) {
      Result<Request> request = comm.start(all_reduce(data, data));
      if (!request.ok()) return request.status();
      if (Status status = request->wait(); !status.ok()) return status;
      ++report.calls;
    }
  });
  job.wait_for_calls(5);
  job.processes().kill(0);
  job.expect_all_end(Code::kPeerLost, milliseconds(1000), {"rank 0 (host "}, 0);
}

TEST(KilledRank, IsNamedToItsReceivers) {
  Job job(2, patient_options(), [](Communicator& comm, Report& report) -> Status {
    ++report.calls;
    if (comm.rank() == 0) std::this_thread::sleep_for(std::chrono::minutes(1));
    std::vector<int> data(1000);
    return comm.receive(data, 0);
  });
  job.wait_for_calls(1);
  job.processes().kill(0);
  job.expect_all_end(Code::kPeerLost, milliseconds(1000), {"rank 0 (host ", "send_recv"}, 0);
}

TEST(StoppedRank, IsNamedWhenTheDeadlinePasses) {
  Job job(kRanks, impatient_options(milliseconds(700)), reducing(10));
  job.wait_for_calls(5);
  ::kill(job.processes().pid(1), SIGSTOP);
  job.expect_all_end(Code::kTimeout, milliseconds(2000),
                     {"rank 1", "all_reduce #", "nothing moved for 0.7 s"}, 1);
  ::kill(job.processes().pid(1), SIGCONT);
  job.expect_all_end(Code::kTimeout, milliseconds(1000), {"rank 1"});
}

TEST(SlowRank, IsNamedWithWhatItDoesInstead) {
  Job job(3, impatient_options(milliseconds(300)), [](Communicator& comm, Report&) -> Status {
    std::vector<int> data(10);
    if (Status status = comm.all_reduce(data, data); !status.ok()) return status;
    if (comm.rank() == 1) std::this_thread::sleep_for(milliseconds(900));
    return comm.broadcast(data, data, 1);
  });
  job.expect_all_end(Code::kTimeout, milliseconds(2000),
                     {"broadcast #2 (int32, 10, root 1)", "rank 1 (pid ", "has not entered",
                      "it has ended all_reduce #1 (int32, 10, sum)"});
}

TEST(DepartedRank, IsNamedAtOnce) {
  Job job(3, patient_options(), [](Communicator& comm, Report&) -> Status {
    if (Status status = comm.barrier(); !status.ok()) return status;
    if (comm.rank() == 0) return {Code::kPeerLost, "rank 0 has left the communicator itself"};
    std::vector<int> data(10);
    return comm.all_reduce(data, data);
  });
  job.expect_all_end(Code::kPeerLost, milliseconds(1000), {"rank 0 has left the communicator"});
}

// Who has all it needs does not care that others have gone.
TEST(DepartedRank, DisturbsNobodyWhoIsDone) {
  for (int round = 0; round < 10; ++round) {
    Job job(kRanks, patient_options(), [](Communicator& comm, Report&) -> Status {
      std::vector<int> data(1000, 1);
      for (int i = 0; i < 20; ++i) {
        if (Status status = comm.all_reduce(data, data, Reduction::kMax); !status.ok()) {
          return status;
        }
      }
      if (comm.rank() == 1) std::this_thread::sleep_for(milliseconds(20));
      return comm.broadcast(data, data, 3);
    });
    job.expect_all_end(Code::kOk, milliseconds(15'000), {});
  }
}

TEST(FailedCommunicator, FailsEveryFurtherCallForTheSameReason) {
  Job job(3, patient_options(), [](Communicator& comm, Report&) -> Status {
    std::vector<int> data(10 + comm.rank() / 2);
    const Status first = comm.all_reduce(data, data);
    for (int i = 0; i < 3; ++i) {
      const Status next = comm.barrier();
      if (next != first) return {Code::kSystem, first.message() + " | " + next.message()};
    }
    if (comm.allocate(1).ok() || comm.split(0).ok()) return {Code::kSystem, "it goes on"};
    return first;
  });
  job.expect_all_end(Code::kMismatch, milliseconds(2000), {"rank 2 called all_reduce #1"});
}

// ---- abort

TEST(Abort, EndsTheCallsOfAllRanks) {
  Job job(kRanks, patient_options(), [](Communicator& comm, Report& report) -> Status {
    if (comm.rank() != 2) return all_reduce_until_it_fails(comm, report, 1000);
    std::this_thread::sleep_for(milliseconds(50));
    const Clock::time_point began = Clock::now();
    comm.abort("loss is NaN");
    if (Clock::now() - began > milliseconds(100)) return {Code::kSystem, "abort() took long"};
    return comm.barrier();
  });
  job.expect_all_end(Code::kAborted, milliseconds(1500), {"aborted by rank 2: loss is NaN"});
}

TEST(Abort, ComesFromAnotherThreadWhileTheCallIsStuck) {
  Job job(2, patient_options(), [](Communicator& comm, Report&) -> Status {
    if (comm.rank() == 1) {
      std::this_thread::sleep_for(milliseconds(400));
      return comm.barrier();
    }
    std::thread watchdog([&] {
      std::this_thread::sleep_for(milliseconds(50));
      comm.abort();
      comm.abort("again");
    });
    std::vector<int> data(10);
    Status status = comm.all_reduce(data, data);
    watchdog.join();
    return status;
  });
  job.expect_all_end(Code::kAborted, milliseconds(1500), {"aborted by rank 0"});
}

TEST(Abort, EndsStartedCallsAndTheirRequests) {
  Job job(2, patient_options(), [](Communicator& comm, Report&) -> Status {
    std::vector<int> data(10);
    if (comm.rank() == 1) {
      std::this_thread::sleep_for(milliseconds(50));
      comm.abort();
      return comm.barrier();
    }
    Result<Request> first = comm.start(all_reduce(data, data));
    Result<Request> second = comm.start(barrier());
    if (!first.ok() || !second.ok()) return {Code::kSystem, "not started"};
    const Status status = second->wait();
    return first->test() ? status : Status(Code::kSystem, "the first still runs");
  });
  job.expect_all_end(Code::kAborted, milliseconds(1500), {"aborted by rank 1"});
}

}  // namespace
}  // namespace tutti
