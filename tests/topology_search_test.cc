// Tests src/topology/search*.cc.
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <ctime>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include "model_machines.h"
#include "topology/graph.h"
#include "topology/paths.h"
#include "topology/places.h"
#include "topology/search_cut.h"
#include "topology/search_share.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

// ---- what ways load, worked out anew from the topology

class Links {
 public:
  Links(const Topology& topology, const FoundWays& ways) : ways_(ways) {
    const bool gpus = ways.members.front().place.kind == PlaceKind::kGpu;
    units_ = make_units(topology, gpus);
    for (const Unit& unit : units_) routes_.emplace_back(unit.graph);
    for (const PlaceKind kind : {PlaceKind::kGpu, PlaceKind::kCpu, PlaceKind::kNet}) {
      for (const Spotted& at : spot(topology, units_, kind)) {
        spotted_[{kind, at.place.host, at.place.device}] = at;
      }
    }
  }

  void load_ring(const FoundRing& ring) {
    for (std::size_t i = 0; i < ring.order.size(); ++i) {
      const Place& from = ways_.members[ring.order[i]].place;
      const Place& to = ways_.members[ring.order[(i + 1) % ring.order.size()]].place;
      const bool network = !ring.ports.empty() && unit_of(from) != unit_of(to);
      if (!network) {
        load(at(from), at(to), ring.bandwidth);
        continue;
      }
      const Spotted exit = port(ring.exits, unit_of(from));
      const Spotted enter = port(ring.ports, unit_of(to));
      load(at(from), exit, ring.bandwidth);
      load_wire(exit, ring.bandwidth, /*out=*/true);
      load_wire(enter, ring.bandwidth, /*out=*/false);
      load(enter, at(to), ring.bandwidth);
    }
  }

  void load_edge_inside(const Place& from, const Place& to, double bandwidth) {
    if (unit_of(from) == unit_of(to)) load(at(from), at(to), bandwidth);
  }

  void expect_within_capacity() const {
    for (const auto& [key, carried] : loads_) {
      EXPECT_LE(carried, units_[key.first].graph.links[key.second].capacity + 1e-6)
          << "unit " << key.first << " link " << key.second;
    }
  }

  int unit_of(const Place& place) const { return at(place).unit; }

 private:
  const Spotted& at(const Place& place) const {
    return spotted_.at({place.kind, place.host, place.device});
  }

  // The port of the only host of the unit that has one.
  Spotted port(const std::vector<int>& by_host, int unit) const {
    Spotted found;
    int ports = 0;
    for (const int host : units_[unit].hosts) {
      if (by_host[host] < 0) continue;
      found = spotted_.at({PlaceKind::kNet, host, by_host[host]});
      ++ports;
    }
    EXPECT_EQ(ports, 1);
    return found;
  }

  void load(const Spotted& from, const Spotted& to, double bandwidth) {
    const Trail& route = routes_[from.unit].at(from.node, to.node);
    ASSERT_NE(route.path.type, PathType::kNone);
    EXPECT_LE(bandwidth, route.path.bandwidth + 1e-6);
    for (const int link : route.links) loads_[{from.unit, link}] += bandwidth;
  }

  void load_wire(const Spotted& port, double bandwidth, bool out) {
    const int outward = units_[port.unit].graph.leaving[port.node].back();
    loads_[{port.unit, out ? outward : outward + 1}] += bandwidth;
  }

  const FoundWays& ways_;
  std::vector<Unit> units_;
  std::vector<Trails> routes_;
  std::map<std::tuple<PlaceKind, int, int>, Spotted> spotted_;
  std::map<std::pair<int, int>, double> loads_;  // GB/s, by unit and link
};

void expect_rings_hold(const Topology& topology, const FoundWays& ways) {
  Links links(topology, ways);
  for (const FoundRing& ring : ways.rings) {
    std::vector<int> sorted = ring.order;
    std::ranges::sort(sorted);
    std::vector<int> all(ways.members.size());
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(sorted, all);
    EXPECT_GT(ring.bandwidth, 0);
    links.load_ring(ring);
  }
  links.expect_within_capacity();
}

