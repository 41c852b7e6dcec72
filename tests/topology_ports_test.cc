// Tests src/topology/ports.cc on a made-up /sys, and interfaces.cc on this machine.
//
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>

#include "made_up_files.h"
#include "topology/ports.h"

namespace tutti {
namespace {

using Texts = std::vector<std::string>;

class MadeUpNetwork : public testing::Test {
 protected:
  std::string net(const std::string& name) const { return "sys/class/net/" + name; }

  // An interface of a PCI device, through a virtio device as in virtual machines.
  void hardware(const std::string& name, const std::string& bus, const std::string& speed) {
    const std::string folder = files.pci("pci0000:00/" + bus, "0x020000", 0) + "/virtio0";
    files.folder(folder);
    files.link(net(name) + "/device", folder);
    add(name, speed);
  }
  void add(const std::string& name, const std::string& speed = "") {
    if (!speed.empty()) files.write(net(name) + "/speed", speed);
    files.folder(net(name));
    up.push_back({.name = name, .is_up = true});
  }
  // `name` is made of `lower`; a bond or bridge also takes it over.
  void stack(const std::string& name, const std::string& lower, bool takes_over) const {
    files.link(net(name) + "/lower_" + lower, net(lower));
    if (takes_over) files.link(net(lower) + "/master", net(name));
  }
  void rdma(const std::string& name, const std::string& bus, const std::string& state) const {
    const std::string device = "sys/class/infiniband/" + name;
    if (!bus.empty()) {
      files.link(device + "/device", files.pci("pci0000:00/" + bus, "0x020700", 0));
    }
    files.write(device + "/node_guid", "b83f:d203:00b5:ac08");
    files.write(device + "/ports/1/state", state);
    files.write(device + "/ports/1/rate", "200 Gb/sec (4X HDR)");
  }

  // "name on bus", in order.
  Texts found() const {
    Texts all;
    for (const FoundPort& port : find_ports(files.root(), up).ports) {
      all.push_back(port.net.name + (port.bus.empty() ? "" : " on " + port.bus));
    }
    return all;
  }

