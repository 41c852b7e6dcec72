// Tests src/cli/table.cc, results.cc, report_json.cc and machine.cc.
//
// ROOMS: cli base
// TIER: fast

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/machine.h"
#include "cli/report_json.h"
#include "cli/table.h"

namespace tutti::cli {
namespace {

Row example() {
  const Problem problem{Collective::kAllReduce, DataType::kFloat32, Reduction::kSum, 0, 4, 262144};
  const Outcome out{"two_shot", "shm", {90, 100, 200}, 0, Versus{"Some MPI", {1, 250, 300}}};
  const Outcome in{"ring", "shm", {4000, 5000.25, 6000}, 3, {}};
  return {problem, out, in};
}

TEST(CliTable, RowHasTheColumnsOfNcclTestsThenTheAlgorithm) {
  EXPECT_EQ(table_row(example(), {}),
            "     1048576        262144     float     sum      -1"
            "   100.00   10.49   15.73       0   5000.2    0.21    0.31       3  two_shot/ring");
}

TEST(CliTable, RowWithEveryColumn) {
  const TableFormat format{true, false, true, "mpi"};
  EXPECT_EQ(table_row(example(), format),
            "     1048576        262144     float     sum      -1"
            "    90.00   100.00   200.00   10.49   15.73       0   250.00    2.50  two_shot/ring");
}

TEST(CliTable, WhatWasNotMeasuredIsADash) {
  Row row = example();
  row.out_of_place.reset();
  row.in_place->errors.reset();
  EXPECT_EQ(table_row(row, {}),
            "     1048576        262144     float     sum      -1"
            "        -       -       -     N/A   5000.2    0.21    0.31     N/A  ring");
}

TEST(CliTable, TitlesStandOverTheirColumns) {
  for (const bool all : {false, true}) {
    const TableFormat format{true, true, all, all ? "mpi" : ""};
    const std::string titles = table_titles(Collective::kAllReduce, format);
    const std::string row = table_row(example(), format);
    const auto last = titles.rfind('\n', titles.size() - 2);
    const auto before = titles.rfind('\n', last - 1);
    const std::string names = titles.substr(before + 1, last - before - 1);
    EXPECT_EQ(names.find("algorithm"), row.find("two_shot"));
    EXPECT_EQ(names.find("count") + 5, row.find("262144") + 6);
  }
}

TEST(CliTable, HeaderAndFooterLinesBeginWithAHash) {
  const std::string text =
      table_preamble({}, {{"here", 7, 0, 0}, {"there", 8, -1, 1}}, "1.2.3", "Some MPI") +
      table_titles(Collective::kBroadcast, {}) + table_footer(summarize({example()}));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_EQ(line.substr(0, 1), "#") << line;
  EXPECT_NE(text.find("# Using ranks on 2 hosts\n"), std::string::npos);
  EXPECT_NE(text.find("Rank   1 Pid       8 on there not bound"), std::string::npos);
  EXPECT_NE(text.find("# Collective test starting: broadcast\n"), std::string::npos);
}

TEST(CliTable, FooterTellsWrongResults) {
  const std::string text = table_footer(summarize({example()}));
  EXPECT_NE(text.find("# Out of bounds values : 3 FAILED\n"), std::string::npos);
  EXPECT_NE(text.find("# Algorithms          : two_shot ring\n"), std::string::npos);
  Row right = example();
  right.in_place->errors = 0;
  EXPECT_NE(table_footer(summarize({right})).find("# Out of bounds values : 0 OK\n"),
            std::string::npos);
}

TEST(CliTable, FooterNamesEachTransportOnce) {
  Row second = example();
  second.in_place->transports = "shm and ucx (tcp on e0)";
  const std::string text = table_footer(summarize({example(), second}));
  EXPECT_NE(text.find("# Transports          : shm; shm and ucx (tcp on e0)\n"), std::string::npos);
}

TEST(CliTable, OneHostIsNotCounted) {
  const std::string text = table_preamble({}, {{"a", 7, 0, 0}, {"a", 8, 1, 0}}, "1.2.3", "");
  EXPECT_NE(text.find("# Using ranks\n"), std::string::npos);
}

TEST(CliTable, AverageBusBandwidthIsOverBothPlacements) {
  const Row row = example();
  const double expected = (busbw(row.problem, 100) + busbw(row.problem, 5000.25)) / 2;
  EXPECT_DOUBLE_EQ(summarize({row}).average_busbw, expected);
}

TEST(CliTable, TimesStayNarrow) {
  EXPECT_EQ(format_time(0.237), "0.24");
  EXPECT_EQ(format_time(1234.56), "1234.6");
  EXPECT_EQ(format_time(123456.7), "123457");
  EXPECT_LE(format_time(3e12).size(), 8u);
}

TEST(CliReportJson, HoldsEveryOutcomeWithItsFigures) {
  PerfOptions options;
  const auto document = nlohmann::json::parse(report_json(
      options, this_machine(), {{"here", 7, 0, 0}, {"here", 8, -1, 1}}, {example()}, "1.2"));
  EXPECT_EQ(document["tutti"], "1.2");
  EXPECT_EQ(document["machine"]["ranks"][1]["pid"], 8);
  EXPECT_TRUE(document["machine"]["ranks"][1]["cpu"].is_null());
  EXPECT_EQ(document["machine"]["ranks"][1]["host_number"], 1);
  EXPECT_EQ(document["machine"]["hosts"], 2);
  ASSERT_EQ(document["results"].size(), 2u);

  const auto& out = document["results"][0];
  EXPECT_EQ(out["collective"], "all_reduce");
  EXPECT_EQ(out["algorithm"], "two_shot");
  EXPECT_EQ(out["transports"], "shm");
  EXPECT_EQ(out["ranks"], 4);
  EXPECT_EQ(out["bytes"], 1048576);
  EXPECT_EQ(out["type"], "float");
  EXPECT_EQ(out["op"], "sum");
  EXPECT_TRUE(out["root"].is_null());
  EXPECT_EQ(out["in_place"], false);
  EXPECT_EQ(out["time_us"]["median"], 100);
  EXPECT_NEAR(out["busbw"].get<double>(), 15.73, 0.01);
  EXPECT_EQ(out["errors"], 0);
  EXPECT_EQ(out["vs"]["library"], "Some MPI");
  EXPECT_EQ(out["vs"]["ratio"], 2.5);
  EXPECT_EQ(document["results"][1]["in_place"], true);
  EXPECT_FALSE(document["results"][1].contains("vs"));
}

TEST(CliReportJson, WhatIsNotKnownIsNull) {
  Row row = example();
  row.problem.collective = Collective::kAllGather;
  row.in_place.reset();
  row.out_of_place->errors.reset();
  const auto document = nlohmann::json::parse(report_json({}, {}, {}, {row}, ""));
  ASSERT_EQ(document["results"].size(), 1u);
  EXPECT_TRUE(document["results"][0]["op"].is_null());
  EXPECT_TRUE(document["results"][0]["errors"].is_null());
}

TEST(CliMachine, SaysWhatAnyLinuxSays) {
  const Machine machine = this_machine();
  EXPECT_FALSE(machine.host.empty());
  EXPECT_GE(machine.cores, 1);
  EXPECT_GT(machine.memory_bytes, available_memory() / 2);
  EXPECT_GT(available_memory(), 0u);
}

TEST(CliMachine, CpusByCoreAreTheAllowedOnes) {
  auto cpus = cpus_by_core();
  std::sort(cpus.begin(), cpus.end());
  EXPECT_EQ(cpus, allowed_cpus());
}

}  // namespace
}  // namespace tutti::cli