std::vector<std::vector<int>> children_of(const FoundTree& tree) {
  std::vector<std::vector<int>> children(tree.parents.size());
  for (int member = 0; member < static_cast<int>(tree.parents.size()); ++member) {
    if (tree.parents[member] >= 0) children[tree.parents[member]].push_back(member);
  }
  return children;
}

int depth_of(const FoundTree& tree) {
  const auto children = children_of(tree);
  std::vector<int> generation;
  for (int member = 0; member < static_cast<int>(tree.parents.size()); ++member) {
    if (tree.parents[member] < 0) generation.push_back(member);
  }
  int depth = -1;
  std::size_t seen = 0;
  while (!generation.empty()) {
    ++depth;
    seen += generation.size();
    std::vector<int> next;
    for (const int member : generation) {
      next.insert(next.end(), children[member].begin(), children[member].end());
    }
    generation = std::move(next);
  }
  EXPECT_EQ(seen, tree.parents.size()) << "some members are on a circle";
  return depth;
}

void expect_trees_hold(const Topology& topology, const FoundWays& ways) {
  if (ways.rings.empty()) {
    EXPECT_TRUE(ways.trees.empty());
    return;
  }
  ASSERT_EQ(ways.trees.size(), 2u);
  Links links(topology, ways);
  for (const FoundTree& tree : ways.trees) {
    ASSERT_EQ(tree.parents.size(), ways.members.size());
    EXPECT_EQ(std::ranges::count(tree.parents, -1), 1);
    depth_of(tree);
    EXPECT_GT(tree.bandwidth, 0);
    std::set<int> units;
    int between = 0;
    for (int member = 0; member < static_cast<int>(tree.parents.size()); ++member) {
      const Place& place = ways.members[member].place;
      units.insert(links.unit_of(place));
      if (tree.parents[member] < 0) continue;
      const Place& parent = ways.members[tree.parents[member]].place;
      between += links.unit_of(place) != links.unit_of(parent);
      links.load_edge_inside(place, parent, tree.bandwidth);
      links.load_edge_inside(parent, place, tree.bandwidth);
    }
    EXPECT_EQ(between, static_cast<int>(units.size()) - 1);
  }
  links.expect_within_capacity();
}

void expect_levels_hold(const FoundWays& ways) {
  for (const FoundLevel& level : ways.levels) {
    SCOPED_TRACE(level.name);
    EXPECT_GT(level.bandwidth, 0);
    EXPECT_LT(level.bandwidth, 1e6);
    std::vector<int> all;
    for (const std::vector<int>& group : level.groups) {
      EXPECT_TRUE(std::ranges::is_sorted(group));
      all.insert(all.end(), group.begin(), group.end());
    }
    std::ranges::sort(all);
    ASSERT_EQ(all.size(), ways.members.size());
    EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
  }
}

FoundWays checked(const Topology& topology) {
  FoundWays ways = find_ways(topology);
  if (ways.members.empty()) return ways;
  expect_rings_hold(topology, ways);
  expect_trees_hold(topology, ways);
  expect_levels_hold(ways);
  return ways;
}

// ---- machines made here

void for_each_gpu(std::vector<PciDevice>& devices, const std::function<void(PciDevice&)>& visit) {
  for (PciDevice& device : devices) {
    if (device.gpu) visit(device);
    for_each_gpu(device.devices, visit);
  }
}

void for_each_gpu(Topology& topology, const std::function<void(PciDevice&)>& visit) {
  for (TopologyHost& host : topology.hosts) {
    for (Cpu& cpu : host.cpus) for_each_gpu(cpu.devices, visit);
  }
}

std::string bus(int number) {
  return std::string("0000:").append(std::to_string(10 + number)).append(":00.0");
}

PciDevice gpu_device(int number) {
  PciDevice device;
  device.bus = bus(number);
  device.gpu = Gpu{};
  device.gpu->device = number;
  device.gpu->sm = 90;
  return device;
}

