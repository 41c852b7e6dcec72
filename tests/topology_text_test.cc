// Tests src/topology/text*.cc, words.cc, part_names.cc, link_ends.cc and alike.cc.
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>

#include "model_machines.h"
#include "topology/link_ends.h"
#include "topology/part_names.h"
#include "topology/text_tree.h"
#include "topology/words.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

Net port(const std::string& name, long speed) {
  Net net;
  net.name = name;
  net.speed = speed;
  return net;
}

PciDevice device(const std::string& bus, const std::string& class_code) {
  PciDevice made;
  made.bus = bus;
  made.class_code = class_code;
  made.link_speed = "16.0 GT/s PCIe";
  made.link_width = 16;
  return made;
}

PciDevice gpu(const std::string& bus, int index, int rank) {
  PciDevice made = device(bus, "0x030200");
  made.gpu = Gpu{};
  made.gpu->device = index;
  made.gpu->sm = 80;
  made.gpu->rank = rank;
  return made;
}

// Two GPUs that are linked to each other and a port behind a switch; a virtual interface.
TopologyHost small_host(const std::string& name) {
  PciDevice pci_switch = device("0000:01:00.0", "0x060400");
  pci_switch.devices = {gpu("0000:02:00.0", 0, 0), gpu("0000:03:00.0", 1, 1),
                        device("0000:04:00.0", "0x020000")};
  pci_switch.devices[0].gpu->nvlinks = {{"0000:03:00.0", 4, "0x030200"}};
  pci_switch.devices[1].gpu->nvlinks = {{"0000:02:00.0", 4, "0x030200"}};
  pci_switch.devices[2].nets = {port("eth1", 100'000)};
  pci_switch.devices[2].nets[0].rdma = true;

  Cpu cpu;
  cpu.cpus = {0, 1, 2, 3};
  cpu.cores = {0, 1, 0, 1};
  cpu.arch = "x86_64";
  cpu.vendor = "AuthenticAMD";
  cpu.family = 25;
  cpu.model = 17;
  cpu.memory_bytes = std::size_t{64} << 30;
  cpu.caches = {{3, 32 << 20, {0, 1, 2, 3}}, {2, 1 << 20, {0, 2}}, {2, 1 << 20, {1, 3}}};
  cpu.devices = {pci_switch};
  cpu.nets = {port("eth0", 10'000)};
  TopologyHost host;
  host.name = name;
  host.cpus = {cpu};
  return host;
}

TEST(TopologyText, OneHost) {
  EXPECT_EQ(to_text(Topology{{small_host("a")}}),
            "a\n"
            "└─ CPU0: package 0, AMD family 25 model 17, 2 cores × 2 threads (0-3), 64 GiB\n"
            "   ├─ L3 32 MiB, L2 2 × 1 MiB\n"
            "   ├─ eth0                              10 Gbit/s\n"
            "   └─ 01:00.0 PCI switch  PCIe 4.0 ×16\n"
            "      ├─ 02:00.0 GPU0     PCIe 4.0 ×16  Ampere, sm_80, 4 NVLinks to GPU1, rank 0\n"
            "      ├─ 03:00.0 GPU1     PCIe 4.0 ×16  Ampere, sm_80, 4 NVLinks to GPU0, rank 1\n"
            "      └─ 04:00.0 eth1     PCIe 4.0 ×16  100 Gbit/s, RDMA\n");
}

TEST(TopologyText, RanksOnProcessors) {
  TopologyHost host = small_host("a");
  host.cpus[0].devices.clear();
  host.cpus[0].nets.clear();
  host.cpus[0].caches.clear();
  host.cpus[0].ranks = {{0, {0, 2}}, {1, {0, 2}}, {2, {1, 3}}};
  EXPECT_EQ(to_text(Topology{{host}}),
            "a\n"
            "└─ CPU0: package 0, AMD family 25 model 17, 2 cores × 2 threads (0-3), 64 GiB\n"
            "   └─ ranks 0-1 on 0,2; rank 2 on 1,3\n");
}

TEST(TopologyText, ManyWaysOfBindingAreCounted) {
  TopologyHost host;
  host.cpus.resize(1);
  for (int rank = 0; rank < 16; ++rank) host.cpus[0].ranks.push_back({rank, {rank}});
  EXPECT_NE(to_text(Topology{{host}}).find("ranks 0-15 on 16 different sets of logical processors"),
            std::string::npos);
}

TEST(TopologyText, HostsThatAreAlikeAreShownOnce) {
  Topology topology{{small_host("a"), small_host("b")}};
  topology.hosts[1].cpus[0].devices[0].devices[0].gpu->rank = 2;
  topology.hosts[1].cpus[0].devices[0].devices[1].gpu->rank = 3;
  topology.hosts[1].cpus[0].memory_bytes -= 4096;
  const std::string text = to_text(topology);
  EXPECT_TRUE(
      text.starts_with("2 hosts alike: a (ranks 0-1), b (ranks 2-3)\n"
                       "a, as the others\n"
                       "└─ CPU0: "))
      << text;
  EXPECT_EQ(text.find("rank 2"), std::string::npos);
}

TEST(TopologyText, HostsThatDifferAreShownEach) {
  Topology topology{{small_host("a"), small_host("b"), small_host("c")}};
  topology.hosts[1].cpus[0].devices[0].devices[2].nets[0].speed = 200'000;
  EXPECT_EQ(alike_hosts(topology), (std::vector<std::vector<int>>{{0, 2}, {1}}));
  const std::string text = to_text(topology);
  EXPECT_NE(text.find("\n\nb\n"), std::string::npos) << text;
  EXPECT_NE(text.find("200 Gbit/s"), std::string::npos);
}

TEST(TopologyText, ThousandsOfHostsTakeFewLines) {
  const std::string text = to_text(replicate({{small_host("a")}}, 4096));
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 15);
  EXPECT_NE(text.find(" and 4088 more\n"), std::string::npos) << text;
}

TEST(TopologyText, EveryModelNamesEveryGpuAndPortOfItsFirstHost) {
  for (const std::string& name : model_names()) {
    SCOPED_TRACE(name);
    const Topology topology = model(name);
    const std::string text = to_text(topology);
    for (const HostGpu& gpu : gpus_of(topology.hosts[0])) {
      EXPECT_NE(text.find(" GPU" + std::to_string(gpu.gpu->device) + " "), std::string::npos);
    }
    EXPECT_EQ(text.find(" \n"), std::string::npos) << "a line ends in a blank";
  }
}

TEST(LinkEnds, SwitchesAreTakenTogether) {
  const Topology topology = model("dgx-h100");
  const std::vector<HostGpu> gpus = gpus_of(topology.hosts[0]);
  ASSERT_EQ(gpus.size(), 8u);
  const std::vector<LinkEnd> ends = link_ends(topology.hosts[0], *gpus[3].gpu);
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].links, 18);
  EXPECT_EQ(link_ends_text(ends), "18 NVLinks to 4 NVSwitches");
}

TEST(LinkEnds, WhatIsNotOnTheHostIsNamedByItsAddress) {
  TopologyHost host = small_host("a");
  Gpu& gpu = *host.cpus[0].devices[0].devices[0].gpu;
  gpu.nvlinks = {{"0004:00:00.0", 3, "0x068001"}, {"0000:99:00.0", 1, "0x030200"}};
  EXPECT_EQ(link_ends_text(link_ends(host, gpu)), "3 NVLinks to the processor, 1 to 99:00.0");
}

TEST(Words, QuantitiesHaveFewDigits) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(48 << 10), "48 KiB");
  EXPECT_EQ(bytes_text(std::size_t{3} << 39), "1.5 TiB");
  EXPECT_EQ(speed_text(0), "speed unknown");
  EXPECT_EQ(speed_text(100), "100 Mbit/s");
  EXPECT_EQ(speed_text(2500), "2.5 Gbit/s");
  EXPECT_EQ(speed_text(400'000), "400 Gbit/s");
  EXPECT_EQ(bandwidth_text(20.6), "20.6 GB/s");
  EXPECT_EQ(bandwidth_text(24), "24 GB/s");
  EXPECT_EQ(counted(1, "NVSwitch"), "1 NVSwitch");
  EXPECT_EQ(counted(4, "NVSwitch"), "4 NVSwitches");
  EXPECT_EQ(ranks_text({3, 1, 2}), "ranks 1-3");
}

TEST(PartNames, LinksOfPci) {
  PciDevice made = device("0000:01:00.0", "0x060400");
  EXPECT_EQ(link_text(made), "PCIe 4.0 ×16");
  made.link_speed = "Unknown";
  EXPECT_EQ(link_text(made), "PCIe ×16");
  made.link_width = 0;
  EXPECT_EQ(link_text(made), "");
  made.link_speed = "2.5 GT/s PCIe";
  EXPECT_EQ(link_text(made), "PCIe 1.0");
}

TEST(PartNames, DevicesByClassAndVendor) {
  PciDevice made = device("0000:01:00.0", "0x010802");
  made.vendor = "0x144d";
  EXPECT_EQ(device_kind(made), "Samsung NVMe drive");
  made.class_code = "0xff0000";
  made.vendor = "0x1234";
  EXPECT_EQ(device_kind(made), "device of class 0xff0000");
}

TEST(PartNames, CoresWithAndWithoutThreads) {
  Cpu cpu;
  cpu.cpus = {0, 1, 2, 3};
  EXPECT_EQ(cores_text(cpu), "4 logical processors");
  cpu.cores = {0, 1, 2, 3};
  EXPECT_EQ(cores_text(cpu), "4 cores");
  cpu.cores = {0, 0, 1, 2};
  EXPECT_EQ(cores_text(cpu), "3 cores with 4 threads");
}

TEST(TextTree, CellsStandBelowEachOtherWhateverTheDepth) {
  EXPECT_EQ(tree_text({{0, "a", {"1", "x"}}, {1, "bé", {"22", "y"}}, {0, "a line alone", {}}}),
            "├─ a      1   x\n"
            "│  └─ bé  22  y\n"
            "└─ a line alone\n");
}

}  // namespace
}  // namespace tutti
