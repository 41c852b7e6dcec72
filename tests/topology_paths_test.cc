// Tests src/topology/graph*.cc, paths*.cc, places.cc and replicate.cc.
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>

#include "model_machines.h"
#include "topology/graph.h"
#include "topology/graph_bandwidth.h"
#include "topology/paths.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

int place_of(const PathMatrix& matrix, const std::string& label) {
  for (std::size_t i = 0; i < matrix.places.size(); ++i) {
    if (matrix.places[i].label == label) return static_cast<int>(i);
  }
  ADD_FAILURE() << "no place " << label;
  return 0;
}

Path path_of(const PathMatrix& matrix, const std::string& from, const std::string& to) {
  return matrix.paths[place_of(matrix, from)][place_of(matrix, to)];
}

TEST(Bandwidth, FollowsGenerationsOfLinks) {
  EXPECT_EQ(nvlink_bandwidth(60), 18);
  EXPECT_EQ(nvlink_bandwidth(70), 20);
  EXPECT_EQ(nvlink_bandwidth(86), 12);
  EXPECT_EQ(nvlink_bandwidth(90), 20.6);
  EXPECT_EQ(nvlink_bandwidth(103), 40.1);
  PciDevice device;
  EXPECT_EQ(pci_bandwidth(device), 12);
  device.link_speed = "inf";
  EXPECT_EQ(pci_bandwidth(device), 12);
  device.link_speed = "32.0 GT/s PCIe";
  device.link_width = 8;
  EXPECT_EQ(pci_bandwidth(device), 24);
  Cpu cpu;
  cpu.vendor = "GenuineIntel";
  cpu.family = 6;
  cpu.model = 0x6a;
  EXPECT_EQ(socket_bandwidth(cpu), 10);
  Net net;
  net.speed = -1;
  EXPECT_EQ(port_bandwidth(net), 1.25);
  net.speed = 400000;
  EXPECT_EQ(port_bandwidth(net), 50);
}

TEST(Paths, HybridCubeMesh) {
  const PathMatrix matrix = path_matrix(model("dgx-1v"));
  EXPECT_EQ(path_of(matrix, "GPU0", "GPU3"), (Path{PathType::kNvLink, 40, 1}));
  EXPECT_EQ(path_of(matrix, "GPU0", "GPU1"), (Path{PathType::kNvLink, 20, 1}));
  // Over GPU 4: two links, then one.
  EXPECT_EQ(path_of(matrix, "GPU0", "GPU5"), (Path{PathType::kNvHop, 20, 2}));
  EXPECT_EQ(path_of(matrix, "GPU0", "GPU7"), (Path{PathType::kNvHop, 40, 2}));
  EXPECT_EQ(path_of(matrix, "GPU0", "mlx5_0:1").type, PathType::kPix);
  EXPECT_EQ(path_of(matrix, "GPU0", "mlx5_0:1").bandwidth, 12);
  EXPECT_EQ(path_of(matrix, "GPU0", "CPU0").type, PathType::kPhb);
  EXPECT_EQ(path_of(matrix, "CPU0", "CPU1").type, PathType::kSys);
  // GPU 3, which is near the port, passes on what GPU 0 gives it.
  EXPECT_EQ(path_of(matrix, "GPU0", "mlx5_1:1").type, PathType::kPxn);
  EXPECT_EQ(path_of(matrix, "mlx5_0:1", "mlx5_2:1").type, PathType::kSys);
}

TEST(Paths, SwitchedMachines) {
  const PathMatrix a100 = path_matrix(model("dgx-a100"));
  EXPECT_EQ(path_of(a100, "GPU0", "GPU7"), (Path{PathType::kNvLink, 240, 2}));
  EXPECT_EQ(path_of(a100, "GPU2", "mlx5_2:1").type, PathType::kPix);
  EXPECT_EQ(path_of(a100, "GPU2", "mlx5_3:1").type, PathType::kPxb);
  const PathMatrix h100 = path_matrix(model("dgx-h100"));
  EXPECT_EQ(path_of(h100, "GPU0", "GPU7").type, PathType::kNvLink);
  EXPECT_DOUBLE_EQ(path_of(h100, "GPU0", "GPU7").bandwidth, 18 * 20.6);
  EXPECT_EQ(path_of(h100, "GPU0", "mlx5_3:1").type, PathType::kPxn);
}

TEST(Paths, FlattenedMachineGoesThroughItsProcessor) {
  const PathMatrix matrix = path_matrix(model("cloud-flat"));
  EXPECT_EQ(path_of(matrix, "GPU0", "GPU7"), (Path{PathType::kNvLink, 240, 2}));
  EXPECT_EQ(path_of(matrix, "GPU7", "rdmap16s27:1").type, PathType::kPhb);
}

TEST(Paths, OnlyPci) {
  const PathMatrix matrix = path_matrix(model("pcie-8gpu"));
  EXPECT_EQ(path_of(matrix, "GPU0", "GPU1"), (Path{PathType::kPix, 24, 2}));
  EXPECT_EQ(path_of(matrix, "GPU0", "GPU2").type, PathType::kPhb);
  EXPECT_EQ(path_of(matrix, "GPU0", "GPU7").type, PathType::kSys);
  EXPECT_EQ(path_of(matrix, "GPU0", "GPU7").bandwidth, 10);
  EXPECT_EQ(path_of(matrix, "GPU7", "GPU7").type, PathType::kLocal);
}

