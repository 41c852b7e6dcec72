// Tested by topology_draw_test.cc.

#include "topology/draw_places.h"

#include <algorithm>

namespace tutti::drawing {
namespace {

// Points.
constexpr double kGap = 12;   // between neighbours
constexpr double kDrop = 58;  // between rows: a bend of the lines, and the text of a link

// Room that a part and the texts of the links above and below it take beside its neighbours.
double own_width(const Part& part) {
  const double above = part.link.empty() ? 0 : width_for_label(part.link);
  const double below = part.gpu < 0 ? 0 : width_for_label("18 × 26.6 GB/s");
  return std::max({part.box.width, above, below}) + kGap;
}

double width_below(const Part& part) {
  double below = 0;
  for (const Part& child : part.below) below += full_width(child);
  return below;
}

std::size_t depth_of(const Part& part) {
  std::size_t depth = 0;
  for (const Part& child : part.below) depth = std::max(depth, 1 + depth_of(child));
  return depth;
}

// Processors are in the first row whatever is behind them, other leaves in the last.
std::size_t row_of(const Part& part, std::size_t depth, std::size_t rows) {
  return part.below.empty() && depth > 0 ? rows - 1 : depth;
}

void find_heights(const Part& part, std::size_t depth, std::vector<double>& heights) {
  double& height = heights[row_of(part, depth, heights.size())];
  height = std::max(height, part.box.height);
  for (const Part& child : part.below) find_heights(child, depth + 1, heights);
}

// The heights of rows: of their highest boxes.
std::vector<double> row_heights(const std::vector<Part>& parts) {
  std::size_t deepest = 0;
  for (const Part& part : parts) deepest = std::max(deepest, depth_of(part));
  std::vector<double> heights(deepest + 1);
  for (const Part& part : parts) find_heights(part, 0, heights);
  return heights;
}

void place(Part& part, double left, std::size_t depth, const std::vector<double>& tops) {
  const double width = full_width(part);
  double at = left + (width - width_below(part)) / 2;
  for (Part& child : part.below) {
    place(child, at, depth + 1, tops);
    at += full_width(child);
  }
  const double top = tops[row_of(part, depth, tops.size())];
  part.box.center = {left + width / 2, top + part.box.height / 2};
}

}  // namespace

double full_width(const Part& part) { return std::max(own_width(part), width_below(part)); }

Area place_parts(std::vector<Part>& parts, Spot corner, double gap) {
  std::vector<double> tops;
  double top = corner.y;
  for (const double height : row_heights(parts)) {
    tops.push_back(top);
    top += height + kDrop;
  }
  double left = corner.x;
  for (Part& part : parts) {
    place(part, left, 0, tops);
    left += full_width(part) + gap;
  }
  return {corner.y, tops.back(), parts.empty() ? left : left - gap, top - kDrop};
}

}  // namespace tutti::drawing
