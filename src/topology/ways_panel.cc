// Few members without ports between them stand in a circle in their own order, and the ring is
// chords of it, which pass no member. Others are drawn by ways_row.cc.
//
// Tested by topology_ways_test.cc.

#include "topology/ways_panel.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "topology/ways_drawing.h"

namespace tutti {
namespace {

constexpr int kMostInCircle = 24;

Panel circle_panel(const FoundWays& ways, int ring, double x, double y) {
  RingDrawing drawing(ways, ring);
  const std::vector<int>& order = drawing.ring().order;
  const int members = static_cast<int>(order.size());
  const double round = members * (kMemberWidth + 16);
  const double radius = std::max(88.0, round / (2 * std::numbers::pi));
  const double width = 2 * (radius + kPanelMargin) + kMemberWidth;
  const double height = kTitleHeight + 2 * (radius + kPanelMargin) + kMemberHeight;
  const Spot center{x + width / 2, y + (height + kTitleHeight) / 2};
  for (int member = 0; member < members; ++member) {
    const double angle = 2 * std::numbers::pi * (member + 0.5) / members;
    drawing.draw_member(member, member_lines(drawing.member(member)),
                        {center.x + radius * std::sin(angle), center.y - radius * std::cos(angle)});
  }
  for (int i = 0; i < members; ++i) {
    drawing.draw_way(drawing.id(order[i]), drawing.id(order[(i + 1) % members]));
  }
  return drawing.panel(x, y, width, height);
}

}  // namespace

Panel ring_panel(const FoundWays& ways, int ring, double x, double y) {
  const FoundRing& found = ways.rings[ring];
  const bool circle = found.ports.empty() && found.order.size() <= kMostInCircle;
  return circle ? circle_panel(ways, ring, x, y) : row_panel(ways, ring, x, y);
}

}  // namespace tutti