PciDevice adapter(int number, long speed) {
  PciDevice device;
  device.bus = bus(50 + number);
  Net net;
  net.name = std::string("net").append(std::to_string(number));
  net.device = number;
  net.speed = speed;
  net.rdma = true;
  device.nets = {net};
  return device;
}

PciDevice pci_switch(int number, std::vector<PciDevice> devices) {
  PciDevice device;
  device.bus = bus(70 + number);
  device.devices = std::move(devices);
  return device;
}

Topology one_host(std::vector<PciDevice> devices) {
  Cpu cpu;
  cpu.devices = std::move(devices);
  TopologyHost host;
  host.cpus = {cpu};
  return Topology{{host}};
}

void link_gpus(std::vector<PciDevice>& devices, int a, int b, int links) {
  devices[a].gpu->nvlinks.push_back({bus(b), links, "0x030200"});
  devices[b].gpu->nvlinks.push_back({bus(a), links, "0x030200"});
}

// ---- bandwidth

// GB/s, and why. A model without a line here fails the test: say what its links allow.
struct Bound {
  double one = 0;  // of the file
  double two = 0;  // of two copies of it
};

const std::map<std::string, Bound>& bounds() {
  static const std::map<std::string, Bound> kBounds = {
      // 12 NVLinks of 20 to the switch. Between hosts 4 adapters on PCIe 3.0 ×16, as the flattened
      // bus says nothing better.
      {"cloud-flat", {12 * 20, 4 * 12}},
      // 4 hosts: each ring crosses the link between sockets both ways.
      {"cpu-2socket", {16, 16}},
      // 6 NVLinks of 20. Between hosts 4 adapters, each behind PCIe 3.0 ×16.
      {"dgx-1v", {6 * 20, 4 * 12}},
      // 12 NVLinks of 20. Between hosts 8 adapters of 25 behind PCIe 4.0 ×16.
      {"dgx-a100", {12 * 20, 8 * 24}},
      // 18 NVLinks of 20.6. Between hosts 8 adapters of 50 behind PCIe 5.0 ×16; more than NVLinks
      // could take were every ring to leave a host by the port that it came in by.
      {"dgx-h100", {18 * 20.6, 8 * 48}},
      // 18 NVLinks of 40.1. Its copy is on the same switches.
      {"gb200-nvl72", {18 * 40.1, 18 * 40.1}},
      // The link between sockets. Between hosts a ring crosses it one way, and another the other.
      {"pcie-8gpu", {10, 2 * 10}},
  };
  return kBounds;
}

TEST(Rings, ReachTheBoundOfEveryModel) {
  for (const std::string& name : model_names()) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(bounds().contains(name));
    const FoundWays ways = checked(model(name));
    EXPECT_NEAR(ways.ring_bandwidth(), bounds().at(name).one, 1e-6);
    EXPECT_TRUE(ways.complete);
  }
}

TEST(Rings, ReachTheBoundOfTwoOfEveryModel) {
  for (const std::string& name : model_names()) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(bounds().contains(name));
    const FoundWays ways = checked(replicate(model(name), 2));
    EXPECT_NEAR(ways.ring_bandwidth(), bounds().at(name).two, 1e-6);
  }
}

// Every link of every GPU, both ways: six rings through eight GPUs on 48 links of 20, one way each.
TEST(Rings, UseAllLinksOfTheHybridCubeMesh) {
  const Topology dgx = model("dgx-1v");
  const FoundWays ways = checked(dgx);
  std::map<std::pair<int, int>, int> used;
  for (const FoundRing& ring : ways.rings) {
    EXPECT_EQ(ring.inside, PathType::kNvLink);
    EXPECT_NEAR(ring.bandwidth, 20, 1e-6);
    for (std::size_t i = 0; i < ring.order.size(); ++i) {
      ++used[{ring.order[i], ring.order[(i + 1) % ring.order.size()]}];
    }
  }
  Topology copy = dgx;
  int links = 0;
  for_each_gpu(copy, [&](PciDevice& device) {
    for (const NvLinks& nvlinks : device.gpu->nvlinks) {
      for_each_gpu(copy, [&](PciDevice& peer) {
        if (peer.bus != nvlinks.target) return;
        const std::pair ends(device.gpu->device, peer.gpu->device);
        EXPECT_EQ(used[ends], nvlinks.count) << ends.first << " to " << ends.second;
        links += nvlinks.count;
      });
    }
  });
  EXPECT_EQ(links, 48);
}

