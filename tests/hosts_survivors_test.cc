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
  for (const auto& [hosts, lost] :
       {std::pair(Hosts{0, 1}, 0), std::pair(Hosts{0, 0, 1, 1}, 0), std::pair(Hosts{0, 1, 0, 1}, 3),
        std::pair(Hosts{0, 0, 0, 1, 2, 2}, 3)}) {
    for (const std::size_t count : {std::size_t{10}, std::size_t{300'000}}) {
      SCOPED_TRACE("rank " + std::to_string(lost) + " of " + std::to_string(hosts.size()));
      expect_survivors(hosts, patient_options(), lost, SIGKILL, count);
    }
  }
}

TEST(AStoppedRank, OfProcessesIsNamedAndSurvived) {
  for (const auto& [hosts, lost] : {std::pair(Hosts{0, 1}, 1), std::pair(Hosts{0, 0, 1, 1}, 0),
                                    std::pair(Hosts{0, 1, 0, 1}, 2)}) {
    for (const std::size_t count : {std::size_t{10}, std::size_t{300'000}}) {
      SCOPED_TRACE("rank " + std::to_string(lost) + " of " + std::to_string(hosts.size()));
      expect_survivors(hosts, quick_options(), lost, SIGSTOP, count);
    }
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

}  // namespace
}  // namespace tutti