  std::vector<Interface> up;
  test::MadeUpFiles files;
};

TEST_F(MadeUpNetwork, InterfacesHaveTheirSpeedAndDevice) {
  hardware("eth0", "0000:00:03.0", "25000");
  const FoundPorts found = find_ports(files.root(), up);
  ASSERT_EQ(found.ports.size(), 1u);
  EXPECT_EQ(found.ports[0].bus, "0000:00:03.0");
  Net expected;
  expected.name = "eth0";
  expected.speed = 25000;
  EXPECT_EQ(found.ports[0].net, expected);
  EXPECT_TRUE(found.notes.empty());
}

TEST_F(MadeUpNetwork, ASpeedThatIsNotKnownIsZero) {
  hardware("eth0", "0000:00:03.0", "-1");
  EXPECT_EQ(find_ports(files.root(), up).ports.at(0).net.speed, 0);
}

TEST_F(MadeUpNetwork, RdmaPortsAreNamedAsUcxNamesThem) {
  rdma("mlx5_0", "0000:3b:00.0", "4: ACTIVE");
  const FoundPorts found = find_ports(files.root(), {});
  ASSERT_EQ(found.ports.size(), 1u);
  EXPECT_EQ(found.ports[0].bus, "0000:3b:00.0");
  Net expected;
  expected.name = "mlx5_0:1";
  expected.speed = 200000;
  expected.port = 1;
  expected.guid = "0xb83fd20300b5ac08";
  expected.rdma = true;
  EXPECT_EQ(found.ports[0].net, expected);
}

TEST_F(MadeUpNetwork, HardwareThatIsDownIsLeftOutAndNoted) {
  rdma("mlx5_0", "0000:3b:00.0", "1: DOWN");
  hardware("eth0", "0000:00:03.0", "1000");
  up.back().is_up = false;
  add("ifb0");
  up.back().is_up = false;
  const FoundPorts found = find_ports(files.root(), up);
  EXPECT_TRUE(found.ports.empty());
  EXPECT_EQ(found.notes, (Texts{"mlx5_0:1 is left out: its port is DOWN",
                                "eth0 is left out: it is down, or its cable is"}));
}

TEST_F(MadeUpNetwork, LoopbackIsNoPort) {
  add("lo");
  up.back().is_loopback = true;
  EXPECT_TRUE(found().empty());
}

TEST_F(MadeUpNetwork, AnInterfaceOfAnRdmaPortIsTheSameWire) {
  rdma("mlx5_0", "0000:3b:00.0", "4: ACTIVE");
  hardware("ib0", "0000:3b:00.0", "200000");
  hardware("eth0", "0000:00:03.0", "1000");
  EXPECT_EQ(found(), (Texts{"mlx5_0:1 on 0000:3b:00.0", "eth0 on 0000:00:03.0"}));
}

TEST_F(MadeUpNetwork, ABondOfAnRdmaPortIsTheSameWire) {
  rdma("mlx5_bond_0", "0000:3b:00.0", "4: ACTIVE");
  files.write("sys/class/infiniband/mlx5_bond_0/ports/1/gid_attrs/ndevs/0", "bond0");
  hardware("eth0", "0000:3b:00.0", "100000");
  hardware("eth1", "0000:3b:00.1", "100000");
  add("bond0", "200000");
  stack("bond0", "eth0", true);
  stack("bond0", "eth1", true);
  EXPECT_EQ(found(), Texts{"mlx5_bond_0:1 on 0000:3b:00.0"});
}

TEST_F(MadeUpNetwork, RdmaMadeBySoftwareIsWhereItsInterfaceIs) {
  rdma("rxe0", "", "4: ACTIVE");
  files.write("sys/class/infiniband/rxe0/ports/1/gid_attrs/ndevs/0", "eth0");
  hardware("eth0", "0000:00:03.0", "10000");
  EXPECT_EQ(found(), Texts{"rxe0:1 on 0000:00:03.0"});
}

TEST_F(MadeUpNetwork, ABondStandsForWhatItIsMadeOf) {
  hardware("eth0", "0000:00:03.0", "10000");
  hardware("eth1", "0000:00:04.0", "10000");
  add("bond0", "20000");
  stack("bond0", "eth0", true);
  stack("bond0", "eth1", true);
  add("bond0.7", "20000");
  stack("bond0.7", "bond0", false);
  EXPECT_EQ(found(), Texts{"bond0"});
}

TEST_F(MadeUpNetwork, ABridgeThatIsDownTakesNothingOver) {
  hardware("eth0", "0000:00:03.0", "10000");
  add("br0");
  stack("br0", "eth0", true);
  EXPECT_EQ(found(), Texts{"br0"});
  up.back().is_up = false;
  EXPECT_EQ(found(), Texts{"eth0 on 0000:00:03.0"});
}

TEST_F(MadeUpNetwork, NetworksOfContainersAndVirtualLansAreNoWires) {
  hardware("eth0", "0000:00:03.0", "10000");
  add("eth0.100", "10000");
  stack("eth0.100", "eth0", false);
  add("docker0");
  files.folder(net("docker0") + "/bridge");
  add("veth1", "10000");
  stack("docker0", "veth1", true);
  add("tun0");
  EXPECT_EQ(found(), Texts{"eth0 on 0000:00:03.0"});
}

TEST_F(MadeUpNetwork, InAContainerAVirtualInterfaceIsTheWire) {
  add("eth0", "10000");
  add("docker0");
  files.folder(net("docker0") + "/bridge");
  add("veth1", "10000");
  stack("docker0", "veth1", true);
  EXPECT_EQ(found(), Texts{"eth0"});
}

TEST_F(MadeUpNetwork, AVirtualFunctionIsNoWireBesideItsPhysicalOne) {
  hardware("eth0", "0000:00:03.0", "100000");
  hardware("eth0v1", "0000:00:03.1", "100000");
  files.link("sys/devices/pci0000:00/0000:00:03.1/physfn", "sys/devices/pci0000:00/0000:00:03.0");
  EXPECT_EQ(found(), Texts{"eth0 on 0000:00:03.0"});
  up.erase(up.begin());  // in another namespace
  EXPECT_EQ(found(), Texts{"eth0v1 on 0000:00:03.1"});
}

TEST_F(MadeUpNetwork, AnInterfaceThatTheSystemDoesNotDescribeIsVirtual) {
  up.push_back({.name = "eth0", .is_up = true});
  EXPECT_EQ(found(), Texts{"eth0"});
}

TEST(Interfaces, AreNamedOnce) {
  std::vector<Interface> all = interfaces();
  const auto by_name = [](const Interface& a, const Interface& b) { return a.name < b.name; };
  std::sort(all.begin(), all.end(), by_name);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_FALSE(all[i].name.empty());
    EXPECT_EQ(all[i].is_loopback, all[i].name == "lo");
    EXPECT_TRUE(i == 0 || all[i - 1].name != all[i].name) << all[i].name;
  }
}

}  // namespace
}  // namespace tutti
