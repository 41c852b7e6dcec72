// Tests src/cli/doctor_files.cc: small readers and small texts.
//
// ROOMS: cli communicator
// TIER: fast

#include <gtest/gtest.h>

#include "cli/doctor_files.h"
#include "made_up_files.h"

namespace tutti::cli::doctor {
namespace {

using List = std::vector<int>;

TEST(CliDoctorFiles, ListsAreReadAndWritten) {
  EXPECT_EQ(parse_list("0-3,8"), (List{0, 1, 2, 3, 8}));
  EXPECT_EQ(parse_list("5"), List{5});
  EXPECT_EQ(list_text({0, 1, 2, 3, 8}), "0-3,8");
  EXPECT_EQ(list_text({}), "");
}

TEST(CliDoctorFiles, WhatIsNoListIsEmpty) {
  for (const char* text : {"", "x", "3-1", "-1", "0-4000000000", "1,x"}) {
    EXPECT_EQ(parse_list(text), List{}) << text;
  }
}

TEST(CliDoctorFiles, AValueStandsBehindItsKeyAndNoOther) {
  test::MadeUpFiles tree;
  tree.write("status", "Seccomp:\t2\nSeccomp_filters:\t1\nEmpty:");
  tree.write("stat", "cpu0 7\ncpu  1 2");
  EXPECT_EQ(value_of(tree.root() / "status", "Seccomp"), "2");
  EXPECT_EQ(value_of(tree.root() / "status", "Seccomp_filters"), "1");
  EXPECT_EQ(value_of(tree.root() / "status", "Empty"), "");
  EXPECT_EQ(value_of(tree.root() / "status", "Sec"), "");
  EXPECT_EQ(value_of(tree.root() / "stat", "cpu"), "1 2");
  EXPECT_EQ(value_of(tree.root() / "nothing", "cpu"), "");
}

TEST(CliDoctorFiles, ANumberIsOneOrNothing) {
  test::MadeUpFiles tree;
  tree.write("a", "42");
  tree.write("b", "max");
  tree.write("c", "");
  EXPECT_EQ(number_in(tree.root() / "a"), 42);
  for (const char* name : {"b", "c", "d"}) EXPECT_FALSE(number_in(tree.root() / name)) << name;
}

TEST(CliDoctorFiles, CapabilitiesAreBitsOfTheEffectiveSet) {
  test::MadeUpFiles tree;
  tree.write("self/status", "CapPrm:\tffffffffffffffff\nCapEff:\t0000000000004000");
  EXPECT_TRUE(has_capability(tree.root(), kCapabilityIpcLock));
  EXPECT_FALSE(has_capability(tree.root(), kCapabilitySysPtrace));
}

TEST(CliDoctorFiles, TextsAreShort) {
  EXPECT_EQ(bytes_text(0), "0 bytes");
  EXPECT_EQ(bytes_text(8 << 20), "8 MiB");
  EXPECT_EQ(bytes_text(1.5 * (1 << 30)), "1.5 GiB");
  EXPECT_EQ(ranks_text({3}), "rank 3");
  EXPECT_EQ(ranks_text({0, 1, 4}), "ranks 0, 1 and 4");
  EXPECT_EQ(ranks_text({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), "ranks 0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
  EXPECT_EQ(count_text(1, "rank"), "1 rank");
}

}  // namespace
}  // namespace tutti::cli::doctor
