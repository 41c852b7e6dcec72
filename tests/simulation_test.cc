// Tests tutti/simulate.h: src/studio/simulation.cc and production.cc.
// ROOMS: studio
// TIER: fast

#include <gtest/gtest.h>

#include <filesystem>

#include "tutti/simulate.h"

namespace tutti {
namespace {

const std::filesystem::path kTests = std::filesystem::path(TUTTI_TESTS);

ModelCluster cluster(const std::string& words) {
  const auto made = ModelCluster::parse(words);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return *made;
}

ModelCluster model(const std::string& name) {
  const auto file = read_topology_file(kTests / "topologies" / (name + ".xml"));
  EXPECT_TRUE(file.ok()) << file.status().message();
  const auto made = ModelCluster::of(file->topology);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return *made;
}

Simulation run(const ModelCluster& cluster, const SimulationRequest& request) {
  const auto simulation = simulate(cluster, request);
  EXPECT_TRUE(simulation.ok()) << simulation.status().message();
  return simulation.ok() ? *simulation : Simulation{};
}

std::string error(const ModelCluster& cluster, const SimulationRequest& request) {
  const auto simulation = simulate(cluster, request);
  EXPECT_FALSE(simulation.ok());
  return simulation.status().message();
}

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST(Simulation, LargeCallsReachWhatPortsAllow) {
  const Simulation ring = run(model("dgx-h100"), {.algorithm = "ring", .bytes = 1024 * kMiB});
  EXPECT_NEAR(ring.busbw, 370.8, 4);
  EXPECT_NEAR(ring.busbw / ring.algbw, 2 * 7 / 8.0, 1e-9);
  ASSERT_FALSE(ring.busiest.empty());
  EXPECT_GT(ring.busiest[0].utilisation, 0.98);
  EXPECT_LE(ring.busiest[0].utilisation, 1.001);
  EXPECT_EQ(ring.ranks, 8);
  EXPECT_EQ(ring.simulated_ranks, 1);
}

TEST(Simulation, SmallCallsTakeALatencyForEachMessage) {
  const std::string words = "ranks=8,port=450G,message=0ns,memory=1000T,call=0ns,latency=";
  SimulationRequest request{.algorithm = "recursive_doubling", .bytes = 8};
  const double near = run(cluster(words + "1us"), request).seconds;
  const double far = run(cluster(words + "11us"), request).seconds;
  EXPECT_NEAR(far - near, 3 * 10e-6, 1e-9);
}

TEST(Simulation, HostsAreSideBySide) {
  const auto four = model("dgx-h100").times(4);
  ASSERT_TRUE(four.ok());
  EXPECT_EQ(four->ranks(), 32);
  EXPECT_EQ(four->hosts(), 4);
  EXPECT_EQ(four->to_text(),
            "32 ranks on 4 hosts, 371 GB/s a rank each way; between hosts 8 x 48 GB/s");
  const Simulation flat = run(*four, {.algorithm = "ring", .bytes = 256 * kMiB});
  const Simulation levels = run(*four, {.algorithm = "hierarchical_ring", .bytes = 256 * kMiB});
  EXPECT_GT(levels.busbw, 3 * flat.busbw);  // all ports, instead of one at a time
}

TEST(Simulation, BothModelsAgreeWhereNothingCrosses) {
  SimulationRequest request{.algorithm = "ring", .bytes = 16 * kMiB};
  const ModelCluster four = cluster("ranks=4,port=100G");
  const double messages = run(four, request).seconds;
  request.model = SimulationModel::kFlows;
  EXPECT_NEAR(run(four, request).seconds / messages, 1, 0.05);
}

TEST(Simulation, FilesRunLikeAlgorithms) {
  const std::string file = kTests / "imports" / "ring_8.xml";
  const Simulation imported = run(model("dgx-h100"), {.schedule_file = file, .bytes = 64 * kMiB});
  const Simulation ours = run(model("dgx-h100"), {.algorithm = "ring", .bytes = 64 * kMiB});
  EXPECT_NEAR(imported.busbw / ours.busbw, 1, 0.1);
  EXPECT_EQ(error(cluster("ranks=4,port=1G"), {.schedule_file = file, .bytes = 1}),
            file + ": is of 8 ranks: expected a cluster of as many, not of 4");
  const std::string pull = kTests / "imports" / "reduce_scatter_4.json";
  EXPECT_EQ(error(cluster("hosts=2,ranks=2,port=1G,net=1G"), {.schedule_file = pull, .bytes = 1}),
            pull + ": reads memory of peers: expected a cluster of one host");
}

TEST(Simulation, SaysWhatDoesNotFit) {
  const ModelCluster two = cluster("hosts=2,ranks=2,port=1G,net=1G");
  EXPECT_EQ(error(two, {.algorithm = "rind", .bytes = 1}),
            "all_reduce has no algorithm \"rind\": docs/algorithms.md names them");
  EXPECT_EQ(error(two, {.algorithm = "one_shot_pull", .bytes = 1}),
            "all_reduce algorithm one_shot_pull does not run on 4 ranks of 2 hosts");
  EXPECT_EQ(
      error(two,
            {.collective = Collective::kBroadcast, .algorithm = "ring", .bytes = 1, .root = 4}),
      "root 4: expected one of the 4 ranks");
  EXPECT_EQ(error(two, {.algorithm = "one_shot", .bytes = 1, .scratch_bytes = 64}),
            "scratch of 64 bytes: expected at least 512 for so many chunks");
  EXPECT_EQ(two.times(0).status().message(), "hosts 0: expected from 1 to 262144");
  EXPECT_EQ(error(cluster("ranks=65536,port=1G"),
                  {.collective = Collective::kGather, .algorithm = "binomial", .bytes = 1}),
            "a schedule of 4294967296 steps: expected at most 30000000; take fewer ranks, or an "
            "algorithm that sends less often");
}

TEST(Simulation, EveryAlgorithmOfEveryCollectiveRuns) {
  for (const char* words : {"hosts=2,ranks=3,port=100G,net=10G", "ranks=5,port=100G", "ranks=4"}) {
    const ModelCluster machines = cluster(words);
    for (int c = 0; c < kCollectives; ++c) {
      const auto collective = static_cast<Collective>(c);
      for (const std::string& name : simulated_algorithms(machines, collective)) {
        const Simulation simulation =
            run(machines, {.collective = collective, .algorithm = name, .bytes = 100'000});
        EXPECT_GT(simulation.seconds, 0) << words << " " << name;
        EXPECT_LT(simulation.seconds, 1) << words << " " << name;
      }
    }
  }
}

// By symmetry, and each rank for itself.
TEST(Simulation, PicturesAreOfAllRanksAndChangeNothing) {
  SimulationRequest request{.algorithm = "hierarchical_ring", .bytes = kMiB};
  const ModelCluster four = cluster("hosts=4,ranks=2,port=100G,net=10G");
  const Simulation plain = run(four, request);
  request.svg = request.trace = true;
  const Simulation drawn = run(four, request);
  EXPECT_EQ(plain.simulated_ranks, 2);
  EXPECT_EQ(drawn.simulated_ranks, 8);
  EXPECT_NEAR(drawn.seconds / plain.seconds, 1, 1e-6);
  EXPECT_NE(drawn.svg.find("rank 7"), std::string::npos);
  EXPECT_NE(drawn.trace.find("traceEvents"), std::string::npos);
  EXPECT_EQ(plain.svg + plain.trace, "");
}

TEST(Simulation, TensOfThousandsOfRanks) {
  const Simulation tree = run(cluster("hosts=8192,ranks=8,port=450G,net=50G"),
                              {.algorithm = "hierarchical_doubling", .bytes = kMiB});
  EXPECT_EQ(tree.ranks, 65536);
  EXPECT_LE(tree.simulated_ranks, 16);
  EXPECT_GT(tree.seconds, 13 * 5e-6);
}

TEST(Simulation, ASummaryOfAFileSaysThatItIsProved) {
  const auto summary = read_schedule(kTests / "imports" / "ring_4.xml");
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->name, "ring_4");
  EXPECT_EQ(summary->ranks, 4);
  EXPECT_EQ(summary->steps, 6);
  EXPECT_TRUE(summary->in_place);
  EXPECT_TRUE(summary->dump.starts_with("rank 0\n  put    input[0] -> 1:scratch[0]\n"));
  EXPECT_FALSE(read_schedule(kTests / "imports" / "wrong_sum.xml").ok());
}

}  // namespace
}  // namespace tutti
