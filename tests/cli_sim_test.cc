// Tests src/cli/sim_options.cc and sim_report.cc.
//
// ROOMS: cli studio
// TIER: fast

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/sim_options.h"
#include "cli/sim_report.h"

namespace tutti::cli {
namespace {

Result<SimLine> parse(const std::string& line) {
  std::istringstream words(line);
  return parse_sim({std::istream_iterator<std::string>(words), {}});
}

SimOptions options(const std::string& line) {
  const auto parsed = parse(line);
  EXPECT_TRUE(parsed.ok()) << line << ": " << parsed.status().message();
  return parsed.ok() ? parsed->options : SimOptions{};
}

std::string error(const std::string& line) {
  const auto parsed = parse(line);
  EXPECT_FALSE(parsed.ok()) << line;
  return parsed.status().message();
}

TEST(CliSimOptions, EveryOptionIsUnderstood) {
  const SimOptions o = options(
      "--cluster hosts=2,ranks=4,port=1G,net=1G --hosts 3 --collective all_gather --algorithm ring "
      "--size 64M --type half --root 2 --model flows --tile 64K --lanes 4 --scratch 16M --trace t "
      "--svg s --goal g --goal-blocks all --json");
  EXPECT_EQ(o.cluster, "hosts=2,ranks=4,port=1G,net=1G");
  EXPECT_EQ(o.hosts, 3);
  EXPECT_EQ(o.request.collective, Collective::kAllGather);
  EXPECT_EQ(o.algorithm, "ring");
  EXPECT_EQ(o.sizes, std::vector<std::size_t>{64 << 20});
  EXPECT_EQ(o.request.type, DataType::kFloat16);
  EXPECT_EQ(o.request.root, 2);
  EXPECT_EQ(o.request.model, SimulationModel::kFlows);
  EXPECT_EQ(o.request.tile_bytes, 64u << 10);
  EXPECT_EQ(o.request.lanes, 4);
  EXPECT_EQ(o.request.scratch_bytes, 16u << 20);
  EXPECT_EQ(o.trace_file + o.svg_file + o.goal_file, "tsg");
  EXPECT_TRUE(o.goal_all_blocks);
  EXPECT_TRUE(o.json);
}

TEST(CliSimOptions, DefaultsAreAllAlgorithmsAtOneMebibyte) {
  const SimOptions o = options("--topology a.xml");
  EXPECT_EQ(o.algorithm, "all");
  EXPECT_EQ(o.sizes, std::vector<std::size_t>{1 << 20});
  EXPECT_EQ(o.request.collective, Collective::kAllReduce);
  EXPECT_EQ(o.request.model, SimulationModel::kMessages);
  EXPECT_EQ(o.request.lanes, 0);
}

TEST(CliSimOptions, WhatDoesNotFitIsNamed) {
  EXPECT_EQ(error(""), "expected --topology or --cluster, to run on, or --schedule, to prove");
  EXPECT_EQ(error("--topology a --cluster ranks=2"),
            "--cluster ranks=2: expected none beside --topology");
  EXPECT_EQ(error("--schedule a --algorithm ring"),
            "--algorithm ring: expected none beside --schedule");
  EXPECT_EQ(error("--cluster ranks=2 --svg a"),
            "--trace, --svg and --goal: expected one --size and one --algorithm beside them");
  EXPECT_EQ(error("--cluster ranks=2 --algorithm ring --size 1,2 --svg a"),
            "--trace, --svg and --goal: expected one --size and one --algorithm beside them");
  EXPECT_EQ(error("--schedule a --trace t"),
            "--trace, --svg and --goal: expected --topology or --cluster beside them");
  EXPECT_EQ(error("--cluster ranks=2 --dump"), "--dump : expected --schedule beside it");
  EXPECT_EQ(error("--cluster ranks=2 --model packets"),
            "--model packets: expected messages or flows");
  EXPECT_EQ(error("--cluster ranks=2 --size 1M,many"),
            "--size many: expected a size such as 64, 8K, 1.5M or 2G");
  EXPECT_EQ(error("--cluster ranks=2 --hosts 0"),
            "--hosts 0: expected a whole number from 1 to 1048576");
  EXPECT_EQ(error("--cluster ranks=2 --tile 0"), "--tile 0: expected more than nothing");
  EXPECT_EQ(error("--cluster ranks=2 --collective all_gather,reduce"),
            "--collective all_gather,reduce: expected one");
}

SimRow row() {
  Simulation s;
  s.algorithm = "ring";
  s.ranks = 8;
  s.simulated_ranks = 1;
  s.seconds = 24.28e-6;
  s.algbw = 43.19;
  s.busbw = 75.58;
  s.busiest = {{"rank 0 out", 0.2}, {"host 0 port 0 out", 0.0012}};
  s.wall_seconds = 0.0125;
  return {1 << 20, "ring", s, ""};
}

TEST(CliSimReport, ALineSaysTimeBandwidthAndWhatIsBusy) {
  EXPECT_EQ(
      sim_line(row()),
      "       1048576  ring                               24.3     43.2     75.6     0.013  rank 0 "
      "out 20 %, host 0 port 0 out 0.12 %\n");
  EXPECT_EQ(sim_line({8, "ring", {}, "does not run"}),
            "             8  ring                        does not run\n");
}

TEST(CliSimReport, AProofSaysWhatItCosts) {
  const ScheduleSummary summary{.name = "mine",
                                .ranks = 4,
                                .chunks = 4,
                                .in_place = true,
                                .steps = 6,
                                .chunks_sent = 6,
                                .chunks_reduced = 3,
                                .scratch_chunks = 3,
                                .dump = ""};
  EXPECT_EQ(sim_proof("a.xml", summary),
            "a.xml: mine, all_reduce of 4 ranks in 4 chunks: proved right, in place too\n"
            "  messages in the longest chain: 6; a rank sends at most 6 chunks, reduces 3; scratch "
            "chunks: 3\n");
}

TEST(CliSimReport, TheDocumentHoldsAllOfIt) {
  const auto cluster = ModelCluster::parse("hosts=2,ranks=4,port=450G,net=50G");
  ASSERT_TRUE(cluster.ok());
  const auto document = nlohmann::json::parse(
      sim_json(SimOptions{}, *cluster, std::nullopt, {row(), {8, "tree", {}, "why"}}, "1.2"));
  EXPECT_EQ(document["tutti"], "1.2");
  EXPECT_EQ(document["cluster"]["ranks"], 8);
  EXPECT_EQ(document["cluster"]["text"],
            "8 ranks on 2 hosts, 450 GB/s a rank each way; between hosts 4 x 50 GB/s");
  EXPECT_EQ(document["settings"]["collective"], "all_reduce");
  EXPECT_NEAR(document["results"][0]["time_us"], 24.28, 1e-9);
  EXPECT_EQ(document["results"][0]["links"][0]["name"], "rank 0 out");
  EXPECT_EQ(document["results"][1]["reason"], "why");
}

}  // namespace
}  // namespace tutti::cli
