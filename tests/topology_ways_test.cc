// Tests src/topology/ways*.cc.
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <regex>
#include <set>
#include <string>

#include "model_machines.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(WaysText, OfASwitchedHost) {
  EXPECT_EQ(to_text(find_ways(model("dgx-a100"))),
            "8 members: GPU0 GPU1 GPU2 GPU3 GPU4 GPU5 GPU6 GPU7\n"
            "1 ring, 240 GB/s together\n"
            "  ring 0  240 GB/s    NVL  0-7\n"
            "2 trees, 120 GB/s up and down together\n"
            "  tree 0  60 GB/s     NVL  7 (3 (1 (0 2) 5 (4 6)))\n"
            "  tree 1  60 GB/s     NVL  0 (4 (2 (1 3) 6 (5 7)))\n"
            "1 level, nearest first\n"
            "  NVLink domain  240 GB/s    1 group of 8\n");
}

TEST(WaysText, OfHostsNamesPortsAndRails) {
  const std::string text = to_text(find_ways(replicate(model("dgx-h100"), 2)));
  EXPECT_NE(text.find("8 rings, 384 GB/s together\n"), std::string::npos) << text;
  EXPECT_NE(text.find("ring 0  48 GB/s     NVL inside, PIX to ports  ports in 0 out 1  0 2-7 1"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("  rail           48 GB/s     8 groups of 2\n"), std::string::npos) << text;
}

TEST(WaysText, OfManyMembersHasShortLines) {
  const std::string text = to_text(find_ways(replicate(model("dgx-h100"), 512)));
  EXPECT_NE(text.find("4096 members: host0/GPU0 host0/GPU1 host0/GPU2 host0/GPU3 … host511/GPU7\n"),
            std::string::npos);
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    EXPECT_LT(end - begin, 250u) << text.substr(begin, end - begin);
    begin = end + 1;
  }
}