TEST(Rings, OnTheQuadOfAHybridCubeMesh) {
  Topology dgx = model("dgx-1v");
  for_each_gpu(dgx, [](PciDevice& device) {
    if (device.gpu->device >= 4) device.gpu->rank = -1;
  });
  const FoundWays ways = checked(dgx);
  EXPECT_EQ(ways.members.size(), 4u);
  EXPECT_NEAR(ways.ring_bandwidth(), 4 * 20, 1e-6);  // GPU 0 has four links to the other three
}

// Four GPUs in a full mesh of six links each: three rings of six links' width do not exist (there
// is no such decomposition of four), six of three do.
TEST(Rings, OnAFullMeshOfFour) {
  std::vector<PciDevice> gpus = {gpu_device(0), gpu_device(1), gpu_device(2), gpu_device(3)};
  for (int a = 0; a < 4; ++a) {
    for (int b = 0; b < a; ++b) link_gpus(gpus, a, b, 6);
  }
  const FoundWays ways = checked(one_host(gpus));
  EXPECT_NEAR(ways.ring_bandwidth(), 18 * 20.6, 1e-6);
}

TEST(Rings, UseBridgesBetweenPairs) {
  std::vector<PciDevice> gpus = {gpu_device(0), gpu_device(1), gpu_device(2), gpu_device(3)};
  link_gpus(gpus, 0, 2, 4);
  link_gpus(gpus, 1, 3, 4);
  const FoundWays ways = checked(one_host(gpus));
  EXPECT_EQ(ways.rings.front().order, (std::vector<int>{0, 2, 3, 1}));
  EXPECT_NEAR(ways.ring_bandwidth(), 24, 1e-6);  // a pair has two PCI links; rings both ways round
  EXPECT_EQ(ways.levels.front().name, "NVLink domain");
  EXPECT_EQ(ways.levels.front().groups, (std::vector<std::vector<int>>{{0, 2}, {1, 3}}));
}

TEST(Rings, UseEveryPortAndKeepToRails) {
  for (const int hosts : {2, 3, 4, 5}) {
    SCOPED_TRACE(hosts);
    for (const std::string name : {"dgx-h100", "dgx-a100", "dgx-1v", "cloud-flat"}) {
      SCOPED_TRACE(name);
      const FoundWays ways = checked(replicate(model(name), hosts));
      EXPECT_NEAR(ways.ring_bandwidth(), bounds().at(name).two, 1e-6);
      EXPECT_TRUE(ways.complete);
      for (int host = 0; host < hosts; ++host) {
        std::set<int> entered;
        std::set<int> left;
        for (const FoundRing& ring : ways.rings) {
          entered.insert(ring.ports[host]);
          left.insert(ring.exits[host]);
          EXPECT_EQ(ring.exits[host], ring.ports[(host + 1) % hosts]);
        }
        EXPECT_EQ(entered.size(), ways.rings.size());
        EXPECT_EQ(left, entered);
      }
    }
  }
}

TEST(Rings, ComeInAtTheNearestGpu) {
  const FoundWays ways = find_ways(replicate(model("dgx-h100"), 2));
  ASSERT_EQ(ways.rings.size(), 8u);
  for (const FoundRing& ring : ways.rings) {
    EXPECT_EQ(ring.between, PathType::kPix);
    EXPECT_EQ(ways.members[ring.order[0]].place.device, ring.ports[0]);
    EXPECT_EQ(ways.members[ring.order[7]].place.device, ring.exits[0]);
  }
}

