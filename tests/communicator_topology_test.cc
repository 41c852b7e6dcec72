// Tests src/communicator/topology.cc: ranks as threads, on one host and on two made-up ones.
//
// TIER: fast

#include <gtest/gtest.h>

#include <mutex>

#include "hosts.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

// The ranks on a host's processors, ascending.
std::vector<int> ranks_on(const TopologyHost& host) {
  std::vector<int> ranks;
  for (const Cpu& cpu : host.cpus) {
    for (const CpuRank& rank : cpu.ranks) {
      EXPECT_FALSE(rank.cpus.empty()) << rank.rank;
      ranks.push_back(rank.rank);
    }
  }
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

// Expects all ranks to have the same topology, and answers it.
class Agreed {
 public:
  void take(Communicator& comm) {
    const Result<TopologyReport> report = comm.topology();
    ASSERT_OK(report.status());
    const std::lock_guard lock(mutex_);
    if (!topology_) topology_ = report->topology;
    EXPECT_EQ(*topology_, report->topology) << "rank " << comm.rank();
  }

  const Topology& topology() const { return *topology_; }

 private:
  std::mutex mutex_;
  std::optional<Topology> topology_;
};

TEST(CommunicatorTopology, OneHostHoldsAllRanks) {
  Agreed agreed;
  test::on_ranks(3, [&](Communicator& comm) { agreed.take(comm); });
  ASSERT_EQ(agreed.topology().hosts.size(), 1u);
  EXPECT_EQ(ranks_on(agreed.topology().hosts[0]), (std::vector<int>{0, 1, 2}));
}

TEST(CommunicatorTopology, EveryHostHoldsItsOwnRanks) {
  Agreed agreed;
  test::on_hosts({0, 1, 0, 1, 1}, [&](Communicator& comm) { agreed.take(comm); });
  ASSERT_EQ(agreed.topology().hosts.size(), 2u);
  const TopologyHost &a = agreed.topology().hosts[0], &b = agreed.topology().hosts[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(b.name, "b");
  EXPECT_NE(a.id, b.id);
  EXPECT_EQ(a.id.size(), 18u) << "a number of 64 bits for NCCL to read: " << a.id;
  EXPECT_EQ(ranks_on(a), (std::vector<int>{0, 2}));
  EXPECT_EQ(ranks_on(b), (std::vector<int>{1, 3, 4}));
}

TEST(CommunicatorTopology, ASplitCommunicatorHasItsOwnRanks) {
  Agreed agreed;
  test::on_ranks(3, [&](Communicator& comm) {
    Result<Communicator> pair = comm.split(comm.rank() == 1 ? -1 : 0);
    ASSERT_OK(pair.status());
    if (!pair->empty()) agreed.take(*pair);
  });
  EXPECT_EQ(ranks_on(agreed.topology().hosts.at(0)), (std::vector<int>{0, 1}));
}

TEST(CommunicatorTopology, AnEmptyCommunicatorHasNone) {
  EXPECT_EQ(Communicator().topology().status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tutti
