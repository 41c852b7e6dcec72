// Tested by topology_ways_test.cc.

#include "topology/ways_canvas.h"

#include <array>
#include <cstdio>

#include "topology/ways_words.h"

namespace tutti {
namespace {

constexpr double kPointsPerInch = 72;

// Graphviz counts upwards, and takes inches.
std::string pinned(Spot center) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "pos=\"%.3f,%.3f!\"", center.x / kPointsPerInch,
                -center.y / kPointsPerInch);
  return text.data();
}

std::string sized(double width, double height) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "width=%.3f, height=%.3f, fixedsize=true",
                width / kPointsPerInch, height / kPointsPerInch);
  return text.data();
}

}  // namespace

void Canvas::node(const DotNode& node) {
  text_.append("  ")
      .append(dot_quoted(node.id))
      .append(" [label=")
      .append(dot_quoted(node.label))
      .append(", ")
      .append(pinned(node.center))
      .append(", ")
      .append(sized(node.width, node.height))
      .append(node.style.empty() ? "" : ", ")
      .append(node.style)
      .append("];\n");
}

void Canvas::corner(const std::string& id, Spot center) {
  node({id, "", center, 0.1, 0.1, "shape=point, style=invis"});
}

void Canvas::edge(const std::string& from, const std::string& to, const std::string& style) {
  text_.append("  ")
      .append(dot_quoted(from))
      .append(" -> ")
      .append(dot_quoted(to))
      .append(" [")
      .append(style)
      .append("];\n");
}

}  // namespace tutti
