// Tests the checks of `tutti doctor` about limits: src/cli/doctor_cgroup.cc, doctor_limits.cc.
//
// ROOMS: cli communicator
// TIER: fast

#include <gtest/gtest.h>

#include "cli/doctor_limits.h"
#include "findings.h"
#include "made_up_files.h"

namespace tutti::cli::doctor {
namespace {

constexpr double kMiB = 1 << 20;

const std::string kTop = "sys/fs/cgroup/";

Crew crew(int ranks, int on_host) { return {.on_host = on_host, .ranks = ranks}; }

TEST(CliDoctorLimits, Version2TakesTheNarrowestOfAGroupAndThoseAboveIt) {
  test::MadeUpFiles tree;
  tree.write("proc/self/cgroup", "0::/pod/box");
  tree.write(kTop + "cgroup.controllers", "cpu memory pids");
  tree.write(kTop + "pod/cpu.max", "150000 100000");
  tree.write(kTop + "pod/cpu.stat", "usage_usec 9\nthrottled_usec 2500000");
  tree.write(kTop + "pod/memory.max", "max");
  tree.write(kTop + "pod/box/cpu.max", "max 100000");
  tree.write(kTop + "pod/box/memory.max", "1048576");
  tree.write(kTop + "pod/box/memory.current", "524288");
  tree.write(kTop + "pod/box/memory.stat", "anon 1\ninactive_file 1024");
  tree.write(kTop + "pod/box/pids.max", "100");
  tree.write(kTop + "pod/box/pids.current", "97");
  const Cgroup group = read_cgroup(tree.root());
  EXPECT_EQ(group, (Cgroup{.processors = 1.5,
                           .period_ms = 100,
                           .throttled_s = 2.5,
                           .memory = 1048576.0,
                           .memory_room = 524288 + 1024,
                           .tasks = 100,
                           .task_room = 3}));
}

TEST(CliDoctorLimits, Version1HasAFolderAController) {
  test::MadeUpFiles tree;
  tree.write("proc/self/cgroup", "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n1:name=systemd:/");
  tree.write(kTop + "cpu/cpu.cfs_quota_us", "-1");
  tree.write(kTop + "cpu/cpu.cfs_period_us", "100000");
  tree.write(kTop + "cpu/docker/x/cpu.cfs_quota_us", "400000");
  tree.write(kTop + "cpu/docker/x/cpu.cfs_period_us", "100000");
  tree.write(kTop + "cpu/docker/x/cpu.stat", "throttled_time 1500000000");
  tree.write(kTop + "memory/memory.limit_in_bytes", "9223372036854771712");
  tree.write(kTop + "memory/docker/x/memory.limit_in_bytes", "2097152");
  tree.write(kTop + "memory/docker/x/memory.usage_in_bytes", "1048576");
  tree.write(kTop + "pids/pids.max", "max");
  const Cgroup group = read_cgroup(tree.root());
  EXPECT_EQ(group.processors, 4);
  EXPECT_EQ(group.throttled_s, 1.5);
  EXPECT_EQ(group.memory, 2097152.0);
  EXPECT_EQ(group.memory_room, 1048576);
  EXPECT_FALSE(group.tasks);
}

// As in containers without a cgroup namespace: the path is the host's.
TEST(CliDoctorLimits, APathThatLeadsNowhereLeavesTheTop) {
  test::MadeUpFiles tree;
  tree.write("proc/self/cgroup", "0::/system.slice/docker-1234.scope");
  tree.write(kTop + "cgroup.controllers", "cpu");
  tree.write(kTop + "cpu.max", "50000 100000");
  EXPECT_EQ(read_cgroup(tree.root()).processors, 0.5);
}

TEST(CliDoctorLimits, NothingThereIsNoLimit) {
  test::MadeUpFiles tree;
  EXPECT_EQ(read_cgroup(tree.root()), Cgroup());
  const Findings findings = check_processor_quota({}, 8, 8);
  EXPECT_EQ(worst(findings), Severity::kGood);
  EXPECT_EQ(worst(check_memory_limit({}, 1e12)), Severity::kGood);
  EXPECT_TRUE(check_task_limit({}, 1000).empty());
}

TEST(CliDoctorLimits, AQuotaBelowTheProcessorsThatAreSeenCosts) {
  const Cgroup group{.processors = 1.5, .period_ms = 100, .throttled_s = 12};
  const Finding costs = only(check_processor_quota(group, 8, 8), Severity::kCosts);
  EXPECT_TRUE(says(costs.what, "1.5 processors, and 8 are seen, with 8 ranks")) << costs.what;
  EXPECT_TRUE(says(costs.cost, "100 ms") && says(costs.cost, "12.0 s so far")) << costs.cost;
  EXPECT_TRUE(says(costs.fix, "at most 1 rank here")) << costs.fix;
  EXPECT_EQ(worst(check_processor_quota({.processors = 8, .period_ms = 100}, 8, 8)),
            Severity::kGood);
}

TEST(CliDoctorLimits, MemoryFailsWhereTheRanksDoNotFit) {
  const Cgroup group{.memory = 100 * kMiB, .memory_room = 64 * kMiB};
  EXPECT_EQ(worst(check_memory_limit(group, 32 * kMiB)), Severity::kNote);
  const Findings fails = check_memory_limit(group, 80 * kMiB);
  EXPECT_TRUE(says(only(fails, Severity::kFails).cost, "80 MiB")) << render(fails);
  expect_advice(fails);
}

TEST(CliDoctorLimits, ThreadsFailWhereTheRanksDoNotFit) {
  EXPECT_TRUE(check_task_limit({.tasks = 100, .task_room = 10}, 2).empty());
  const Findings fails = check_task_limit({.tasks = 100, .task_room = 9}, 2);
  EXPECT_TRUE(says(only(fails, Severity::kFails).what, "9 threads")) << render(fails);
  expect_advice(fails);
}

TEST(CliDoctorLimits, DescriptorsAreCountedByRanksAndMoreByThoseOfOtherHosts) {
  EXPECT_EQ(worst(check_descriptors(std::nullopt, crew(100000, 1))), Severity::kGood);
  EXPECT_EQ(worst(check_descriptors(1024, crew(512, 512))), Severity::kGood);
  const Findings fails = check_descriptors(1024, crew(512, 8));
  only(fails, Severity::kFails);
  expect_advice(fails);
  EXPECT_EQ(worst(check_descriptors(2048, crew(512, 8))), Severity::kGood);
}

}  // namespace
}  // namespace tutti::cli::doctor