TEST(Paths, FabricOfManyHosts) {
  const PathMatrix matrix = path_matrix(model("gb200-nvl72"));
  const Path across = path_of(matrix, "tray01/GPU0", "tray18/GPU3");
  EXPECT_EQ(across.type, PathType::kNvLink);
  EXPECT_DOUBLE_EQ(across.bandwidth, 18 * 40.1);
  EXPECT_EQ(path_of(matrix, "tray01/GPU0", "tray01/CPU0").type, PathType::kC2c);
  EXPECT_EQ(path_of(matrix, "tray01/GPU0", "tray01/mlx5_0:1").type, PathType::kP2c);
  EXPECT_EQ(path_of(matrix, "tray01/GPU0", "tray01/mlx5_2:1").type, PathType::kPxn);
  EXPECT_EQ(path_of(matrix, "tray01/CPU0", "tray02/CPU0").type, PathType::kNet);
}

TEST(Paths, NetworkBetweenHosts) {
  const PathMatrix matrix = path_matrix(replicate(model("dgx-1v"), 2));
  const Path path = path_of(matrix, "host0/GPU0", "host1/GPU5");
  EXPECT_EQ(path.type, PathType::kNet);
  EXPECT_EQ(path.bandwidth, 12);
  EXPECT_EQ(path_of(matrix, "host0/mlx5_0:1", "host1/mlx5_3:1").bandwidth, 12.5);
}

TEST(Paths, NoNetworkNoWay) {
  Topology hosts = replicate(model("dgx-1v"), 2);
  for (TopologyHost& host : hosts.hosts) {
    for (Cpu& cpu : host.cpus) {
      for (PciDevice& device : cpu.devices) {
        std::erase_if(device.devices, [](const PciDevice& below) { return !below.nets.empty(); });
      }
    }
  }
  EXPECT_EQ(path_of(path_matrix(hosts), "host0/GPU0", "host1/GPU0"), Path{});
}

TEST(Paths, AreAsLongBack) {
  for (const std::string& name : model_names()) {
    SCOPED_TRACE(name);
    const PathMatrix matrix = path_matrix(model(name));
    for (std::size_t a = 0; a < matrix.places.size(); ++a) {
      EXPECT_EQ(matrix.paths[a][a].type, PathType::kLocal);
      for (std::size_t b = 0; b < a; ++b) EXPECT_EQ(matrix.paths[a][b], matrix.paths[b][a]);
    }
  }
}

// Links of a route follow each other, and its figures are theirs.
TEST(Trails, AreWaysThroughTheGraph) {
  for (const std::string& name : model_names()) {
    SCOPED_TRACE(name);
    const Graph graph = make_units(model(name), true).front().graph;
    const Trails routes(graph);
    for (const int from : graph.nodes_of(NodeKind::kGpu)) {
      for (const NodeKind kind : {NodeKind::kGpu, NodeKind::kPort, NodeKind::kCpu}) {
        for (const int to : graph.nodes_of(kind)) {
          const Trail& route = routes.at(from, to);
          int at = from;
          double narrowest = kLocalBandwidth;
          for (const int link : route.links) {
            ASSERT_EQ(graph.links[link].from, at);
            at = graph.links[link].to;
            narrowest = std::min(narrowest, graph.links[link].capacity);
          }
          if (route.path.type == PathType::kNone) continue;
          ASSERT_EQ(at, to);
          EXPECT_EQ(route.path.bandwidth, narrowest);
          EXPECT_EQ(route.path.hops, static_cast<int>(route.links.size()));
        }
      }
    }
  }
}

PciDevice device(const std::string& bus, const std::vector<PciDevice>& behind) {
  PciDevice made;
  made.bus = bus;
  made.devices = behind;
  return made;
}

TEST(Graph, LeavesOutBridgesThatJoinNothing) {
  // A root port, a switch of one upstream and two downstream ports, and two devices behind it, as
  // systems list them: one switch.
  Net net;
  net.name = "mlx5_0";
  PciDevice gpu = device("0000:05:00.0", {});
  gpu.gpu = Gpu{};
  PciDevice adapter = device("0000:06:00.0", {});
  adapter.nets = {net};
  const PciDevice left = device("0000:04:00.0", {gpu});
  const PciDevice right = device("0000:04:01.0", {adapter});
  const PciDevice upstream = device("0000:03:00.0", {left, right});
  Cpu cpu;
  cpu.devices = {device("0000:00:01.0", {upstream})};
  TopologyHost host;
  host.cpus = {cpu};
  const Topology topology{{host}};
  const PathMatrix matrix = path_matrix(topology);
  EXPECT_EQ(path_of(matrix, "GPU0", "mlx5_0").type, PathType::kPix);
  EXPECT_EQ(path_of(matrix, "GPU0", "mlx5_0").bandwidth, 1.25);
}

TEST(Graph, OfHostsThatAreAlikeIsEqual) {
  const std::vector<Unit> units = make_units(replicate(model("dgx-h100"), 3), true);
  ASSERT_EQ(units.size(), 3u);
  EXPECT_EQ(units[0].graph, units[2].graph);
}

TEST(Replicate, NumbersRanksAndTellsHostsApart) {
  const Topology hosts = replicate(model("dgx-1v"), 3);
  ASSERT_EQ(hosts.hosts.size(), 3u);
  EXPECT_EQ(hosts.hosts[2].name, "host2");
  EXPECT_NE(hosts.hosts[0].id, hosts.hosts[1].id);
  const FoundWays ways = find_ways(hosts);
  ASSERT_EQ(ways.members.size(), 24u);
  for (int i = 0; i < 24; ++i) EXPECT_EQ(ways.members[i].rank, i);
}

TEST(Paths, NothingAtAll) {
  EXPECT_TRUE(path_matrix({}).places.empty());
  EXPECT_TRUE(path_matrix(Topology{{TopologyHost{}}}).places.empty());
}

}  // namespace
}  // namespace tutti
