// Tests src/topology/detect.cc: whole hosts, put together from a made-up /sys and made-up NVMLs,
// and this machine.
//
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>

#include "made_up_files.h"
#include "made_up_nvml.h"
#include "topology/detect.h"

namespace tutti {
namespace {

using Texts = std::vector<std::string>;

// Every device below, "bus" or "bus: what it holds", parents first.
void list(const std::vector<PciDevice>& devices, Texts& all) {
  for (const PciDevice& device : devices) {
    std::string text = device.bus;
    if (device.gpu) text += ": GPU " + std::to_string(device.gpu->device);
    for (const Net& net : device.nets) text += ": " + net.name + " " + std::to_string(net.device);
    all.push_back(text);
    list(device.devices, all);
  }
}

Texts list(const Cpu& cpu) {
  Texts all;
  list(cpu.devices, all);
  for (const Net& net : cpu.nets) all.push_back(net.name + " " + std::to_string(net.device));
  return all;
}

class MadeUpHost : public testing::Test {
 protected:
  MadeUpHost() {
    processors.cpus.resize(2);
    processors.cpus[1].numa = 1;
  }

  TopologyReport assemble() const {
    return tutti::assemble(pci, processors, find_ports(files.root(), up),
                           find_gpus(nvml.api(), pci));
  }

  void rdma(const std::string& name, const std::string& chain, int numa) const {
    const std::string device = "sys/class/infiniband/" + name;
    files.link(device + "/device", files.pci(chain, "0x020700", numa));
    files.write(device + "/ports/1/state", "4: ACTIVE");
    files.write(device + "/ports/1/rate", "400 Gb/sec (4X NDR)");
  }