TEST(Rings, FollowTheRailsThatPortsName) {
  Topology hosts = replicate(model("dgx-h100"), 2);
  // On the second host rails are wired the other way round.
  for (int host = 0; host < 2; ++host) {
    for (Cpu& cpu : hosts.hosts[host].cpus) {
      for (PciDevice& bridge : cpu.devices) {
        for (PciDevice& device : bridge.devices) {
          for (Net& net : device.nets) {
            net.other["rail"] = std::to_string(host == 0 ? net.device : 7 - net.device);
          }
        }
      }
    }
  }
  const FoundWays ways = checked(hosts);
  EXPECT_NEAR(ways.ring_bandwidth(), 8 * 48, 1e-6);
  for (const FoundRing& ring : ways.rings) {
    EXPECT_EQ(ring.ports[1], 7 - ring.exits[0]);
    EXPECT_EQ(ring.ports[0], 7 - ring.exits[1]);
  }
}

// An odd number of hosts with two ports each: rings change rails in the network once.
TEST(Rings, CrossTheSocketLinkOneWayOnAnyNumberOfHosts) {
  for (const int hosts : {2, 3, 4, 5}) {
    SCOPED_TRACE(hosts);
    EXPECT_NEAR(checked(replicate(model("pcie-8gpu"), hosts)).ring_bandwidth(), 20, 1e-6);
  }
}

// Two racks of four hosts: within a rack over NVSwitches, between them by all 16 ports.
TEST(Rings, BetweenRacks) {
  Topology racks = model("gb200-nvl72");
  racks.hosts.resize(8);
  for (int host = 4; host < 8; ++host) racks.hosts[host].fabric = "another";
  const FoundWays ways = checked(racks);
  ASSERT_EQ(ways.rings.size(), 16u);
  // A ring leaves its last GPU over the processor: 15 of 16 rings load a GPU's NVLinks. That would
  // allow 769.9; ports, 16 times 48, allow less.
  EXPECT_NEAR(ways.ring_bandwidth(), 16 * 48, 1e-6);
  EXPECT_EQ(ways.rings[0].inside, PathType::kNvLink);
  EXPECT_EQ(ways.rings[0].between, PathType::kP2c);
  EXPECT_EQ(ways.levels.front().groups.size(), 2u);
  EXPECT_NEAR(ways.levels.back().bandwidth, 48, 1e-6);
}

// ---- size

double seconds_of_processor(const std::function<void()>& work) {
  const std::clock_t begin = std::clock();
  work();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
constexpr double kSlowdown = 30;
#else
constexpr double kSlowdown = 1;
#endif

TEST(Search, TakesUnderASecond) {
  const Topology rack = model("gb200-nvl72");
  const Topology cluster = replicate(model("dgx-h100"), 512);
  EXPECT_LT(seconds_of_processor([&] { find_ways(rack); }), kSlowdown);
  EXPECT_LT(seconds_of_processor([&] { find_ways(cluster); }), kSlowdown);
}

TEST(Search, OfFiveHundredHosts) {
  const Topology cluster = replicate(model("dgx-h100"), 512);
  const FoundWays ways = checked(cluster);
  ASSERT_EQ(ways.members.size(), 4096u);
  EXPECT_NEAR(ways.ring_bandwidth(), 8 * 48, 1e-6);
  for (const FoundTree& tree : ways.trees) {
    EXPECT_NEAR(tree.bandwidth, 48, 1e-6);
    EXPECT_LE(depth_of(tree), 2 * 9 + 4);
  }
}

// ---- trees

TEST(Trees, OnASwitchHaveOppositeLeaves) {
  for (const std::string name : {"dgx-h100", "gb200-nvl72"}) {
    SCOPED_TRACE(name);
    const FoundWays ways = find_ways(model(name));
    const auto first = children_of(ways.trees[0]);
    const auto second = children_of(ways.trees[1]);
    for (std::size_t member = 0; member < first.size(); ++member) {
      EXPECT_NE(first[member].empty(), second[member].empty()) << member;
    }
    // Up from two children and down to two, and a leaf of the other: four ways out of each.
    EXPECT_NEAR(ways.trees[0].bandwidth, bounds().at(name).one / 4, 1e-6);
    EXPECT_LE(depth_of(ways.trees[0]), std::bit_width(first.size()));
  }
}

TEST(Trees, BetweenHostsHaveOppositeLeaves) {
  const FoundWays ways = find_ways(replicate(model("dgx-h100"), 8));
  std::array<std::vector<int>, 2> below;  // by tree and host: other hosts below it
  for (int t : {0, 1}) {
    below[t].resize(8);
    for (int member = 0; member < 64; ++member) {
      const int parent = ways.trees[t].parents[member];
      if (parent < 0) continue;
      const int host = ways.members[parent].place.host;
      below[t][host] += ways.members[member].place.host != host;
    }
  }
  for (int host = 0; host < 8; ++host) {
    EXPECT_NE(below[0][host] == 0, below[1][host] == 0) << "host " << host;
    EXPECT_LE(below[0][host], 2);
  }
}

// ---- levels

std::vector<std::string> level_names(const FoundWays& ways) {
  std::vector<std::string> names;
  for (const FoundLevel& level : ways.levels) names.push_back(level.name);
  return names;
}

TEST(Levels, NearestFirst) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(level_names(find_ways(model("dgx-1v"))), (Names{"NVLink domain"}));
  EXPECT_EQ(level_names(find_ways(model("gb200-nvl72"))), (Names{"NVLink domain"}));
  EXPECT_EQ(level_names(find_ways(model("pcie-8gpu"))), (Names{"PCI switch", "NUMA node", "host"}));
  EXPECT_EQ(level_names(find_ways(model("cpu-2socket"))), (Names{"NUMA node", "host", "network"}));
  EXPECT_EQ(level_names(find_ways(replicate(model("dgx-h100"), 2))),
            (Names{"NVLink domain", "rail", "network"}));
}

