// Tests src/cli/explain_options.cc and explain_report.cc.
// ROOMS: cli base
// TIER: fast

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "cli/explain_options.h"
#include "cli/explain_report.h"

namespace tutti::cli {
namespace {

TEST(ExplainOptions, AreRead) {
  const auto request = parse_explain({"all_reduce,barrier", "8,64K", "--ranks", "4", "--hosts", "2",
                                      "--cores", "1", "--allocated", "-d", "half"});
  ASSERT_TRUE(request.ok()) << request.status().message();
  const ExplainOptions& options = request->options;
  EXPECT_EQ(options.collectives, (std::vector{Collective::kAllReduce, Collective::kBarrier}));
  EXPECT_EQ(options.sizes, (std::vector<std::size_t>{8, 64 << 10}));
  EXPECT_EQ(options.type, DataType::kFloat16);
  EXPECT_EQ(options.ranks, 4);
  EXPECT_EQ(options.hosts, 2);
  EXPECT_EQ(options.cores, 1);
  EXPECT_TRUE(options.allocated);
  EXPECT_FALSE(options.measure);
}

TEST(ExplainOptions, NameWhatIsWrong) {
  const auto error = [](std::vector<std::string> line) {
    return parse_explain(std::move(line)).status().message();
  };
  EXPECT_NE(error({"all_reduce"}).find("size"), std::string::npos);
  EXPECT_NE(error({"all_reduce", "8,,9"}).find("size"), std::string::npos);
  EXPECT_NE(error({"nothing", "8"}).find("nothing"), std::string::npos);
  EXPECT_NE(error({"all_reduce", "8", "--hosts", "0"}).find("--hosts 0"), std::string::npos);
  EXPECT_NE(error({"all_reduce", "8", "--measure", "--hosts", "2"}).find("launcher"),
            std::string::npos);
  EXPECT_NE(error({"all_reduce", "8", "--measure", "--topology", "x"}).find("one of them"),
            std::string::npos);
  EXPECT_FALSE(parse_explain({"--help"})->help.empty());
}

CallCandidate candidate(const char* algorithm, double us, std::string objection = "") {
  return {.algorithm = algorithm,
          .seconds = us * 1e-6,
          .tile_bytes = 32 << 10,
          .lanes = 3,
          .objection = std::move(objection)};
}

ExplainedCall call() {
  ExplainedCall call{{.bytes = 1 << 20, .host_of = {0, 0, 1, 1}, .cores = 2}, {}};
  call.candidates.push_back({candidate("ring", 100), 110e-6});
  call.candidates.push_back({candidate("one_shot", 80), std::nullopt});
  call.candidates[1].candidate.crowds = true;
  call.candidates.push_back({candidate("tree", 150), std::nullopt});
  call.candidates[2].candidate.inlined = true;
  call.candidates.push_back({candidate("huge", 0), std::nullopt});
  call.candidates[3].candidate.seconds = std::numeric_limits<double>::infinity();
  call.candidates.push_back({candidate("pull", 0, "reads memory of peers"), std::nullopt});
  return call;
}

TEST(ExplainReport, SaysWhichRunsAndWhyOthersDoNot) {
  EXPECT_EQ(explain_text({call()}, /*guess=*/false),
            "all_reduce of 1M, float, 4 ranks on 2 hosts of 2 cores\n"
            "    algorithm                     predicted   measured  (us)\n"
            "  * ring                             100.00     110.00  tile 32K, lanes 3      runs\n"
            "    one_shot                          80.00          -  tile 32K, lanes 3      0.80 "
            "times the time, talks to many hosts\n"
            "    tree                             150.00          -  in signals             1.50 "
            "times the time\n"
            "    huge                                  ?          -  tile 32K, lanes 3      too "
            "large to be predicted\n"
            "    pull                                  -          -  reads memory of peers\n"
            "\n");
  EXPECT_NE(explain_text({}, /*guess=*/true).find("first guess"), std::string::npos);
}

TEST(ExplainReport, JsonHasWhatIsKnown) {
  const auto document = nlohmann::json::parse(explain_json({call()}, /*guess=*/true));
  EXPECT_EQ(document["calibrated"], false);
  const auto& candidates = document["calls"][0]["candidates"];
  ASSERT_EQ(candidates.size(), 5u);
  EXPECT_DOUBLE_EQ(candidates[0]["predicted_us"], 100);
  EXPECT_DOUBLE_EQ(candidates[0]["measured_us"], 110);
  EXPECT_FALSE(candidates[1].contains("measured_us"));
  EXPECT_FALSE(candidates[3].contains("predicted_us"));
  EXPECT_EQ(candidates[4]["objection"], "reads memory of peers");
}

}  // namespace
}  // namespace tutti::cli
