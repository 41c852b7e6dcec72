// Boxes in a row, a host each, or all hosts that NVSwitches join. In a box members stand in the
// order of the ring, down one column and up the next, so that no way crosses another; ports are on
// its sides. Below the row the ring comes back to where it began. Of many boxes, the first ones and
// the last are drawn.
//
// Tested by topology_ways_test.cc.

#include <algorithm>
#include <cmath>
#include <set>

#include "topology/ways_drawing.h"
#include "topology/ways_words.h"

namespace tutti {
namespace {

constexpr int kMostBoxes = 6;
constexpr double kPortWidth = 46;
constexpr double kBeside = 40;  // a box, for half a port and an arrow
constexpr double kColumn = kMemberWidth + 24;
constexpr double kRow = kMemberHeight + 22;
constexpr double kBoxTitle = 28;
constexpr double kBelow = 16;  // the boxes, for the way back

constexpr const char* kWide = ", penwidth=2.6";
constexpr const char* kWideNoHead = ", penwidth=2.6, arrowhead=none";

// What a ring passes between two ways over the network. Ports: -1 where there is no network.
struct Visit {
  std::vector<int> members;
  int enter = -1;
  int leave = -1;
};

// A node of the picture, and where.
struct Placed {
  std::string id;
  Spot at;
};

// How members stand in a box.
struct Grid {
  int rows = 1;
  int columns = 1;

  explicit Grid(int members)
      : rows(std::max(1, static_cast<int>(std::ceil(std::sqrt(members / 2.0))))),
        columns((members + rows - 1) / rows) {}

  // Down the first column, up the next.
  Spot spot(int place) const {
    const int column = place / rows;
    const int row = column % 2 == 0 ? place % rows : rows - 1 - place % rows;
    return {(column + 0.5) * kColumn, (row + 0.5) * kRow};
  }
};

class RowMaker {
 public:
  RowMaker(const FoundWays& ways, int ring, double x, double y)
      : drawing_(ways, ring), x_(x), top_(y + kTitleHeight + 6), bottom_(top_) {}

  Panel make() {
    const std::vector<Visit> all = visits();
    const int boxes = static_cast<int>(all.size());
    const int first = boxes > kMostBoxes ? kMostBoxes / 2 : boxes;
    right_ = x_ + kPanelMargin + kBeside;
    for (int box = 0; box < first; ++box) draw_visit(all[box], box);
    if (first < boxes) {
      draw_gap(boxes - first - 1);
      draw_visit(all.back(), boxes - 1);
    }
    come_back();
    const double y = top_ - kTitleHeight - 6;
    return drawing_.panel(x_, y, right_ - kBeside + kPanelMargin - x_,
                          bottom_ + kBelow + kPanelMargin - y);
  }

 private:
  // A visit begins where the ring comes to a host that it has a port on, for the first time.
  std::vector<Visit> visits() const {
    const FoundRing& ring = drawing_.ring();
    if (ring.ports.empty()) return {{ring.order, -1, -1}};
    std::vector<Visit> visits;
    std::set<int> entered;
    for (const int member : ring.order) {
      const int host = drawing_.member(member).place.host;
      const bool enters = ring.ports[host] >= 0 && entered.insert(host).second;
      if (enters || visits.empty()) visits.push_back({{}, ring.ports[host], -1});
      visits.back().members.push_back(member);
      if (ring.exits[host] >= 0) visits.back().leave = ring.exits[host];
    }
    return visits;
  }

  std::set<std::string> hosts_of(const Visit& visit) const {
    std::set<std::string> hosts;
    for (const int member : visit.members) hosts.insert(host_label(drawing_.member(member)));
    return hosts;
  }

  static std::string title_of(const std::set<std::string>& hosts) {
    if (hosts.size() == 1) return *hosts.begin();
    return std::string(*hosts.begin()).append(" … ").append(*hosts.rbegin());
  }

  // Where a box holds several hosts, a member says on which it is.
  std::vector<std::string> lines_of(int member, bool several_hosts) const {
    const Member& at = drawing_.member(member);
    if (!several_hosts) return member_lines(at);
    return {host_label(at), device_label(at)};
  }

