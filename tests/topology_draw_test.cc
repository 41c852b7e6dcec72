// Tests src/topology/draw*.cc and scene.cc: what is in a picture, and that nothing in it overlaps.
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "model_machines.h"
#include "topology/draw_host.h"
#include "topology/link_ends.h"
#include "topology/scene.h"
#include "tutti/topology.h"

namespace tutti::drawing {
namespace {

struct Rectangle {
  std::string what;
  double left, top, right, bottom;
};

Rectangle around(const std::string& what, Spot center, double width, double height) {
  return {what, center.x - width / 2, center.y - height / 2, center.x + width / 2,
          center.y + height / 2};
}

bool overlap(const Rectangle& a, const Rectangle& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

bool is_frame(const Box& box) {
  return box.kind == BoxKind::kHost || box.kind == BoxKind::kPackage;
}

// Boxes other than frames, and texts on lines.
std::vector<Rectangle> solid_parts(const Scene& scene) {
  std::vector<Rectangle> parts;
  for (const Box& box : scene.boxes) {
    if (!is_frame(box)) parts.push_back(around(box.id, box.center, box.width, box.height));
  }
  constexpr double kLabelHeight = 10;
  for (const Label& label : scene.labels) {
    parts.push_back(
        around(label.text, label.center, width_for_label(label.text) - 2, kLabelHeight));
  }
  return parts;
}

HostPicture picture_of(const std::string& name) {
  return draw_host(model(name).hosts.front(), "", name, "what it has", 1);
}

TEST(TopologyDraw, NothingOverlapsInAnyModel) {
  for (const std::string& name : model_names()) {
    SCOPED_TRACE(name);
    const std::vector<Rectangle> parts = solid_parts(picture_of(name).scene);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        EXPECT_FALSE(overlap(parts[i], parts[j])) << parts[i].what << " and " << parts[j].what;
      }
    }
  }
}

TEST(TopologyDraw, EverythingIsWithinThePicture) {
  for (const std::string& name : model_names()) {
    SCOPED_TRACE(name);
    const HostPicture picture = picture_of(name);
    for (const Rectangle& part : solid_parts(picture.scene)) {
      EXPECT_GE(part.left, 0) << part.what;
      EXPECT_GE(part.top, 0) << part.what;
      EXPECT_LE(part.right, picture.width) << part.what;
      EXPECT_LE(part.bottom, picture.height) << part.what;
    }
  }
}

TEST(TopologyDraw, TextFitsItsBox) {
  for (const std::string& name : model_names()) {
    for (const Box& box : picture_of(name).scene.boxes) {
      if (box.lines.empty()) continue;
      EXPECT_GE(box.width, width_for(box.lines)) << name << " " << box.id;
      EXPECT_GE(box.height + 0.5, height_for(box.lines)) << name << " " << box.id;
    }
  }
}

TEST(TopologyDraw, HybridCubeMeshHasALineForEveryPairThatIsLinked) {
  const Scene scene = picture_of("dgx-1v").scene;
  std::set<std::pair<std::string, std::string>> pairs;
  double thinnest = 100, thickest = 0;
  for (const Wire& wire : scene.wires) {
    if (wire.kind != WireKind::kNvLink) continue;
    pairs.insert(std::minmax(wire.from, wire.to));
    thinnest = std::min(thinnest, wire.thickness);
    thickest = std::max(thickest, wire.thickness);
  }
  EXPECT_EQ(pairs.size(), 16u);
  EXPECT_TRUE(pairs.contains({"GPU0", "GPU4"}));
  EXPECT_GT(thickest, 1.5 * thinnest);  // two links and one
  const auto twos = std::count_if(scene.labels.begin(), scene.labels.end(),
                                  [](const Label& label) { return label.text == "2"; });
  EXPECT_EQ(twos, 8);
}

double distance_to_line(Spot spot, Spot a, Spot b) {
  const double cross = (b.x - a.x) * (spot.y - a.y) - (b.y - a.y) * (spot.x - a.x);
  return std::abs(cross) / std::hypot(b.x - a.x, b.y - a.y);
}

// A line behind a GPU would seem to end there.
TEST(TopologyDraw, NoLinkPassesBehindAGpu) {
  const Scene scene = picture_of("dgx-1v").scene;
  const auto box = [&](const std::string& id) {
    return *std::find_if(scene.boxes.begin(), scene.boxes.end(),
                         [&](const Box& candidate) { return candidate.id == id; });
  };
  for (const Wire& wire : scene.wires) {
    if (wire.kind != WireKind::kNvLink) continue;
    const Box from = box(wire.from), to = box(wire.to);
    for (const Box& gpu : scene.boxes) {
      if (gpu.kind != BoxKind::kGpu || gpu.id == from.id || gpu.id == to.id) continue;
      const bool beside = gpu.center.x < std::min(from.center.x, to.center.x) ||
                          gpu.center.x > std::max(from.center.x, to.center.x);
      if (beside) continue;
      EXPECT_GT(distance_to_line(gpu.center, from.center, to.center), gpu.height / 2)
          << wire.from << " to " << wire.to << " behind " << gpu.id;
    }
  }
}

TEST(TopologyDraw, SwitchedGpusHaveLinesToOneBar) {
  const Scene scene = picture_of("dgx-h100").scene;
  const auto lines = std::count_if(scene.labels.begin(), scene.labels.end(),
                                   [](const Label& l) { return l.text == "18 × 20.6 GB/s"; });
  EXPECT_EQ(lines, 8);
  const auto bars = std::count_if(scene.boxes.begin(), scene.boxes.end(),
                                  [](const Box& b) { return b.kind == BoxKind::kNvSwitch; });
  EXPECT_EQ(bars, 1);
}

TEST(TopologyDraw, AlikeHostsAreDrawnOnce) {
  const std::string dot = tutti::to_dot(model("gb200-nvl72"));
  EXPECT_NE(dot.find("18 hosts alike: tray01 … tray18"), std::string::npos);
  EXPECT_NE(dot.find("\"0/GPU3\""), std::string::npos);
  EXPECT_EQ(dot.find("\"1/GPU0\""), std::string::npos);
}

TEST(TopologyDraw, DifferentHostsStandBesideEachOther) {
  Topology topology = model("dgx-1v");
  topology.hosts.push_back(model("pcie-8gpu").hosts.front());
  const std::string dot = tutti::to_dot(topology);
  EXPECT_NE(dot.find("\"0/GPU0\""), std::string::npos);
  EXPECT_NE(dot.find("\"1/GPU0\""), std::string::npos);
}

TEST(TopologyDraw, TextsOfTheMachineCannotBreakTheFile) {
  TopologyHost host;
  host.name = "a\"b\\<c>&";
  host.cpus.resize(1);
  host.cpus[0].arch = "x<&\"";
  host.cpus[0].nets.resize(1);
  host.cpus[0].nets[0].name = "e\"<";
  const std::string dot = tutti::to_dot(Topology{{host}});
  EXPECT_NE(dot.find("a\\\"b\\\\<c>&"), std::string::npos) << dot;
  EXPECT_NE(dot.find("<b>e\"&lt;</b>"), std::string::npos) << dot;
}

TEST(TopologyDraw, AnEmptyTopologyIsAnEmptyPicture) {
  EXPECT_TRUE(tutti::to_dot(Topology{}).starts_with("graph machine {"));
  EXPECT_NE(tutti::to_dot(Topology{{TopologyHost{}}}), tutti::to_dot(Topology{}));
}

}  // namespace
}  // namespace tutti::drawing
