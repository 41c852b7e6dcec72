// Tests what src/topology knows of processors: processor_kind.cc; processors_hwloc.cc on
// machines that hwloc makes up, processors_system.cc on a made-up /sys, and both on this
// machine.
//
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>

#include "made_up_files.h"
#include "topology/processors.h"

namespace tutti {
namespace {

using Numbers = std::vector<int>;

TEST(ProcessorKind, NamesTheArchitectureAsNcclDoes) {
  const Cpu cpu = this_kind_of_processor();
#if defined(__x86_64__)
  EXPECT_EQ(cpu.arch, "x86_64");
  EXPECT_EQ(cpu.vendor.size(), 12u) << cpu.vendor;
  EXPECT_GE(cpu.family, 6);
#elif defined(__aarch64__)
  EXPECT_EQ(cpu.arch, "arm64");
#endif
  EXPECT_FALSE(cpu.arch.empty());
}

class ByHwloc : public testing::Test {
 protected:
  void SetUp() override {
    const Result<Processors> usable = processors_by_hwloc("pu:1");
    if (!usable.ok()) GTEST_SKIP() << usable.status().message();
  }
};

TEST_F(ByHwloc, NodesHoldTheirProcessorsMemoryAndCaches) {
  const auto found = processors_by_hwloc(
      "pack:2 [numa(memory=68719476736)] l3:2(size=33554432) l2:2(size=1048576) core:1 pu:2");
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_TRUE(found->notes.empty());
  ASSERT_EQ(found->cpus.size(), 2u);
  const Cpu& second = found->cpus[1];
  EXPECT_EQ(second.numa, 1);
  EXPECT_EQ(second.package, 1);
  EXPECT_EQ(second.cpus, (Numbers{8, 9, 10, 11, 12, 13, 14, 15}));
  EXPECT_EQ(second.cores, (Numbers{4, 4, 5, 5, 6, 6, 7, 7}));
  EXPECT_EQ(second.memory_bytes, std::size_t{64} << 30);
  EXPECT_EQ(second.arch, this_kind_of_processor().arch);
  ASSERT_EQ(second.caches.size(), 6u);
  EXPECT_EQ(second.caches[0],
            (Cache{.level = 3, .bytes = std::size_t{32} << 20, .cpus = {8, 9, 10, 11}}));
  EXPECT_EQ(second.caches[5], (Cache{.level = 2, .bytes = std::size_t{1} << 20, .cpus = {14, 15}}));
}

TEST_F(ByHwloc, NodesMayShareAPackage) {
  const auto found = processors_by_hwloc("pack:1 group:2 [numa] core:2 pu:1");
  ASSERT_TRUE(found.ok()) << found.status().message();
  ASSERT_EQ(found->cpus.size(), 2u);
  EXPECT_EQ(found->cpus[0].package, 0);
  EXPECT_EQ(found->cpus[1].package, 0);
  EXPECT_EQ(found->cpus[1].cpus, (Numbers{2, 3}));
}

// As high-bandwidth memory beside DDR is.
TEST_F(ByHwloc, ASecondMemoryOfTheSameProcessorsIsNoPlaceOfItsOwn) {
  const auto found = processors_by_hwloc("pack:2 [numa] [numa] core:2 pu:1");
  ASSERT_TRUE(found.ok()) << found.status().message();
  ASSERT_EQ(found->cpus.size(), 2u);
  EXPECT_EQ(found->cpus[0].cpus, (Numbers{0, 1}));
  EXPECT_EQ(found->cpus[1].cpus, (Numbers{2, 3}));
}

// Two nodes, processor 3 not for this process; a device next to the second node, one next to both.
constexpr const char* kWithPci = R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
 <object type="Machine" os_index="0" cpuset="0xf" complete_cpuset="0xf" allowed_cpuset="0x7" nodeset="0x3" complete_nodeset="0x3" allowed_nodeset="0x3" gp_index="1">
  <object type="Package" os_index="0" cpuset="0x3" complete_cpuset="0x3" nodeset="0x1" complete_nodeset="0x1" gp_index="2">
   <object type="NUMANode" os_index="0" cpuset="0x3" complete_cpuset="0x3" nodeset="0x1" complete_nodeset="0x1" gp_index="3" local_memory="4096"/>
   <object type="PU" os_index="0" cpuset="0x1" complete_cpuset="0x1" nodeset="0x1" complete_nodeset="0x1" gp_index="4"/>
   <object type="PU" os_index="1" cpuset="0x2" complete_cpuset="0x2" nodeset="0x1" complete_nodeset="0x1" gp_index="5"/>
  </object>
  <object type="Package" os_index="1" cpuset="0xc" complete_cpuset="0xc" nodeset="0x2" complete_nodeset="0x2" gp_index="6">
   <object type="NUMANode" os_index="1" cpuset="0xc" complete_cpuset="0xc" nodeset="0x2" complete_nodeset="0x2" gp_index="7" local_memory="4096"/>
   <object type="PU" os_index="2" cpuset="0x4" complete_cpuset="0x4" nodeset="0x2" complete_nodeset="0x2" gp_index="8"/>
   <object type="PU" os_index="3" cpuset="0x8" complete_cpuset="0x8" nodeset="0x2" complete_nodeset="0x2" gp_index="9"/>
   <object type="Bridge" gp_index="10" bridge_type="0-1" depth="0" bridge_pci="0000:[3a-3b]">
    <object type="PCIDev" gp_index="11" pci_busid="0000:3b:00.0" pci_type="0302 [10de:2330] [10de:16c1] a1" pci_link_speed="0.0"/>
   </object>
  </object>
  <object type="Bridge" gp_index="12" bridge_type="0-1" depth="0" bridge_pci="0000:[00-01]">
   <object type="PCIDev" gp_index="13" pci_busid="0000:01:00.0" pci_type="0200 [8086:1521] [8086:0001] 01" pci_link_speed="0.0"/>
  </object>
 </object>
</topology>)";

TEST_F(ByHwloc, DevicesNextToOneNodeAreKnown) {
  const auto found = processors_by_hwloc(kWithPci);
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_EQ(found->numa_of_pci, (std::map<std::string, int>{{"0000:3b:00.0", 1}}));
}

TEST_F(ByHwloc, ProcessorsThatThisProcessMayNotUseAreShownAndNoted) {
  const auto found = processors_by_hwloc(kWithPci);
  ASSERT_TRUE(found.ok()) << found.status().message();
  ASSERT_EQ(found->cpus.size(), 2u);
  EXPECT_EQ(found->cpus[1].cpus, (Numbers{2, 3}));
  EXPECT_EQ(found->notes, std::vector<std::string>{"this process may use processors 0-2 of 0-3"});
}

TEST_F(ByHwloc, WhatIsNoMachineIsNotUnderstood) {
  const auto found = processors_by_hwloc("nonsense:2");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.status().message(), "hwloc does not understand \"nonsense:2\"");
}