  void draw_visit(const Visit& visit, int number) {
    const int members = static_cast<int>(visit.members.size());
    const Grid grid(members);
    const std::set<std::string> hosts = hosts_of(visit);
    const double width = grid.columns * kColumn + kPortWidth;
    const double height = grid.rows * kRow + kBoxTitle;
    const Spot corner{right_, top_};
    draw_box(drawing_.id("box", number), title_of(hosts),
             {corner.x + width / 2, corner.y + height / 2}, width, height);
    const auto place = [&](int i) {
      const Spot spot = grid.spot(i);
      return Spot{corner.x + kPortWidth / 2 + spot.x, corner.y + kBoxTitle - 4 + spot.y};
    };
    for (int i = 0; i < members; ++i) {
      drawing_.draw_member(visit.members[i], lines_of(visit.members[i], hosts.size() > 1),
                           place(i));
      if (i > 0)
        drawing_.draw_way(drawing_.id(visit.members[i - 1]), drawing_.id(visit.members[i]));
    }
    const Placed enter = door(visit.members.front(), {corner.x, place(0).y}, visit.enter,
                              drawing_.id("in", number), place(0));
    const Placed leave = door(visit.members.back(), {corner.x + width, place(members - 1).y},
                              visit.leave, drawing_.id("out", number), place(members - 1));
    if (visit.enter >= 0) drawing_.draw_way(enter.id, drawing_.id(visit.members.front()));
    if (visit.leave >= 0) drawing_.draw_way(drawing_.id(visit.members.back()), leave.id);
    join(enter, leave);
    right_ = corner.x + width + 2 * kBeside;
    bottom_ = std::max(bottom_, corner.y + height);
  }

  // A port on the side of a box; or the member itself where there is none.
  Placed door(int member, Spot side, int port, const std::string& id, Spot at) {
    if (port < 0) return {drawing_.id(member), at};
    drawing_.canvas().node({id, std::string("port ").append(std::to_string(port)), side, kPortWidth,
                            20,
                            "shape=box, style=\"filled,rounded\", fillcolor=\"#fff3d6\", "
                            "color=\"#b58900\", fontsize=10"});
    return {id, side};
  }

  void draw_box(const std::string& id, const std::string& title, Spot center, double width,
                double height) {
    drawing_.canvas().node({id, "", center, width, height,
                            "shape=box, style=\"filled,rounded\", fillcolor=\"#f1f3f5\", "
                            "color=\"#c4c9ce\""});
    const Spot above{center.x, center.y - height / 2 + kBoxTitle / 2 - 1};
    drawing_.canvas().node({id + "_title", title, above, width, kBoxTitle - 10,
                            "shape=plaintext, style=\"\", fontsize=12"});
  }

  void draw_gap(int more) {
    const double width = 96;
    const Placed gap{drawing_.id("more", 0), {right_ + width / 2, last_.at.y}};
    drawing_.canvas().node({gap.id, std::to_string(more) + " more", gap.at, width, 40,
                            "shape=box, style=\"dashed,rounded\", color=\"#8a9097\", fontsize=12"});
    join({gap.id, {right_, gap.at.y}}, {gap.id, {right_ + width, gap.at.y}});
    right_ += width + 2 * kBeside;
  }

  // From what was drawn last, with corners halfway where heights differ.
  void join(const Placed& enter, const Placed& leave) {
    if (last_.id.empty()) {
      first_ = enter;
    } else if (std::abs(last_.at.y - enter.at.y) < 1) {
      drawing_.draw_way(last_.id, enter.id, kWide);
    } else {
      const double middle = (last_.at.x + enter.at.x) / 2;
      draw_line({last_,
                 {enter.id + "_a", {middle, last_.at.y}},
                 {enter.id + "_b", {middle, enter.at.y}},
                 enter});
    }
    last_ = leave;
  }

  // Below all boxes, to the first.
  void come_back() {
    const double below = bottom_ + kBelow;
    const double right = right_ - kBeside - 6;
    const double left = x_ + kPanelMargin + 6;
    draw_line({last_,
               {drawing_.id("back", 0), {right, last_.at.y}},
               {drawing_.id("back", 1), {right, below}},
               {drawing_.id("back", 2), {left, below}},
               {drawing_.id("back", 3), {left, first_.at.y}},
               first_});
  }

  // Through corners, which are all but the ends.
  void draw_line(const std::vector<Placed>& line) {
    for (std::size_t i = 1; i < line.size(); ++i) {
      const bool end = i + 1 == line.size();
      if (!end) drawing_.canvas().corner(line[i].id, line[i].at);
      drawing_.draw_way(line[i - 1].id, line[i].id, end ? kWide : kWideNoHead);
    }
  }

  RingDrawing drawing_;
  double x_;
  double top_;  // of the boxes
  double bottom_;
  double right_ = 0;  // of what was drawn so far, and the room beside it
  Placed first_;
  Placed last_;
};

}  // namespace

Panel row_panel(const FoundWays& ways, int ring, double x, double y) {
  return RowMaker(ways, ring, x, y).make();
}

}  // namespace tutti