TEST(Levels, SayWhatEachMemberHas) {
  const FoundWays pcie = find_ways(model("pcie-8gpu"));
  EXPECT_NEAR(pcie.levels[0].bandwidth, 24, 1e-6);
  EXPECT_NEAR(pcie.levels[2].bandwidth, 10, 1e-6);
  const FoundWays dgx = find_ways(replicate(model("dgx-1v"), 2));
  ASSERT_EQ(dgx.levels.size(), 3u);
  EXPECT_NEAR(dgx.levels[0].bandwidth, 120, 1e-6);
  EXPECT_EQ(dgx.levels[1].groups.size(), 4u);     // rails
  EXPECT_NEAR(dgx.levels[1].bandwidth, 6, 1e-6);  // two GPUs share a port
  EXPECT_EQ(dgx.levels[1].groups[0], (std::vector<int>{0, 1, 8, 9}));
}

// ---- the same again

TEST(Search, IsDeterministic) {
  for (const std::string& name : model_names()) {
    const Topology hosts = replicate(model(name), 2);
    const FoundWays first = find_ways(hosts);
    const FoundWays second = find_ways(hosts);
    EXPECT_EQ(first.rings, second.rings);
    EXPECT_EQ(first.trees, second.trees);
    EXPECT_EQ(first.levels, second.levels);
  }
}

TEST(Search, DoesNotDependOnRanksAndOrder) {
  std::mt19937 random(7);
  for (const std::string name : {"dgx-1v", "dgx-a100", "pcie-8gpu"}) {
    SCOPED_TRACE(name);
    for (int round = 0; round < 5; ++round) {
      Topology shuffled = model(name);
      std::vector<int> ranks = {0, 1, 2, 3, 4, 5, 6, 7};
      std::vector<int> numbers = ranks;
      std::shuffle(ranks.begin(), ranks.end(), random);
      std::shuffle(numbers.begin(), numbers.end(), random);
      for_each_gpu(shuffled, [&, next = 0](PciDevice& device) mutable {
        device.gpu->device = numbers[next];
        device.gpu->rank = ranks[next++];
      });
      for (Cpu& cpu : shuffled.hosts[0].cpus) {
        std::shuffle(cpu.devices.begin(), cpu.devices.end(), random);
      }
      const FoundWays ways = checked(shuffled);
      EXPECT_NEAR(ways.ring_bandwidth(), bounds().at(name).one, 1e-6);
      for (int i = 0; i < 8; ++i) EXPECT_EQ(ways.members[i].rank, i);
      EXPECT_NEAR(checked(replicate(shuffled, 2)).ring_bandwidth(), bounds().at(name).two, 1e-6);
    }
  }
}