class BySystem : public testing::Test {
 protected:
  // Of core `core` of package `package`, which share an L3; threads of a core share its L1.
  void add_processor(int logical, int package, int core, const std::string& core_shares,
                     const std::string& package_shares) const {
    const std::string folder = kCpu + "cpu" + std::to_string(logical);
    files.write(folder + "/topology/physical_package_id", std::to_string(package));
    files.write(folder + "/topology/core_id", std::to_string(core));
    add_cache(folder + "/cache/index0", "1", "Data", "32K", core_shares);
    add_cache(folder + "/cache/index1", "1", "Instruction", "32K", core_shares);
    add_cache(folder + "/cache/index3", "3", "Unified", "32M", package_shares);
  }
  void add_cache(const std::string& folder, const std::string& level, const std::string& type,
                 const std::string& size, const std::string& shares) const {
    files.write(folder + "/level", level);
    files.write(folder + "/type", type);
    files.write(folder + "/size", size);
    files.write(folder + "/shared_cpu_list", shares);
  }

  const std::string kCpu = "sys/devices/system/cpu/";
  const std::string kNode = "sys/devices/system/node/";
  test::MadeUpFiles files;
};

TEST_F(BySystem, NodesHoldTheirProcessorsMemoryAndCaches) {
  files.write(kCpu + "online", "0-3");
  add_processor(0, 0, 0, "0,2", "0,2");
  add_processor(1, 1, 0, "1,3", "1,3");
  add_processor(2, 0, 0, "0,2", "0,2");
  add_processor(3, 1, 0, "1,3", "1,3");
  files.write(kNode + "node0/cpulist", "0,2");
  files.write(kNode + "node0/meminfo", "Node 0 MemTotal:  1024 kB\nNode 0 MemFree:  1 kB");
  files.write(kNode + "node1/cpulist", "1,3");
  files.write(kNode + "node2/cpulist", "");  // memory of a GPU
  files.write(kNode + "online", "0-2");
  const Processors found = processors_by_system(files.root());
  EXPECT_TRUE(found.notes.empty());
  ASSERT_EQ(found.cpus.size(), 2u);
  EXPECT_EQ(found.cpus[0].memory_bytes, 1u << 20);
  EXPECT_EQ(found.cpus[1].memory_bytes, 0u);
  EXPECT_EQ(found.cpus[1].numa, 1);
  EXPECT_EQ(found.cpus[1].package, 1);
  EXPECT_EQ(found.cpus[1].cpus, (Numbers{1, 3}));
  EXPECT_EQ(found.cpus[1].cores, (Numbers{1, 1}));
  EXPECT_EQ(found.cpus[0].cores, (Numbers{0, 0}));
  EXPECT_EQ(found.cpus[1].caches,
            (std::vector<Cache>{{.level = 3, .bytes = 32u << 20, .cpus = {1, 3}},
                                {.level = 1, .bytes = 32u << 10, .cpus = {1, 3}}}));
}

