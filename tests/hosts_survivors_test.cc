// Ranks on several hosts are killed or stopped: every survivor learns who it was, and the survivors
// go on together. The hosts are made up, ranks are processes.
//
// TIER: fast

#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "hosts.h"

namespace tutti {
namespace {

using namespace test;
using Hosts = std::vector<int>;  // by rank

Options quick_options() {
  Options options = patient_options();
  options.peer_timeout = milliseconds(400);
  return options;
}

// Reduces until it fails, and goes on with the survivors.
Status survive(Communicator& comm, Report& report, std::size_t count) {
  const Status failure = all_reduce_until_it_fails(comm, report, count);
  if (failure.code() != Code::kPeerLost) return failure;
  report.calls = 1'000'000;
  Result<Communicator> survivors = comm.shrink();
  if (!survivors.ok()) return survivors.status();
  for (int i = 0; i < 20; ++i) {
    std::vector<int> data(1 + 2500 * i, 1);
    if (Status status = survivors->all_reduce(data, data); !status.ok()) return status;
    if (data.back() != survivors->ranks()) return {Code::kSystem, "a wrong sum"};
  }
  return {Code::kOk, failure.message() + "; now rank " + std::to_string(survivors->rank()) +
                         " of " + std::to_string(survivors->ranks())};
}

// One rank is sent a signal in the middle of its calls.
void expect_survivors(const Hosts& hosts, const Options& options, int lost, int signal,
                      std::size_t count) {
  const int ranks = static_cast<int>(hosts.size());
  SCOPED_TRACE("rank " + std::to_string(lost) + " of " + std::to_string(ranks));
  Job job(ranks, hosts_of_job(options, hosts),
          [count](Communicator& comm, Report& report) { return survive(comm, report, count); });
  job.wait_for_calls(5);
  kill(job.processes().pid(lost), signal);
  const std::string name = "rank " + std::to_string(lost) + " (host ";
  // The error, and the start of the communicator of the survivors.
  job.expect_all_end(Code::kOk, milliseconds(4000),
                     {name, "all_reduce #", " of " + std::to_string(ranks - 1)}, lost);
  for (int rank = 0; rank < ranks; ++rank) {
    if (rank == lost) continue;
    const std::string now = "; now rank " + std::to_string(rank - (rank > lost)) + " of ";
    EXPECT_NE(job.status(rank).message().find(now), std::string::npos)
        << job.status(rank).to_string();
  }
}

TEST(AKilledRank, OfProcessesIsNamedAndSurvived) {
  expect_survivors({0, 1}, patient_options(), /*lost=*/0, SIGKILL, 10);
  expect_survivors({0, 0, 1, 1}, patient_options(), /*lost=*/0, SIGKILL, 300'000);
  expect_survivors({0, 1, 0, 1}, patient_options(), /*lost=*/3, SIGKILL, 10);
  expect_survivors({0, 0, 0, 1, 2, 2}, patient_options(), /*lost=*/3, SIGKILL, 300'000);
}

// A part numbers its ranks in its own way; hearts beat for the whole.
TEST(AKilledRank, OfAPartOfProcessesIsNamedByItsNumberThereAndItsPlace) {
  const Hosts hosts = {0, 0, 1, 1};
  Job job(4, hosts_of_job(patient_options(), hosts), [](Communicator& comm, Report& report) {
    Result<Communicator> part = comm.split(comm.rank() == 0 ? -1 : 0, -comm.rank());
    if (!part.ok()) return part.status();
    if (!part->empty()) return survive(*part, report, 1000);
    report.calls = 1'000'000;  // takes no part
    std::this_thread::sleep_for(milliseconds(1500));
    return Status(Code::kOk, "all_reduce # of 2");
  });
  job.wait_for_calls(5);
  job.processes().kill(3);
  const std::string pid = "pid " + std::to_string(job.processes().pid(3));
  job.expect_all_end(Code::kOk, milliseconds(4000), {"all_reduce #", " of 2"}, 3);
  for (const int rank : {1, 2}) {
    const std::string text = job.status(rank).message();
    EXPECT_NE(text.find("rank 0 of this communicator is gone: rank 3 (host "), std::string::npos)
        << text;
    EXPECT_NE(text.find(pid), std::string::npos) << text;
  }
}

TEST(AKilledRank, OfProcessesIsNamedWithinASecondToWhoOnlyReceives) {
  const Hosts hosts = {0, 0, 1, 1};
  Job job(4, hosts_of_job(patient_options(), hosts), [](Communicator& comm, Report& report) {
    std::vector<int> data(10);
    Status status = comm.barrier();
    ++report.calls;
    if (comm.rank() == 3) std::this_thread::sleep_for(std::chrono::minutes(1));
    return status.ok() ? comm.receive(data, 3) : status;
  });
  job.wait_for_calls(1);
  std::this_thread::sleep_for(milliseconds(50));
  job.processes().kill(3);
  job.expect_all_end(Code::kPeerLost, milliseconds(1000), {"rank 3 (host ", "send_recv #1"}, 3);
}

TEST(AStoppedRank, OfProcessesIsNamedAndSurvived) {
  expect_survivors({0, 1}, quick_options(), /*lost=*/1, SIGSTOP, 300'000);
  expect_survivors({0, 0, 1, 1}, quick_options(), /*lost=*/0, SIGSTOP, 10);
  expect_survivors({0, 1, 0, 1}, quick_options(), /*lost=*/2, SIGSTOP, 300'000);
}

}  // namespace
}  // namespace tutti