  test::MadeUpFiles files;
  test::MadeUpNvml nvml;
  PciSystem pci{files.root()};
  Processors processors;
  std::vector<Interface> up;
};

// As a DGX H100: four switches a socket, each with a GPU and a network adapter.
TEST_F(MadeUpHost, GpusAndPortsHangBelowTheirSwitches) {
  nvml.gpus = test::eight_gpus_on_switches();
  const Texts gpus = {"1b", "43", "52", "61", "9d", "c3", "d1", "df"};
  const Texts adapters = {"18", "40", "4f", "5e", "9a", "c0", "ce", "dc"};
  const Texts switches = {"15", "3d", "4c", "5b", "97", "bd", "cb", "d9"};
  for (int i = 0; i < 8; ++i) {
    const std::string port =
        "pci0000:" + switches[i] + "/0000:" + switches[i] + ":01.0/0000:" + switches[i] + ":02.0";
    const int numa = i / 4;
    files.pci(port, "0x060400", numa);
    files.pci(port + "/0000:" + gpus[i] + ":01.0/0000:" + gpus[i] + ":00.0", "0x030200", numa);
    rdma("mlx5_" + std::to_string(i),
         port + "/0000:" + adapters[i] + ":01.0/0000:" + adapters[i] + ":00.0", numa);
  }
  const TopologyReport report = assemble();
  EXPECT_TRUE(report.notes.empty());
  ASSERT_EQ(report.topology.hosts.size(), 1u);
  const TopologyHost& host = report.topology.hosts[0];
  EXPECT_EQ(list(host.cpus[0]),
            (Texts{"0000:15:02.0", "0000:18:00.0: mlx5_0:1 0", "0000:1b:00.0: GPU 0",
                   "0000:3d:02.0", "0000:40:00.0: mlx5_1:1 1", "0000:43:00.0: GPU 1",
                   "0000:4c:02.0", "0000:4f:00.0: mlx5_2:1 2", "0000:52:00.0: GPU 2",
                   "0000:5b:02.0", "0000:5e:00.0: mlx5_3:1 3", "0000:61:00.0: GPU 3"}));
  EXPECT_EQ(list(host.cpus[1]).size(), 12u);
  EXPECT_EQ(list(host.cpus[1]).back(), "0000:df:00.0: GPU 7");
  const PciDevice& gpu = host.cpus[1].devices[3].devices[1];
  EXPECT_EQ(gpu.gpu->nvlinks.size(), 4u);
  EXPECT_EQ(gpu.device, "0x2330") << "by NVML, as the system says nothing";
  EXPECT_EQ(gpu.link_speed, "32.0 GT/s PCIe");
}

TEST_F(MadeUpHost, TwoGpusWithNvLinksHangOnTheirProcessors) {
  nvml.gpus = test::two_gpus();
  files.pci("pci0000:3a/0000:3a:00.0/0000:3b:00.0", "0x030200", 0);
  files.pci("pci0000:ae/0000:ae:00.0/0000:af:00.0", "0x030200", 1);
  const TopologyHost host = assemble().topology.hosts.at(0);
  EXPECT_EQ(list(host.cpus[0]), Texts{"0000:3b:00.0: GPU 0"});
  EXPECT_EQ(list(host.cpus[1]), Texts{"0000:af:00.0: GPU 1"});
  EXPECT_EQ(host.cpus[1].devices[0].gpu->nvlinks.at(0).count, 3);
}

// In a sandbox that shows no PCI devices.
TEST_F(MadeUpHost, GpusWithoutAPlaceInTheSystemHangOnTheFirstProcessor) {
  nvml.gpus = test::two_gpus();
  const TopologyHost host = assemble().topology.hosts.at(0);
  EXPECT_EQ(list(host.cpus[0]), (Texts{"0000:3b:00.0: GPU 0", "0000:af:00.0: GPU 1"}));
  EXPECT_EQ(host.cpus[0].devices[0].class_code, "0x030200");
  EXPECT_EQ(host.cpus[0].devices[0].vendor, "0x10de");
}

TEST_F(MadeUpHost, PortsWithoutADeviceHangOnTheProcessorAndAreNumberedLast) {
  up = {{.name = "eth0", .is_up = true}};
  rdma("mlx5_0", "pci0000:ae/0000:ae:00.0/0000:af:00.0", 1);
  FoundPorts ports = find_ports(files.root(), {});
  ports.ports.insert(ports.ports.begin(), {.net = {}, .bus = ""});
  ports.ports[0].net.name = "bond0";
  const TopologyReport report = tutti::assemble(pci, processors, ports, {});
  EXPECT_EQ(list(report.topology.hosts[0].cpus[0]), Texts{"bond0 1"});
  EXPECT_EQ(list(report.topology.hosts[0].cpus[1]), Texts{"0000:af:00.0: mlx5_0:1 0"});
}

TEST_F(MadeUpHost, NotesOfAllPartsAreKept) {
  processors.notes = {"about processors"};
  const FoundPorts ports{{}, {"about ports"}};
  const FoundGpus gpus{{}, "f.1", {"about GPUs"}};
  const TopologyReport report = tutti::assemble(pci, processors, ports, gpus);
  EXPECT_EQ(report.notes, (Texts{"about processors", "about ports", "about GPUs"}));
  EXPECT_EQ(report.topology.hosts[0].fabric, "f.1");
}

TEST(KeepPorts, LeavesThoseThatAreNamed) {
  FoundPorts ports;
  for (const char* name : {"eth0", "mlx5_0:1", "eth1"}) ports.ports.emplace_back().net.name = name;
  keep_ports(ports, "");
  EXPECT_EQ(ports.ports.size(), 3u);
  keep_ports(ports, "eth1,eth7");
  ASSERT_EQ(ports.ports.size(), 1u);
  EXPECT_EQ(ports.ports[0].net.name, "eth1");
  EXPECT_EQ(ports.notes, Texts{"net_devices: \"eth7\" is no port to other hosts here"});
}

TEST(ThisMachine, IsOneHostWithTheProcessorThatThisRunsOn) {
  const Result<TopologyReport> report = detect_topology({});
  ASSERT_TRUE(report.ok()) << report.status().message();
  ASSERT_EQ(report->topology.hosts.size(), 1u);
  const TopologyHost& host = report->topology.hosts[0];
  EXPECT_FALSE(host.name.empty());
  EXPECT_EQ(host.id, "");
  const int here = sched_getcpu();
  EXPECT_TRUE(std::any_of(host.cpus.begin(), host.cpus.end(), [here](const Cpu& cpu) {
    return std::count(cpu.cpus.begin(), cpu.cpus.end(), here) == 1;
  })) << here;
}

TEST(ThisMachine, IsNamedByTheOption) {
  Options options;
  options.host = "a";
  const Result<TopologyReport> report = detect_topology(options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->topology.hosts.at(0).name, "a");
}

TEST(ThisMachine, IsWrittenAndReadAgain) {
  const Result<TopologyReport> report = detect_topology({});
  ASSERT_TRUE(report.ok()) << report.status().message();
  const Result<TopologyReport> again = parse_topology_xml(to_xml(report->topology), "written");
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_EQ(again->topology, report->topology) << to_xml(report->topology);
  EXPECT_TRUE(again->notes.empty());
}

}  // namespace
}  // namespace tutti