TEST_F(BySystem, ASystemWithoutNodesIsOneNode) {
  files.write(kCpu + "online", "0-1");
  files.write("proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB");
  const Processors found = processors_by_system(files.root());
  ASSERT_EQ(found.cpus.size(), 1u);
  EXPECT_EQ(found.cpus[0].cpus, (Numbers{0, 1}));
  EXPECT_EQ(found.cpus[0].memory_bytes, 2u << 20);
  EXPECT_TRUE(found.cpus[0].caches.empty());
}

TEST_F(BySystem, ASystemThatSaysNothingIsNoted) {
  const Processors found = processors_by_system(files.root());
  ASSERT_EQ(found.cpus.size(), 1u);
  EXPECT_TRUE(found.cpus[0].cpus.empty());
  ASSERT_EQ(found.notes.size(), 1u);
  EXPECT_NE(found.notes[0].find("cpu/online cannot be read"), std::string::npos);
}

// Every Linux lists its processors, and this test runs on one of them.
TEST(ThisMachine, HasTheProcessorThatThisRunsOn) {
  const Processors found = processors_by_system("/");
  const int here = sched_getcpu();
  const auto holds = [here](const Cpu& cpu) {
    return std::count(cpu.cpus.begin(), cpu.cpus.end(), here) == 1;
  };
  EXPECT_EQ(std::count_if(found.cpus.begin(), found.cpus.end(), holds), 1) << here;
}

TEST_F(ByHwloc, SeesThisMachineAsTheSystemDoes) {
  const auto found = processors_by_hwloc();
  ASSERT_TRUE(found.ok()) << found.status().message();
  const Processors system = processors_by_system("/");
  ASSERT_EQ(found->cpus.size(), system.cpus.size());
  for (std::size_t i = 0; i < system.cpus.size(); ++i) {
    EXPECT_EQ(found->cpus[i].numa, system.cpus[i].numa);
    EXPECT_EQ(found->cpus[i].cpus, system.cpus[i].cpus);
  }
}

}  // namespace
}  // namespace tutti
