// Tests how `tutti doctor` tells of several hosts, and in JSON: src/cli/doctor_report.cc,
// doctor_json.cc.
//
// ROOMS: cli communicator
// TIER: fast

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/doctor_report.h"

namespace tutti::cli::doctor {
namespace {

HostReport host(const std::string& name, std::vector<int> ranks) {
  return {.host = name,
          .ranks = std::move(ranks),
          .speed = 1000,
          .sections = {{"network", "  eth0  used\n", {good("it runs")}}},
          .moment = {"at this moment", "", {good("quiet")}}};
}

TEST(CliDoctorReport, OneHostIsOneList) {
  EXPECT_EQ(render(Report{.hosts = {host("a", {})}}),
            "a\n"
            "  network\n"
            "    eth0  used\n"
            "    good   it runs\n"
            "  at this moment\n"
            "    good   quiet\n\n");
}

TEST(CliDoctorReport, HostsThatAreAlikeAreDescribedOnceWhateverTheMoment) {
  Report report{.hosts = {host("a", {0, 1}), host("b", {2}), host("c", {3})}, .ranks = 4};
  report.hosts[1].moment.findings = {{Severity::kNote, "busy"}};
  report.hosts[2].sections[0].findings = {{Severity::kCosts, "it limps", "time", "rest"}};
  report.between = {"between hosts", "", {good("near")}};
  EXPECT_EQ(render(report),
            "a (2 of 4 ranks), b (1 of 4 ranks)\n"
            "  network\n"
            "    eth0  used\n"
            "    good   it runs\n\n"
            "c (1 of 4 ranks)\n"
            "  network\n"
            "    eth0  used\n"
            "    slow   it limps\n"
            "           cost: time\n"
            "           fix: rest\n\n"
            "a (2 of 4 ranks), c (1 of 4 ranks)\n"
            "  at this moment\n"
            "    good   quiet\n\n"
            "b (1 of 4 ranks)\n"
            "  at this moment\n"
            "    note   busy\n\n"
            "between hosts\n"
            "  good   near\n\n");
}

TEST(CliDoctorReport, TheWorstMayBeAnywhere) {
  Report report{.hosts = {host("a", {0})}};
  EXPECT_EQ(worst(report), Severity::kGood);
  report.between.findings = {{Severity::kNote, ""}};
  EXPECT_EQ(worst(report), Severity::kNote);
  report.hosts[0].moment.findings = {{Severity::kCosts, ""}};
  EXPECT_EQ(worst(report), Severity::kCosts);
  report.hosts[0].sections[0].findings = {{Severity::kFails, ""}};
  EXPECT_EQ(worst(report), Severity::kFails);
}

TEST(CliDoctorReport, JsonHoldsEveryFindingWithWhatItIsAbout) {
  Report report{.hosts = {host("a", {0, 1})}, .ranks = 2};
  report.between = {"between hosts", "", {{Severity::kCosts, "far", "time", "move"}}};
  const auto json = nlohmann::json::parse(to_json(report, "1.2"));
  EXPECT_EQ(json["tutti"], "1.2");
  EXPECT_EQ(json["worst"], "costs");
  EXPECT_EQ(json["hosts"][0]["host"], "a");
  EXPECT_EQ(json["hosts"][0]["ranks"], (std::vector<int>{0, 1}));
  EXPECT_EQ(json["hosts"][0]["findings"].size(), 2u);
  EXPECT_EQ(json["hosts"][0]["findings"][1],
            nlohmann::json::parse(R"({"about": "at this moment", "severity": "good",
                                      "what": "quiet", "cost": null, "fix": null})"));
  EXPECT_EQ(json["between_hosts"][0]["fix"], "move");
}

TEST(CliDoctorReport, WhatTravelsArrives) {
  HostReport report = host("ä \"quoted\"\n", {0, 7});
  report.sections[0].findings.push_back({Severity::kFails, "what", "cost", "fix"});
  const auto arrived = unpack(pack(report));
  ASSERT_TRUE(arrived.ok()) << arrived.status().message();
  EXPECT_EQ(*arrived, report);
}

TEST(CliDoctorReport, WhatIsNoReportIsRefused) {
  for (const char* text : {"", "{}", "[1]", "no json", R"({"host": 3})"}) {
    EXPECT_EQ(unpack(text).status().code(), Code::kMismatch) << text;
  }
}

// A machine may call itself what it likes.
TEST(CliDoctorReport, BytesThatAreNoTextDoNotStopIt) {
  const auto arrived = unpack(pack(host("\xff", {})));
  EXPECT_TRUE(arrived.ok());
  EXPECT_FALSE(to_json(Report{.hosts = {host("\xff", {})}}, "1").empty());
}

}  // namespace
}  // namespace tutti::cli::doctor