TEST(WaysText, SaysWhatThereIsNot) {
  EXPECT_EQ(to_text(FoundWays{}), "0 members\n");
  Topology hosts = replicate(model("cloud-flat"), 2);
  for (TopologyHost& host : hosts.hosts) {
    for (Cpu& cpu : host.cpus) {
      std::erase_if(cpu.devices, [](const PciDevice& device) { return !device.gpu; });
    }
  }
  const std::string text = to_text(find_ways(hosts));
  EXPECT_NE(text.find("0 rings: members have no way to each other\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("tree"), std::string::npos) << text;
  FoundWays ways = find_ways(model("dgx-1v"));
  ways.complete = false;
  EXPECT_NE(to_text(ways).find("ended by its budget"), std::string::npos);
}

// ---- pictures

struct Drawn {
  std::string id;
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

// Nodes with places, in inches.
std::vector<Drawn> nodes_of(const std::string& dot) {
  const std::regex pattern(
      "\"([^\"]+)\" \\[label=.*pos=\"(-?[0-9.]+),(-?[0-9.]+)!\", width=([0-9.]+), "
      "height=([0-9.]+)");
  std::vector<Drawn> nodes;
  for (std::sregex_iterator at(dot.begin(), dot.end(), pattern), end; at != end; ++at) {
    nodes.push_back({(*at)[1], std::stod((*at)[2]), std::stod((*at)[3]), std::stod((*at)[4]),
                     std::stod((*at)[5])});
  }
  return nodes;
}

bool overlap(const Drawn& a, const Drawn& b) {
  return std::abs(a.x - b.x) < (a.width + b.width) / 2 - 1e-3 &&
         std::abs(a.y - b.y) < (a.height + b.height) / 2 - 1e-3;
}

bool is_frame(const Drawn& node) {
  return node.id.find("_box") != std::string::npos && node.id.find("_title") == std::string::npos;
}

void expect_nothing_overlaps(const std::string& dot) {
  std::vector<Drawn> nodes = nodes_of(dot);
  ASSERT_FALSE(nodes.empty());
  std::erase_if(nodes, is_frame);  // members are inside them
  for (std::size_t a = 0; a < nodes.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      EXPECT_FALSE(overlap(nodes[a], nodes[b])) << nodes[a].id << " and " << nodes[b].id;
    }
  }
}

TEST(RingsPicture, HasAPanelPerRing) {
  const std::string dot = rings_to_dot(find_ways(model("dgx-1v")));
  EXPECT_EQ(dot.rfind("digraph rings {\n", 0), 0u);
  EXPECT_EQ(dot.substr(dot.size() - 2), "}\n");
  EXPECT_EQ(count(dot, "ring 5: 20 GB/s, NVL"), 1);
  EXPECT_EQ(count(dot, " -> "), 6 * 8);
  EXPECT_EQ(count(dot, "[label=\"GPU3\""), 6);
  EXPECT_NE(dot.find("6 rings through 8 members, 120 GB/s together"), std::string::npos);
  std::set<std::string> colours;
  const std::regex pattern("fontcolor=\"(#[0-9a-f]+)\"");
  for (std::sregex_iterator at(dot.begin(), dot.end(), pattern), end; at != end; ++at) {
    colours.insert((*at)[1]);
  }
  EXPECT_EQ(colours.size(), 6u);
}

TEST(RingsPicture, ShowsPortsOfHosts) {
  const std::string dot = rings_to_dot(find_ways(replicate(model("dgx-h100"), 2)));
  EXPECT_EQ(count(dot, "[label=\"port "), 8 * 4);
  EXPECT_EQ(count(dot, "[label=\"host1\""), 8);
  EXPECT_EQ(count(dot, "rank 15"), 8);
}

TEST(RingsPicture, ShowsTheFirstOfManyHosts) {
  const FoundWays ways = find_ways(replicate(model("dgx-h100"), 512));
  const std::string dot = rings_to_dot(ways);
  EXPECT_EQ(count(dot, "[label=\"508 more\""), 8);
  EXPECT_EQ(count(dot, "[label=\"host511\""), 8);
  EXPECT_LT(dot.size(), 200000u);
}

TEST(RingsPicture, NothingOverlaps) {
  for (const std::string& name : model_names()) {
    for (const int copies : {1, 2, 3, 9}) {
      SCOPED_TRACE(name + " × " + std::to_string(copies));
      expect_nothing_overlaps(rings_to_dot(find_ways(replicate(model(name), copies))));
    }
  }
}

TEST(RingsPicture, OfNothing) {
  EXPECT_NE(rings_to_dot(FoundWays{}).find("0 members, no rings"), std::string::npos);
  EXPECT_NE(trees_to_dot(FoundWays{}).find("no trees"), std::string::npos);
}

TEST(TreesPicture, ShowsEveryEdgeOnce) {
  const std::string dot = trees_to_dot(find_ways(model("dgx-h100")));
  EXPECT_EQ(count(dot, " -> "), 2 * 7);
  EXPECT_EQ(count(dot, "[label=\"GPU5\""), 2);
  EXPECT_NE(dot.find("tree 1: 92.7 GB/s up and down, NVL"), std::string::npos);
}

TEST(TreesPicture, OfManyMembersShowsHosts) {
  const std::string dot = trees_to_dot(find_ways(replicate(model("dgx-h100"), 64)));
  EXPECT_EQ(count(dot, " -> "), 2 * 63);
  EXPECT_EQ(count(dot, "\\n8 members\""), 2 * 64);
}

TEST(TreesPicture, OfManyHostsEndsBelowTheTop) {
  const FoundWays ways = find_ways(replicate(model("dgx-h100"), 512));
  const std::string dot = trees_to_dot(ways);
  EXPECT_LE(count(dot, " -> "), 2 * 96);
  // Members that are drawn, and those said to be below, are all of them, twice.
  int members = 8 * (count(dot, "\\n8 members"));
  const std::regex pattern("and ([0-9]+) below");
  for (std::sregex_iterator at(dot.begin(), dot.end(), pattern), end; at != end; ++at) {
    members += std::stoi((*at)[1]);
  }
  EXPECT_EQ(members, 2 * 4096);
}

}  // namespace
}  // namespace tutti
