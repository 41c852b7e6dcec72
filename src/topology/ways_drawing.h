// What all pictures of a ring are made of. Tested by topology_ways_test.cc.

#pragma once

#include <string>
#include <vector>

#include "topology/ways_canvas.h"
#include "topology/ways_panel.h"

namespace tutti {

inline constexpr double kTitleHeight = 26;  // points
inline constexpr double kMemberWidth = 48;
inline constexpr double kMemberHeight = 30;
inline constexpr double kPanelMargin = 14;

/// One ring's nodes and edges, in its colour and with its names.
class RingDrawing {
 public:
  RingDrawing(const FoundWays& ways, int ring);

  const FoundRing& ring() const { return ring_; }
  const Member& member(int number) const { return ways_.members[number]; }
  Canvas& canvas() { return canvas_; }

  std::string id(int member) const;
  std::string id(const std::string& what, int number) const;

  void draw_member(int number, const std::vector<std::string>& lines, Spot center);
  /// `more`: further attributes, each after ", ".
  void draw_way(const std::string& from, const std::string& to, const std::string& more = "");
  /// The whole, with a title over it. REQUIRES: all was drawn below kTitleHeight.
  Panel panel(double x, double y, double width, double height);

 private:
  const FoundWays& ways_;
  const FoundRing& ring_;
  int number_;
  Canvas canvas_;
};

/// "GPU3", and the rank below it where that is not the GPU's own number.
std::vector<std::string> member_lines(const Member& member);

/// Members of hosts that need no ports, in a row of boxes with ports, or in one box without.
Panel row_panel(const FoundWays& ways, int ring, double x, double y);

}  // namespace tutti
