// Tests the checks of `tutti doctor` about processors, clock and load:
// src/cli/doctor_processors.cc, doctor_clock.cc, doctor_load.cc.
//
// ROOMS: cli communicator
// TIER: fast

#include <gtest/gtest.h>

#include "cli/doctor_clock.h"
#include "cli/doctor_load.h"
#include "cli/doctor_processors.h"
#include "findings.h"
#include "made_up_files.h"

namespace tutti::cli::doctor {
namespace {

const std::string kCpus = "devices/system/cpu/";

Processors governed(const std::string& driver, const std::string& governor,
                    const std::string& preference = "") {
  Processors processors;
  processors.driver = driver;
  processors.governor = governor;
  processors.preference = preference;
  return processors;
}

TEST(CliDoctorProcessors, CoresNodesAndFrequenciesAreRead) {
  test::MadeUpFiles tree;
  tree.write(kCpus + "online", "0-3");
  tree.write(kCpus + "cpu0/topology/thread_siblings_list", "0,2");
  tree.write(kCpus + "cpu1/topology/thread_siblings_list", "1,3");
  tree.write(kCpus + "cpu2/topology/thread_siblings_list", "0,2");
  tree.write(kCpus + "cpufreq/policy0/scaling_driver", "acpi-cpufreq");
  tree.write(kCpus + "cpufreq/policy0/scaling_governor", "powersave");
  tree.write("devices/system/node/node0/cpulist", "0,2");
  tree.write("devices/system/node/node1/cpulist", "1,3");
  tree.write("devices/system/node/possible", "0-1");
  const Processors processors = read_processors(tree.root());
  EXPECT_EQ(processors.online, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(processors.core_of(2), 0);
  EXPECT_EQ(processors.core_of(3), 3);  // the system does not say
  EXPECT_EQ(processors.node_of(3), 1);
  EXPECT_EQ(processors.node_of(7), 0);
  EXPECT_EQ(processors.governor, "powersave");
}

// With intel_pstate and amd-pstate-epp "powersave" is what all frequencies are reached with.
TEST(CliDoctorProcessors, PowersaveCostsWhereItMeansTheLowestFrequency) {
  const Findings slow = check_governor(governed("acpi-cpufreq", "powersave"));
  EXPECT_TRUE(says(only(slow, Severity::kCosts).fix, "performance"));
  EXPECT_EQ(worst(check_governor(governed("intel_pstate", "powersave", "balance_performance"))),
            Severity::kGood);
  EXPECT_EQ(worst(check_governor(governed("amd-pstate-epp", "powersave", "power"))),
            Severity::kCosts);
  EXPECT_EQ(worst(check_governor(governed("acpi-cpufreq", "schedutil"))), Severity::kGood);
  EXPECT_TRUE(check_governor({}).empty());
}

TEST(CliDoctorProcessors, ASlowClockCostsWhatAReadingTakes) {
  EXPECT_EQ(worst(check_clock({.source = "tsc", .read_ns = 30})), Severity::kGood);
  const Finding slow =
      only(check_clock({.source = "hpet", .available = "tsc hpet acpi_pm", .read_ns = 1200}),
           Severity::kCosts);
  EXPECT_TRUE(says(slow.what, "hpet: read in 1200 ns")) << slow.what;
  EXPECT_TRUE(says(slow.cost, "1.2 µs")) << slow.cost;
  EXPECT_TRUE(says(slow.fix, "echo tsc")) << slow.fix;
  const Finding none =
      only(check_clock({.source = "xen", .available = "xen", .read_ns = 800}), Severity::kCosts);
  EXPECT_FALSE(says(none.fix, "echo tsc")) << none.fix;
}

TEST(CliDoctorProcessors, TheClockIsReallyRead) {
  test::MadeUpFiles tree;
  tree.write("devices/system/clocksource/clocksource0/current_clocksource", "hpet");
  const ClockFacts clock = read_clock(tree.root());
  EXPECT_EQ(clock.source, "hpet");
  EXPECT_GT(clock.read_ns, 1);
  EXPECT_LT(clock.read_ns, 1e6);
}

TEST(CliDoctorProcessors, TimesAreTheFirstLineOfStat) {
  test::MadeUpFiles tree;
  tree.write("stat", "cpu  100 200 300 4000 500 10 20 70 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10");
  const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  const ProcessorTimes times = read_processor_times(tree.root());
  EXPECT_DOUBLE_EQ(times.busy, 630 * tick);
  EXPECT_DOUBLE_EQ(times.idle, 4500 * tick);
  EXPECT_DOUBLE_EQ(times.stolen, 70 * tick);
  EXPECT_EQ(read_processor_times(tree.root() / "nothing"), ProcessorTimes());
}

// 2 processors for 1 s.
Load load(double busy, double own = 0) {
  return {{.busy = 10, .idle = 5}, {.busy = 10 + busy, .idle = 5 + 2 - busy}, own};
}

TEST(CliDoctorProcessors, OtherProgramsCostWhereRanksLackAProcessor) {
  EXPECT_EQ(worst(check_load(load(0.1), 2, 2)), Severity::kGood);
  EXPECT_EQ(worst(check_load(load(1.5, 1.5), 2, 2)), Severity::kGood);
  EXPECT_EQ(worst(check_load(load(1.0), 2, 1)), Severity::kNote);
  const Findings crowded = check_load(load(1.3), 2, 2);
  EXPECT_EQ(only(crowded, Severity::kCosts).what, "other programs use 1.3 of 2 processors");
  expect_advice(crowded);
  EXPECT_TRUE(check_load({}, 2, 2).empty());
}

TEST(CliDoctorProcessors, LoadIsReallyWatched) {
  const Load seen = watch_load("/proc");
  const double passed = seen.after.busy + seen.after.idle - seen.before.busy - seen.before.idle;
  EXPECT_GT(passed, 0.1);
  EXPECT_LT(seen.own_s, 0.2);
}

TEST(CliDoctorProcessors, StolenTimeIsAShareOfWhatWasWanted) {
  EXPECT_TRUE(check_steal({}).empty());
  EXPECT_TRUE(check_steal({.busy = 1000, .idle = 5000, .stolen = 1}).empty());
  EXPECT_EQ(worst(check_steal({.busy = 99, .idle = 5000, .stolen = 1})), Severity::kNote);
  const Findings much = check_steal({.busy = 90, .idle = 5000, .stolen = 10});
  EXPECT_TRUE(says(only(much, Severity::kCosts).what, "10.0 %")) << render(much);
  expect_advice(much);
}

}  // namespace
}  // namespace tutti::cli::doctor