TEST(Search, SaysThatTheBudgetEndedIt) {
  for (const std::string& name : model_names()) {
    SCOPED_TRACE(name);
    for (const int copies : {1, 2}) {
      const Topology hosts = replicate(model(name), copies);
      for (const int budget : {-1, 0, 1, 100}) {
        const FoundWays ways = find_ways(hosts, budget);
        EXPECT_FALSE(ways.rings.empty());
        expect_rings_hold(hosts, ways);
        expect_trees_hold(hosts, ways);
        // The members' own order may be the best there is.
        const Bound& bound = bounds().at(name);
        const bool best = ways.ring_bandwidth() > (copies == 1 ? bound.one : bound.two) - 1e-6;
        EXPECT_TRUE(best || !ways.complete);
      }
    }
  }
}

// ---- what is not there

TEST(Search, OfNothing) {
  EXPECT_EQ(find_ways({}).members.size(), 0u);
  EXPECT_TRUE(find_ways(Topology{{TopologyHost{}, TopologyHost{}}}).rings.empty());
  const FoundWays one = find_ways(one_host({gpu_device(0)}));
  EXPECT_EQ(one.members.size(), 1u);
  EXPECT_TRUE(one.rings.empty());
  EXPECT_TRUE(one.trees.empty());
  EXPECT_TRUE(one.levels.empty());
}

TEST(Search, OfHostsWithoutPorts) {
  const Topology hosts = replicate(one_host({gpu_device(0), gpu_device(1)}), 2);
  const FoundWays ways = checked(hosts);
  EXPECT_EQ(ways.members.size(), 4u);
  EXPECT_TRUE(ways.rings.empty());
  EXPECT_TRUE(ways.trees.empty());
  ASSERT_EQ(ways.levels.size(), 1u);
  EXPECT_EQ(ways.levels[0].groups.size(), 2u);
}

TEST(Search, OfHostsOfDifferentSizes) {
  Topology hosts = replicate(model("dgx-h100"), 1);
  hosts.hosts.push_back(replicate(model("dgx-1v"), 1).hosts[0]);
  hosts.hosts.push_back(one_host({gpu_device(0), adapter(0, 100000)}).hosts[0]);
  int rank = 0;
  for_each_gpu(hosts, [&](PciDevice& device) { device.gpu->rank = rank++; });
  const FoundWays ways = checked(hosts);
  EXPECT_EQ(ways.members.size(), 17u);
  EXPECT_NEAR(ways.ring_bandwidth(), 12, 1e-6);  // all that the smallest host has
}

TEST(Search, LeavesPortsThatManageTheHost) {
  std::vector<PciDevice> devices = {
      pci_switch(0, {gpu_device(0), gpu_device(1), adapter(0, 200000)}), adapter(1, 1000)};
  const FoundWays ways = checked(replicate(one_host(devices), 2));
  ASSERT_EQ(ways.rings.size(), 1u);
  EXPECT_EQ(ways.rings[0].ports, (std::vector<int>{0, 0}));
}

TEST(Search, TakesProcessorsWhereThereAreNoGpus) {
  Cpu cpu;
  Topology host = one_host({});
  cpu.numa = 1;
  cpu.package = 1;
  cpu.arch = "ppc64";
  host.hosts[0].cpus[0].arch = "ppc64";
  host.hosts[0].cpus.push_back(cpu);
  const FoundWays ways = checked(host);
  ASSERT_EQ(ways.members.size(), 2u);
  EXPECT_EQ(ways.members[1].place.label, "CPU1");
  EXPECT_NEAR(ways.ring_bandwidth(), 32, 1e-6);
}

