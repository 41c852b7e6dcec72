// Tests src/topology/gpus.cc: on made-up NVMLs and a made-up /sys; the made-up NVMLs also stand in
// whole topologies in topology_detect_test.cc.
//
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>

#include "made_up_files.h"
#include "made_up_nvml.h"
#include "topology/gpus.h"

namespace tutti {
namespace {

using test::MadeUpGpu;
using test::MadeUpNvml;
using Texts = std::vector<std::string>;

constexpr const char* kGpuClass = "0x030200";
constexpr const char* kSwitchClass = "0x068000";

class MadeUpGpus : public testing::Test {
 protected:
  FoundGpus find() const { return find_gpus(nvml.api(), PciSystem(files.root())); }

  MadeUpNvml nvml;
  test::MadeUpFiles files;
};

TEST_F(MadeUpGpus, TwoGpusWithNvLinks) {
  nvml.gpus = test::two_gpus();
  const FoundGpus found = find();
  EXPECT_TRUE(found.notes.empty());
  EXPECT_EQ(found.fabric, "");
  ASSERT_EQ(found.gpus.size(), 2u);
  EXPECT_EQ(found.gpus[0].gpu.device, 0);
  EXPECT_EQ(found.gpus[0].gpu.sm, 70);
  EXPECT_EQ(found.gpus[0].gpu.nvlinks, (std::vector<NvLinks>{{"0000:af:00.0", 3, kGpuClass}}));
  EXPECT_EQ(found.gpus[1].gpu.device, 1);
  EXPECT_EQ(found.gpus[1].gpu.nvlinks, (std::vector<NvLinks>{{"0000:3b:00.0", 3, kGpuClass}}));
  EXPECT_TRUE(found.gpus[1].gpu.c2c.empty());
}

TEST_F(MadeUpGpus, IdsAndTheLinkToTheSlot) {
  nvml.gpus = test::two_gpus();
  PciDevice expected;
  expected.bus = "0000:af:00.0";
  expected.class_code = kGpuClass;
  expected.vendor = "0x10de";
  expected.device = "0x1db6";
  expected.subsystem_vendor = "0x10de";
  expected.subsystem_device = "0x124a";
  expected.link_speed = "8.0 GT/s PCIe";
  expected.link_width = 16;
  EXPECT_EQ(find().gpus.at(1).pci, expected);
}

// 18 links of each of 8 GPUs to 4 switches, 4 or 5 to each.
TEST_F(MadeUpGpus, EightGpusOnNvSwitches) {
  nvml.gpus = test::eight_gpus_on_switches();
  const FoundGpus found = find();
  EXPECT_TRUE(found.notes.empty());
  ASSERT_EQ(found.gpus.size(), 8u);
  for (const FoundGpu& one : found.gpus) {
    EXPECT_EQ(one.gpu.sm, 90);
    EXPECT_EQ(one.gpu.nvlinks, (std::vector<NvLinks>{{"0000:05:00.0", 5, kSwitchClass},
                                                     {"0000:06:00.0", 5, kSwitchClass},
                                                     {"0000:07:00.0", 4, kSwitchClass},
                                                     {"0000:08:00.0", 4, kSwitchClass}}));
  }
  EXPECT_EQ(found.fabric, "") << "joined to its own host's GPUs only";
}

TEST_F(MadeUpGpus, ASwitchThatAVirtualMachineDoesNotSeeIsASwitch) {
  nvml.gpus = test::eight_gpus_on_switches();
  for (MadeUpGpu& gpu : nvml.gpus) {
    for (MadeUpGpu::Link& link : gpu.links) link.remote = test::kHiddenRemote;
  }
  nvml.has_remote_types = false;
  EXPECT_EQ(find().gpus.at(0).gpu.nvlinks,
            (std::vector<NvLinks>{{"fffffff:ffff:ff", 18, kSwitchClass}}));
}

TEST_F(MadeUpGpus, TheSystemTellsWhatIsAtTheOtherEnd) {
  nvml.gpus = test::two_gpus();
  nvml.has_remote_types = false;
  files.pci("pci0000:ae/0000:ae:00.0/0000:af:00.0", "0x030000", 1);
  EXPECT_EQ(find().gpus.at(0).gpu.nvlinks.at(0).target_class, "0x030000");
}

TEST_F(MadeUpGpus, LinksThatAreDownOrOfNoUseToPeersDoNotCount) {
  nvml.gpus = test::two_gpus();
  nvml.gpus[0].links[0].is_active = false;
  nvml.gpus[0].links[1].reaches_peers = false;
  EXPECT_EQ(find().gpus.at(0).gpu.nvlinks.at(0).count, 1);
}

TEST_F(MadeUpGpus, CoherentLinksAndTheFabric) {
  nvml.gpus = test::two_gpus();
  for (MadeUpGpu& gpu : nvml.gpus) {
    gpu.sm = 100;
    gpu.c2c_links = 10;
    gpu.c2c_bandwidth = 44'800;
    gpu.cluster[0] = 0xab;
    gpu.cluster[15] = 0x01;
    gpu.clique = 7;
  }
  const FoundGpus found = find();
  EXPECT_EQ(found.gpus.at(1).gpu.c2c, (std::vector<C2cLinks>{{44'800, 10}}));
  EXPECT_EQ(found.fabric, "ab000000000000000000000000000001.7");
}

TEST_F(MadeUpGpus, AFabricThatIsNotJoinedIsNone) {
  nvml.gpus = test::two_gpus();
  for (MadeUpGpu& gpu : nvml.gpus) gpu.cluster[0] = 1;
  nvml.gpus[0].fabric_state = 2;  // in progress
  nvml.gpus[1].fabric_state = 0;  // not supported
  EXPECT_EQ(find().fabric, "");
  nvml.gpus[1].fabric_state = nvml::kFabricJoined;
  EXPECT_NE(find().fabric, "");
  nvml.has_fabric = false;
  EXPECT_EQ(find().fabric, "");
}

TEST_F(MadeUpGpus, AGpuThatIsLostIsLeftOutAndNoted) {
  nvml.gpus = test::two_gpus();
  nvml.gpus[0].error = 15;
  const FoundGpus found = find();
  ASSERT_EQ(found.gpus.size(), 1u);
  EXPECT_EQ(found.gpus[0].gpu.device, 1);
  EXPECT_EQ(found.notes, Texts{"GPU 0 is left out: NVML says \"error 15\""});
}

TEST_F(MadeUpGpus, WithoutADriverThereAreNone) {
  nvml.gpus = test::two_gpus();
  nvml.init_error = nvml::kDriverNotLoaded;
  const FoundGpus found = find();
  EXPECT_TRUE(found.gpus.empty());
  EXPECT_TRUE(found.notes.empty());
}

TEST_F(MadeUpGpus, ADriverOfAnotherVersionIsNoted) {
  nvml.gpus = test::two_gpus();
  nvml.init_error = 18;
  EXPECT_EQ(find().notes, Texts{"GPUs are left out: NVML says \"error 18\""});
}

TEST_F(MadeUpGpus, NvmlIsEndedAsOftenAsItIsBegun) {
  find();
  EXPECT_EQ(nvml.sessions, 0);
  nvml.init_error = 18;
  find();
  EXPECT_EQ(nvml.sessions, 0);
}

// Machines that run this have the library or not: both are said.
TEST_F(MadeUpGpus, ADriverThatIsOfNoUseIsNoted) {
  const PciSystem pci(files.root());
  const FoundGpus without = find_gpus(files.root(), pci);
  files.write("proc/driver/nvidia/version", "NVRM version: …");
  const FoundGpus with = find_gpus(files.root(), pci);
  EXPECT_EQ(with.gpus.size(), without.gpus.size());
  if (!with.gpus.empty()) return;
  ASSERT_EQ(with.notes.size(), 1u);
  EXPECT_TRUE(with.notes[0].starts_with("GPUs are left out: ")) << with.notes[0];
}

TEST_F(MadeUpGpus, GpuDirectNeedsAModuleOrTheOpenDriver) {
  EXPECT_FALSE(has_gpu_direct(files.root()));
  files.write("proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module");
  files.write("proc/sys/kernel/osrelease", "6.1.0-13-amd64");
  EXPECT_FALSE(has_gpu_direct(files.root()));
  files.write("proc/driver/nvidia/version", "NVIDIA UNIX Open Kernel Module for x86_64  580.65");
  EXPECT_TRUE(has_gpu_direct(files.root()));
  files.write("proc/sys/kernel/osrelease", "5.4.0-150-generic");
  EXPECT_FALSE(has_gpu_direct(files.root()));
  files.folder("sys/module/nvidia_peermem");
  EXPECT_TRUE(has_gpu_direct(files.root()));
}

}  // namespace
}  // namespace tutti
