// Tests src/cli/simulated.cc.
// ROOMS: cli communicator studio
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/simulated.h"

namespace tutti::cli {
namespace {

TEST(Simulated, TheFastestComesFirst) {
  const auto cluster = ModelCluster::parse("hosts=1,ranks=8,port=100G,latency=1us");
  ASSERT_TRUE(cluster.ok()) << cluster.status().message();
  for (const std::size_t bytes : {std::size_t{8}, std::size_t{256} << 20}) {
    const auto all =
        simulated_candidates(*cluster, Collective::kAllReduce, bytes, DataType::kFloat32);
    ASSERT_GT(all.size(), 5u);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return a.objection.empty() && b.objection.empty() && a.seconds < b.seconds;
    }));
  }
}

// Latency decides about small calls, the ports about large ones.
TEST(Simulated, SizesDifferInWhatIsChosen) {
  const auto cluster = ModelCluster::parse("hosts=1,ranks=8,port=100G,latency=10us");
  ASSERT_TRUE(cluster.ok());
  const auto first = [&](std::size_t bytes) {
    return simulated_candidates(*cluster, Collective::kAllReduce, bytes, DataType::kFloat32)
        .front()
        .algorithm;
  };
  EXPECT_NE(first(8), first(std::size_t{256} << 20));
}

TEST(Simulated, TheTableNamesEveryCollective) {
  const auto report = parse_topology_xml(
      "<system version=\"1\"><cpu numaid=\"0\" affinity=\"f\" arch=\"x86_64\">"
      "<rank id=\"0\" cpus=\"0\"/><rank id=\"1\" cpus=\"1\"/></cpu></system>",
      "two.xml");
  ASSERT_TRUE(report.ok()) << report.status().message();
  const std::string text = choices_text(report->topology);
  for (const char* what : {"all_reduce", "all_gather", "all_to_all", "64M"}) {
    EXPECT_NE(text.find(what), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace tutti::cli