TEST(Search, OfRanksOnOneProcessor) {
  Topology host = one_host({});
  host.hosts[0].cpus[0].ranks = {{1, {}}, {0, {}}, {2, {}}};
  const FoundWays ways = checked(host);
  ASSERT_EQ(ways.rings.size(), 1u);
  EXPECT_NEAR(ways.ring_bandwidth(), 25.6, 1e-6);
  EXPECT_EQ(ways.levels.front().name, "NUMA node");
}

// ---- any machine

class RandomMachine {
 public:
  explicit RandomMachine(unsigned seed) : random_(seed) {}

  Topology make() {
    Topology topology;
    const int hosts = upto(3) + 1;
    for (int host = 0; host < hosts; ++host) {
      TopologyHost& made = topology.hosts.emplace_back();
      made.name = std::string("h").append(std::to_string(host));
      gpus_ = nets_ = switches_ = 0;
      const int cpus = upto(2) + 1;
      for (int cpu = 0; cpu < cpus; ++cpu) {
        Cpu& node = made.cpus.emplace_back();
        node.numa = cpu;
        node.package = upto(1);
        const int devices = upto(3);
        for (int i = 0; i < devices; ++i) node.devices.push_back(device(0));
      }
      add_nvlinks(made);
    }
    return topology;
  }

 private:
  int upto(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }

  PciDevice device(int depth) {
    const int kind = upto(depth < 2 ? 3 : 2);
    if (kind == 0 && nets_ < 3) return adapter(nets_++, upto(1) == 0 ? 100000 : 25000);
    if (kind < 3) return gpu_device(gpus_++);
    std::vector<PciDevice> below;
    const int number = switches_++;
    const int devices = upto(3);
    for (int i = 0; i < devices; ++i) below.push_back(device(depth + 1));
    return pci_switch(number, below);
  }

  void add_nvlinks(TopologyHost& host) {
    const int kind = upto(2);
    for (Cpu& cpu : host.cpus) {
      for_each_gpu(cpu.devices, [&](PciDevice& device) {
        if (kind == 1) device.gpu->nvlinks.push_back({"", 1 + upto(3), "0x068000"});
        if (kind != 2) return;
        const int links = upto(3);
        for (int i = 0; i < links; ++i) {
          device.gpu->nvlinks.push_back({bus(upto(gpus_)), 1 + upto(1), "0x030200"});
        }
      });
    }
  }

  std::mt19937 random_;
  int gpus_ = 0;
  int nets_ = 0;
  int switches_ = 0;
};

TEST(Search, OfAnyMachineHolds) {
  int with_rings = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const Topology topology = RandomMachine(seed).make();
    const FoundWays ways = checked(topology);
    EXPECT_TRUE(ways.trees.empty() == ways.rings.empty());
    with_rings += !ways.rings.empty();
    if (HasFailure()) return;
  }
  EXPECT_GT(with_rings, 100);
}

// ---- parts

TEST(Share, IsMaxMinFair) {
  // Two ways share link 0; one of them is held back by link 1.
  const std::vector<Load> loads = {{{0, 1}, 1e9}, {{0}, 1e9}, {{2, 2}, 1e9}, {{2}, 1}};
  const std::vector<double> shares = share(loads, {10, 3, 7});
  EXPECT_NEAR(shares[0], 3, 1e-9);
  EXPECT_NEAR(shares[1], 7, 1e-9);
  EXPECT_NEAR(shares[2], 3, 1e-9);
  EXPECT_NEAR(shares[3], 1, 1e-9);
}

TEST(Cut, IsTheNarrowest) {
  const Graph graph = make_units(model("dgx-1v"), true).front().graph;
  const std::vector<int> gpus = graph.nodes_of(NodeKind::kGpu);
  EXPECT_NEAR(narrowest_cut(graph, gpus, PathType::kNvLink), 120, 1e-6);
  // Each GPU has its PCI link too.
  EXPECT_NEAR(narrowest_cut(graph, {gpus[0], gpus[1]}, PathType::kPix), 132, 1e-6);
  // Between quads: six NVLinks and the link between sockets; the network is no way within a host.
  EXPECT_NEAR(narrowest_cut(graph, gpus, PathType::kSys), 126, 1e-6);
}

}  // namespace
}  // namespace tutti
