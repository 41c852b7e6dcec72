// Tests the checks of `tutti doctor` about memory: src/cli/doctor_locked_memory.cc,
// doctor_shared_memory.cc, doctor_cma.cc.
//
// ROOMS: cli communicator
// TIER: fast

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "cli/doctor_cma.h"
#include "cli/doctor_locked_memory.h"
#include "cli/doctor_shared_memory.h"
#include "findings.h"
#include "made_up_files.h"

namespace tutti::cli::doctor {
namespace {

constexpr double kMiB = 1 << 20;

SharedMemory usual() { return {.maps = 100, .most_maps = 65530, .shm = 16e9}; }

TEST(CliDoctorMemory, ALimitOfLockedMemoryCostsOnlyWhereRdmaIs) {
  const LockedMemory small{.limit = 65536};
  EXPECT_EQ(worst(check_locked_memory(small, false)), Severity::kNote);
  const Finding costs = only(check_locked_memory(small, true), Severity::kCosts);
  EXPECT_TRUE(says(costs.what, "64 KiB")) << costs.what;
  EXPECT_TRUE(says(costs.fix, "ulimit -l unlimited")) << costs.fix;
  EXPECT_EQ(worst(check_locked_memory({.limit = 65536, .is_exempt = true}, true)), Severity::kGood);
  EXPECT_EQ(worst(check_locked_memory({}, true)), Severity::kGood);
}

TEST(CliDoctorMemory, TheLimitReadIsThisProcesss) {
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
  EXPECT_EQ(read_locked_memory("/proc").limit, 4096);
  setrlimit(RLIMIT_MEMLOCK, &before);
}

TEST(CliDoctorMemory, SharingIsReallyTried) {
  EXPECT_EQ(read_shared_memory("/proc", std::size_t{1} << 30).failure, "");
  const SharedMemory refused = read_shared_memory("/proc", std::size_t{1} << 60);
  EXPECT_NE(refused.failure, "");
  expect_advice(check_shared_memory(refused, 0));
  EXPECT_EQ(worst(check_shared_memory(refused, 0)), Severity::kFails);
}

TEST(CliDoctorMemory, AFilterOfSystemCallsIsNamedWhereItMayBeTheReason) {
  SharedMemory memory = usual();
  memory.failure = "memfd_create: Operation not permitted";
  EXPECT_FALSE(says(render(check_shared_memory(memory, 0)), "seccomp"));
  memory.is_filtered = true;
  EXPECT_TRUE(says(render(check_shared_memory(memory, 0)), "seccomp"));
}

TEST(CliDoctorMemory, StrictOvercommitFailsWhereTheRanksDoNotFit) {
  SharedMemory memory = usual();
  EXPECT_EQ(check_shared_memory(memory, 32 * kMiB).size(), 1u);
  memory.is_strict = true;
  memory.room = 64 * kMiB;
  EXPECT_EQ(worst(check_shared_memory(memory, 32 * kMiB)), Severity::kNote);
  EXPECT_EQ(worst(check_shared_memory(memory, 65 * kMiB)), Severity::kFails);
  expect_advice(check_shared_memory(memory, 65 * kMiB));
}

TEST(CliDoctorMemory, OvercommitIsReadFromTheSystem) {
  test::MadeUpFiles tree;
  tree.write("sys/vm/overcommit_memory", "2");
  tree.write("sys/vm/max_map_count", "1000");
  tree.write("self/maps", "a\nb");
  tree.write("self/status", "Seccomp:\t2");
  tree.write("meminfo", "CommitLimit:     1000 kB\nCommitted_AS:    400 kB");
  const SharedMemory memory = read_shared_memory(tree.root(), 4096);
  EXPECT_TRUE(memory.is_strict);
  EXPECT_TRUE(memory.is_filtered);
  EXPECT_EQ(memory.room, 600 * 1024);
  EXPECT_EQ(memory.maps, 2);
  EXPECT_EQ(memory.most_maps, 1000);
}

TEST(CliDoctorMemory, FewMapsFailAndASmallShmIsWorthKnowing) {
  SharedMemory memory = usual();
  memory.most_maps = 150;
  EXPECT_TRUE(says(only(check_shared_memory(memory, 0), Severity::kFails).what, "150"));
  memory = usual();
  memory.shm = 64 * kMiB;  // Docker's
  EXPECT_TRUE(
      says(only(check_shared_memory(memory, 0), Severity::kNote).what, "/dev/shm is 64 MiB"));
}

TEST(CliDoctorMemory, CmaIsNeverMoreThanANote) {
  EXPECT_EQ(worst(check_cma({})), Severity::kGood);
  EXPECT_EQ(worst(check_cma({.yama = 0})), Severity::kGood);
  EXPECT_EQ(worst(check_cma({.yama = 1})), Severity::kGood);
  EXPECT_EQ(worst(check_cma({.yama = 2})), Severity::kNote);
  EXPECT_EQ(worst(check_cma({.yama = 2, .may_trace = true})), Severity::kGood);
  EXPECT_EQ(worst(check_cma({.yama = 3, .may_trace = true})), Severity::kNote);
  EXPECT_EQ(worst(check_cma({.failure = "Operation not permitted"})), Severity::kNote);
}

TEST(CliDoctorMemory, YamaIsReadFromTheSystem) {
  test::MadeUpFiles tree;
  EXPECT_FALSE(read_cma_rights(tree.root()).yama);
  tree.write("sys/kernel/yama/ptrace_scope", "2");
  tree.write("self/status", "CapEff:\t80000");
  EXPECT_EQ(read_cma_rights(tree.root()).yama, 2);
  EXPECT_TRUE(read_cma_rights(tree.root()).may_trace);
}

}  // namespace
}  // namespace tutti::cli::doctor
