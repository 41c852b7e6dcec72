// Panels in rows. Tested by topology_ways_test.cc.

#include <algorithm>
#include <cmath>

#include "topology/ways_canvas.h"
#include "topology/ways_panel.h"
#include "topology/ways_words.h"
#include "topology/words.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

constexpr int kMostPanels = 12;
constexpr double kHeading = 44;
constexpr double kBetween = 20;  // panels

std::string heading_text(const FoundWays& ways, int shown) {
  const int rings = static_cast<int>(ways.rings.size());
  if (rings == 0) {
    return counted(static_cast<int>(ways.members.size()), "member").append(", no rings");
  }
  std::string text = counted(rings, "ring")
                         .append(" through ")
                         .append(counted(static_cast<int>(ways.members.size()), "member"))
                         .append(", ")
                         .append(bandwidth_text(ways.ring_bandwidth()));
  if (rings > 1) text.append(" together");
  if (shown < rings) text.append("; the first ").append(std::to_string(shown));
  return text;
}

// As many panels in a row as make the whole about as wide as a screen is.
int columns_of(const Panel& panel, int panels) {
  constexpr double kAspect = 1.5;
  const double columns = std::sqrt(kAspect * panels * panel.height / panel.width);
  return std::clamp(static_cast<int>(std::lround(columns)), 1, panels);
}

}  // namespace

std::string rings_to_dot(const FoundWays& ways) {
  const int shown = std::min(static_cast<int>(ways.rings.size()), kMostPanels);
  std::string text =
      "digraph rings {\n"
      "  graph [layout=neato, splines=line, outputorder=nodesfirst, bgcolor=white, pad=0.2];\n"
      "  node [fontname=\"Helvetica\", fontsize=11, style=\"filled,rounded\", fillcolor=white, "
      "color=\"#5f6b73\", margin=0];\n"
      "  edge [penwidth=1.8, arrowsize=0.7];\n";
  double width = 300;
  if (shown > 0) {
    const Panel size = ring_panel(ways, 0, 0, 0);
    const int columns = columns_of(size, shown);
    for (int ring = 0; ring < shown; ++ring) {
      text += ring_panel(ways, ring, (ring % columns) * (size.width + kBetween),
                         kHeading + (ring / columns) * (size.height + kBetween))
                  .text;
    }
    width = columns * (size.width + kBetween) - kBetween;
  }
  Canvas canvas;
  canvas.node({"heading",
               heading_text(ways, shown),
               {width / 2, kHeading / 2},
               width,
               kHeading,
               "shape=plaintext, style=\"\", fontsize=20"});
  return text + canvas.text() + "}\n";
}

}  // namespace tutti
