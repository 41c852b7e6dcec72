// Tests shrink() in src/communicator/split.cc: after a failure the survivors go on together.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "communicators.h"
#include "process_job.h"

namespace tutti {
namespace {

using namespace test;

constexpr int kRanks = 4;

// Reduces until it fails, then goes on with the survivors, `times` times.
Status survive(Communicator& comm, Report& report, int times) {
  Communicator now = std::move(comm);
  for (int i = 0; i < times; ++i) {
    const Status failure = all_reduce_until_it_fails(now, report, 1000);
    if (failure.code() != Code::kPeerLost) return failure;
    Result<Communicator> survivors = now.shrink();
    if (!survivors.ok()) return survivors.status();
    if (survivors->ranks() != now.ranks() - 1) {
      return {Code::kSystem, "survivors: " + std::to_string(survivors->ranks())};
    }
    now = std::move(*survivors);
  }
  std::vector<int> data(50'000, 1);
  if (Status status = now.all_reduce(data, data); !status.ok()) return status;
  if (data[49'999] != now.ranks()) return {Code::kSystem, "a wrong sum"};
  return {Code::kOk, "rank " + std::to_string(now.rank()) + " of " + std::to_string(now.ranks())};
}

TEST(Shrink, GoesOnWithTheSurvivors) {
  for (const int lost : {0, 2, 3}) {
    Job job(kRanks, patient_options(),
            [](Communicator& comm, Report& report) { return survive(comm, report, 1); });
    job.wait_for_calls(5);
    job.processes().kill(lost);
    job.expect_all_end(Code::kOk, milliseconds(5000), {" of 3"}, lost);
    for (int rank = 0; rank < kRanks; ++rank) {
      if (rank == lost) continue;
      EXPECT_EQ(job.status(rank).message(),
                "rank " + std::to_string(rank - (rank > lost)) + " of 3");
    }
  }
}

TEST(Shrink, WorksTwice) {
  Job job(kRanks, patient_options(),
          [](Communicator& comm, Report& report) { return survive(comm, report, 2); });
  job.wait_for_calls(5);
  job.processes().kill(1);
  std::this_thread::sleep_for(milliseconds(700));
  const int calls = job.report(0).calls;
  while (job.report(0).calls < calls + 5 && !job.report(0).ended) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  job.processes().kill(0);
  for (const int rank : {2, 3}) {
    while (!job.report(rank).ended) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_EQ(job.status(rank).message(), "rank " + std::to_string(rank - 2) + " of 2")
        << job.status(rank).to_string();
  }
}

TEST(Shrink, AfterAMismatchKeepsEverybody) {
  Job job(3, patient_options(), [](Communicator& comm, Report&) -> Status {
    std::vector<int> data(10 + comm.rank());
    if (comm.all_reduce(data, data).code() != Code::kMismatch) return {Code::kSystem, "equal?"};
    // Nothing keeps ranks from doing it again with the old one.
    Result<Communicator> once = comm.shrink(), again = comm.shrink();
    if (!once.ok()) return once.status();
    if (!again.ok()) return again.status();
    Status status = again->barrier();
    return status.ok() ? Status(Code::kOk, std::to_string(again->ranks()) + " ranks") : status;
  });
  job.expect_all_end(Code::kOk, milliseconds(5000), {"3 ranks"});
}

// A rank that lives but does not call shrink() is left behind after half of the start timeout.
TEST(Shrink, LeavesBehindWhoDoesNotCall) {
  Options options = impatient_options(milliseconds(300));
  options.start_timeout = milliseconds(1600);
  Job job(3, options, [](Communicator& comm, Report&) -> Status {
    if (comm.rank() == 1) {
      std::this_thread::sleep_for(milliseconds(2500));
      Status status = comm.shrink().status();
      return status.code() == Code::kTimeout ? Status(Code::kOk, "2 ranks without me") : status;
    }
    if (comm.barrier().code() != Code::kTimeout) return {Code::kSystem, "no timeout"};
    Result<Communicator> again = comm.shrink();
    if (!again.ok()) return again.status();
    Status status = again->barrier();
    return status.ok() ? Status(Code::kOk, std::to_string(again->ranks()) + " ranks") : status;
  });
  job.expect_all_end(Code::kOk, milliseconds(9000), {"2 ranks"});
}

// A rank that is known not to come is not waited for, although it lives and nothing has failed.
TEST(Shrink, DoesNotWaitForWhoIsLeftOut) {
  on_ranks(3, [](Communicator& comm) {
    if (comm.rank() == 1) return;
    const int absent[] = {1};
    const auto begin = std::chrono::steady_clock::now();
    Result<Communicator> fewer = comm.shrink(absent);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(5000));
    ASSERT_TRUE(fewer.ok()) << fewer.status().to_string();
    EXPECT_EQ(fewer->ranks(), 2);
    EXPECT_TRUE(fewer->barrier().ok());
  });
}

TEST(Shrink, CannotLeaveOutItselfOrNobody) {
  on_ranks(2, [](Communicator& comm) {
    for (const int wrong : {comm.rank(), -1, 2}) {
      const int without[] = {wrong};
      const Status status = comm.shrink(without).status();
      EXPECT_EQ(status.code(), Code::kInvalidArgument);
      EXPECT_NE(status.message().find("rank " + std::to_string(wrong)), std::string::npos);
    }
  });
}

}  // namespace
}  // namespace tutti
