// A picture as boxes, lines and labels at fixed places, and its text for Graphviz.
//
// Graphviz arranges trees well, and machines badly: links between GPUs of one row would run through
// the GPUs between them. So places are computed (draw_places.cc), and Graphviz is told to keep them
// ("layout=neato" with pinned nodes, which `dot` obeys). Nodes and edges stay what they are: a GPU
// is a node of its own name, a link an edge between two.
//
// Tested by topology_draw_test.cc.

#pragma once

#include <string>
#include <vector>

namespace tutti {

/// Points; y grows downwards.
struct Spot {
  double x = 0;
  double y = 0;

  bool operator==(const Spot&) const = default;
};

}  // namespace tutti

namespace tutti::drawing {

enum class BoxKind { kHost, kPackage, kCpu, kSwitch, kDevice, kGpu, kNet, kNvSwitch };

struct Box {
  std::string id;
  BoxKind kind = BoxKind::kDevice;
  std::vector<std::string> lines;  // the first in bold
  Spot center = {};
  double width = 0;
  double height = 0;
};

enum class WireKind { kPci, kNvLink, kC2c, kProcessors };

/// Where a wire leaves a box: towards the other end, or from the middle of a side.
enum class Side { kAny, kTop, kBottom };

struct Wire {
  std::string from;
  std::string to;
  WireKind kind = WireKind::kPci;
  double thickness = 1;
  Side from_side = Side::kAny;
  Side to_side = Side::kAny;
};

/// Text on white, so that it is legible on lines.
struct Label {
  std::string text;
  Spot center = {};
  WireKind kind = WireKind::kPci;  // whose colour it has
};

/// Text without a ground, beginning at a place.
struct Caption {
  std::string text;
  Spot left = {};
  bool bold = false;
};

struct Scene {
  std::vector<Box> boxes;  // painted in this order
  std::vector<Wire> wires;
  std::vector<Label> labels;
  std::vector<Caption> captions;
  std::vector<std::pair<std::string, Spot>> anchors;  // ends of wires that are no boxes, by name
};

/// Moves everything.
void shift(Scene& scene, Spot by);

/// What a box needs for its lines.
double width_for(const std::vector<std::string>& lines);
double height_for(const std::vector<std::string>& lines);

/// What a label needs.
double width_for_label(const std::string& text);

std::string to_dot(const Scene& scene);

}  // namespace tutti::drawing
