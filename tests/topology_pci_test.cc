// Tests src/topology/pci.cc: on a made-up /sys.
//
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>

#include "made_up_files.h"
#include "topology/pci.h"

namespace tutti {
namespace {

using Ids = std::vector<std::string>;

Ids ids(const std::vector<PciDevice>& devices) {
  Ids all;
  for (const PciDevice& device : devices) all.push_back(device.bus);
  return all;
}

// Two sockets. On the second, a switch with two GPUs, and a network adapter right at the processor.
class MadeUpPci : public testing::Test {
 protected:
  MadeUpPci() {
    files.pci(kRootPort, "0x060400", 1);
    files.pci(kSwitch, "0x060400", 1);
    files.pci(kSwitch + "/0000:5c:00.0", "0x060400", 1);
    files.pci(kSwitch + "/0000:5c:10.0", "0x060400", 1);
    files.pci(kFirst, "0x030200", 1);
    files.pci(kSecond, "0x030200", 1);
    files.pci("pci0000:80/0000:80:02.0", "0x060400", 1);
    files.pci(kAdapter, "0x020000", 1);
  }

  const std::string kRootPort = "pci0000:57/0000:57:01.0";
  const std::string kSwitch = kRootPort + "/0000:58:00.0";
  const std::string kFirst = kSwitch + "/0000:5c:00.0/0000:5d:00.0";
  const std::string kSecond = kSwitch + "/0000:5c:10.0/0000:5e:00.0";
  const std::string kAdapter = "pci0000:80/0000:80:02.0/0000:81:00.1";
  test::MadeUpFiles files;
};

TEST(BusId, IsToldFromOtherNames) {
  for (const char* good : {"0000:3b:00.0", "10000:e1:1f.7", "ffff:FF:1f.7"}) {
    EXPECT_TRUE(is_bus_id(good)) << good;
  }
  for (const char* bad : {"", "pci0000:3b", "000:3b:00.0", "0000:3b:00", "0000:3b:00.0x",
                          "0000:3b-00.0", "0000:3g:00.0", "virtio2", "::::::::::::"}) {
    EXPECT_FALSE(is_bus_id(bad)) << bad;
  }
}

TEST_F(MadeUpPci, SwitchesStandForTheirPortsAndRootPortsAreLeftOut) {
  const PciSystem system(files.root());
  EXPECT_EQ(system.way_to("0000:5d:00.0"), (Ids{"0000:58:00.0", "0000:5d:00.0"}));
  EXPECT_EQ(system.way_to("0000:5e:00.0"), (Ids{"0000:58:00.0", "0000:5e:00.0"}));
  EXPECT_EQ(system.way_to("0000:81:00.1"), (Ids{"0000:81:00.1"}));
}

TEST_F(MadeUpPci, ASwitchBehindASwitchIsOneMore) {
  const std::string inner = kSwitch + "/0000:5c:00.0/0000:60:00.0";
  files.pci(inner, "0x060400", 1);
  files.pci(inner + "/0000:61:04.0", "0x060400", 1);
  files.pci(inner + "/0000:61:04.0/0000:62:00.0", "0x030200", 1);
  EXPECT_EQ(PciSystem(files.root()).way_to("0000:62:00.0"),
            (Ids{"0000:58:00.0", "0000:60:00.0", "0000:62:00.0"}));
}

TEST_F(MadeUpPci, ADeviceThatTheSystemDoesNotKnowHangsOnNothing) {
  const PciSystem system(files.root());
  EXPECT_EQ(system.way_to("0000:99:00.0"), Ids{"0000:99:00.0"});
  EXPECT_EQ(system.numa_of("0000:99:00.0"), -1);
  PciDevice unknown;
  unknown.bus = "0000:99:00.0";
  EXPECT_EQ(system.describe("0000:99:00.0"), unknown);
}

TEST_F(MadeUpPci, IdsAreReadAsTheyAre) {
  const std::string folder = "sys/devices/" + kFirst;
  files.write(folder + "/vendor", "0x10de");
  files.write(folder + "/device", "0x2330");
  files.write(folder + "/subsystem_vendor", "0x10de");
  files.write(folder + "/subsystem_device", "0x16c1");
  const PciDevice device = PciSystem(files.root()).describe("0000:5d:00.0");
  EXPECT_EQ(device.bus, "0000:5d:00.0");
  EXPECT_EQ(device.class_code, "0x030200");
  EXPECT_EQ(device.vendor, "0x10de");
  EXPECT_EQ(device.device, "0x2330");
  EXPECT_EQ(device.subsystem_vendor, "0x10de");
  EXPECT_EQ(device.subsystem_device, "0x16c1");
}

TEST_F(MadeUpPci, TheLinkIsTheNarrowestOfDeviceAndPort) {
  const std::string device = "sys/devices/" + kFirst;
  const std::string port = "sys/devices/" + kSwitch + "/0000:5c:00.0";
  const auto link = [&](const std::string& speed, const std::string& width,
                        const std::string& port_speed, const std::string& port_width) {
    files.write(device + "/max_link_speed", speed);
    files.write(device + "/max_link_width", width);
    files.write(port + "/max_link_speed", port_speed);
    files.write(port + "/max_link_width", port_width);
    const PciDevice described = PciSystem(files.root()).describe("0000:5d:00.0");
    return described.link_speed + " x" + std::to_string(described.link_width);
  };
  EXPECT_EQ(link("32.0 GT/s PCIe", "16", "16.0 GT/s PCIe", "16"), "16.0 GT/s PCIe x16");
  EXPECT_EQ(link("8.0 GT/s PCIe", "16", "16.0 GT/s PCIe", "8"), "8.0 GT/s PCIe x8");
  EXPECT_EQ(link("Unknown", "255", "16.0 GT/s PCIe", "16"), "16.0 GT/s PCIe x16");
  EXPECT_EQ(link("32.0 GT/s PCIe", "4", "Unknown", "0"), "32.0 GT/s PCIe x4");
  EXPECT_EQ(link("Unknown", "255", "Unknown", "255"), " x0");
}

TEST_F(MadeUpPci, SwitchesThatAreLinkedBesideTheTreeKnowEachOther) {
  const std::string links = "sys/kernel/pci_switch_link/virtual_switch_links/0000:58:00.0/";
  files.write(links + "0000:a0:00.0", "");
  files.write(links + "notes", "");
  EXPECT_EQ(PciSystem(files.root()).describe("0000:58:00.0").links, Ids{"0000:a0:00.0"});
}

TEST_F(MadeUpPci, TheTreeHangsDevicesBelowTheirProcessor) {
  const PciSystem system(files.root());
  std::vector<Cpu> cpus(2);
  cpus[1].numa = 1;
  const std::map<std::string, int> nothing;
  PciTree tree(system, nothing, cpus);
  EXPECT_EQ(tree.place("0000:81:00.1").bus, "0000:81:00.1");
  tree.place("0000:5e:00.0");
  tree.place("0000:5d:00.0");
  EXPECT_EQ(&tree.place("0000:5e:00.0"), &tree.place("0000:5e:00.0"));
  EXPECT_TRUE(cpus[0].devices.empty());
  EXPECT_EQ(ids(cpus[1].devices), (Ids{"0000:58:00.0", "0000:81:00.1"}));
  EXPECT_EQ(ids(cpus[1].devices[0].devices), (Ids{"0000:5d:00.0", "0000:5e:00.0"}));
  EXPECT_EQ(cpus[1].devices[0].class_code, "0x060400");
}

TEST_F(MadeUpPci, WhatIsKnownBetterGoesBeforeTheSystem) {
  const PciSystem system(files.root());
  std::vector<Cpu> cpus(2);
  cpus[1].numa = 1;
  const std::map<std::string, int> better = {{"0000:5d:00.0", 0}};
  PciTree tree(system, better, cpus);
  tree.place("0000:5d:00.0");
  EXPECT_EQ(ids(cpus[0].devices), Ids{"0000:58:00.0"});
}

TEST_F(MadeUpPci, ADeviceNextToNoProcessorHangsOnTheFirst) {
  files.pci("pci0000:90/0000:90:00.0", "0x020000", -1);
  const PciSystem system(files.root());
  std::vector<Cpu> cpus(2);
  cpus[1].numa = 1;
  const std::map<std::string, int> nothing;
  PciTree(system, nothing, cpus).place("0000:90:00.0");
  EXPECT_EQ(ids(cpus[0].devices), Ids{"0000:90:00.0"});
}

TEST_F(MadeUpPci, APathLiesInTheLastDeviceOnIt) {
  const std::string port = "sys/devices/" + kAdapter + "/virtio2/net/eth0";
  files.folder(port);
  files.link("sys/class/net/eth0", port);
  files.folder("sys/devices/virtual/net/lo");
  files.link("sys/class/net/lo", "sys/devices/virtual/net/lo");
  EXPECT_EQ(pci_device_of(files.root() / "sys/class/net/eth0"), "0000:81:00.1");
  EXPECT_EQ(pci_device_of(files.root() / "sys/class/net/lo"), "");
  EXPECT_EQ(pci_device_of(files.root() / "sys/class/net/eth7"), "");
}

}  // namespace
}  // namespace tutti
