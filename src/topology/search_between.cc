// Rings through several units.
//
// A ring enters a unit by a port and leaves it by one, of the rail that it enters the next unit by.
// There are as many rings as a unit has ports, and ring i is on rail i. Where it leaves by the port
// that it came in by, the last member has to reach a port that is nearest to the first: on machines
// with a port a GPU that costs NVLinks, or the socket link twice. So rings that change rails are
// tried too: they go from rail i to rail i + stride in one unit, and back in the next, and use
// every port both ways all the same. Ways to ports get worse until something is found; what carries
// most is taken, the first of what carries as much.
//
// Tested by topology_search_test.cc.

#include <algorithm>
#include <compare>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "topology/search_course.h"
#include "topology/search_cut.h"
#include "topology/search_share.h"

namespace tutti {
namespace {

using PortSets = std::vector<std::vector<int>>;  // by shape

constexpr double kEnough = 1 - 1e-9;  // of a bound, for rounding

PathType nearest_type(const UnitShape& shape, int port) {
  PathType nearest = PathType::kNone;
  for (const int node : shape.nodes) {
    nearest = std::min(nearest, shape.routes.at(port, node).path.type);
  }
  return nearest;
}

PortSets all_ports(const Field& field) {
  PortSets sets;
  for (const UnitShape& shape : field.shapes) {
    sets.push_back(shape.ports);
    std::erase_if(sets.back(),
                  [&](int port) { return nearest_type(shape, port) == PathType::kNone; });
  }
  return sets;
}

// Without those that are farther from every member than others are from some.
PortSets near_ports(const Field& field) {
  PortSets sets = all_ports(field);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const UnitShape& shape = field.shapes[i];
    const auto is_near = [&](int port) { return nearest_type(shape, port) <= PathType::kPxb; };
    if (std::ranges::any_of(sets[i], is_near)) std::erase_if(sets[i], std::not_fn(is_near));
  }
  return sets;
}

// What all rings through a unit can carry together: in from the network to each member, and out.
double bound_of(const UnitShape& shape, const std::vector<int>& ports) {
  Graph graph = shape.graph;
  for (const int port : graph.nodes_of(NodeKind::kPort)) {
    if (std::ranges::find(ports, port) != ports.end()) continue;
    graph.links[shape.outward(port)].capacity = 0;
    graph.links[shape.inward(port)].capacity = 0;
  }
  std::vector<int> nodes = {shape.network()};
  nodes.insert(nodes.end(), shape.nodes.begin(), shape.nodes.end());
  return narrowest_cut(graph, nodes, PathType::kSys);
}

double carried_by(const UnitShape& shape, const std::vector<Segment>& segments) {
  std::vector<Load> loads;
  for (const Segment& segment : segments) loads.push_back({segment.links, 1e9});
  std::vector<double> capacities;
  for (const GraphLink& link : shape.graph.links) capacities.push_back(link.capacity);
  const std::vector<double> shares = share(loads, capacities);
  return std::accumulate(shares.begin(), shares.end(), 0.0);
}

// By how many rails rings are off their own where they enter a unit, and where they leave it.
struct Offsets {
  int enter = 0;
  int leave = 0;

  auto operator<=>(const Offsets&) const = default;
};

// By unit. Each is left on the rails that the next one is entered on, and these differ by the
// stride from those that it was entered on. With an odd number of units that takes three rails; or
// else, `crossing`, rings change rails within the network once on their way round.
std::vector<Offsets> offsets_of(std::size_t units, int stride, bool crossing) {
  const bool third = units % 2 == 1 && !crossing;
  std::vector<Offsets> offsets(units);
  for (std::size_t unit = 1; unit < units; ++unit) {
    offsets[unit].enter = unit % 2 == 1 ? stride : third ? 2 * stride : 0;
    offsets[unit - 1].leave = offsets[unit].enter;
  }
  if (crossing) offsets.back().leave = stride;
  return offsets;
}

class BetweenSearch {
 public:
  BetweenSearch(const Field& field, int budget) : field_(field), budget_(budget), left_(budget) {}

  Course run() {
    PortSets sets = near_ports(field_);
    if (std::ranges::any_of(sets, [](const auto& ports) { return ports.empty(); })) return {};
    const bool more = sets != all_ports(field_);
    try_ports(std::move(sets));
    if (more && !reached_) try_ports(all_ports(field_));
    best_.complete = reached_ || !ended_;
    return std::move(best_);
  }

 private:
  void try_ports(PortSets ports) {
    ports_ = std::move(ports);
    bounds_.clear();
    rings_ = 0;
    for (std::size_t shape = 0; shape < ports_.size(); ++shape) {
      bounds_.push_back(bound_of(field_.shapes[shape], ports_[shape]));
      rings_ = std::max(rings_, static_cast<int>(ports_[shape].size()));
    }
    for (const bool crossing : {false, true}) {
      if (crossing && field_.units.size() % 2 == 0) continue;
      for (const PathType worst : {PathType::kPix, PathType::kPxb, PathType::kP2c, PathType::kPxn,
                                   PathType::kPhb, PathType::kSys}) {
        for (int stride = crossing ? 1 : 0; stride <= rings_ / 2 && !reached_; ++stride) {
          try_offsets(offsets_of(field_.units.size(), stride, crossing), worst);
        }
      }
    }
    if (best_.of_unit.empty()) take_plain();
  }

  void try_offsets(const std::vector<Offsets>& offsets, PathType worst) {
    Course course;
    const bool found = walk(course, offsets, [&](Pieces& pieces) { return search(pieces, worst); });
    if (found) consider(std::move(course));
  }

  void take_plain() {
    Course course;
    const std::vector<Offsets> offsets(field_.units.size());
    const bool found = walk(course, offsets, [&](Pieces& pieces) { return plain(pieces); });
    if (found) consider(std::move(course));
  }

  // Pieces for all units; those of a shape, with the same offsets, are made once.
  bool walk(Course& course, const std::vector<Offsets>& offsets,
            const std::function<bool(Pieces&)>& make) {
    std::map<std::pair<int, Offsets>, int> known;
    for (std::size_t unit = 0; unit < field_.units.size(); ++unit) {
      const int shape = field_.units[unit].shape;
      const auto [made, fresh] =
          known.try_emplace({shape, offsets[unit]}, static_cast<int>(course.pieces.size()));
      course.of_unit.push_back(made->second);
      if (!fresh) continue;
      course.pieces.push_back({shape, lanes(shape, offsets[unit]), {}});
      if (!make(course.pieces.back())) return false;
    }
    return true;
  }

  std::vector<Lane> lanes(int shape, Offsets offsets) const {
    const std::vector<int>& ports = ports_[shape];
    std::vector<Lane> lanes;
    for (int ring = 0; ring < rings_; ++ring) {
      lanes.push_back({ports[(ring + offsets.enter) % ports.size()],
                       ports[(ring + offsets.leave) % ports.size()]});
    }
    return lanes;
  }

  bool search(Pieces& pieces, PathType worst) {
    const UnitShape& shape = field_.shapes[pieces.shape];
    for (const double speed : speeds(pieces.shape)) {
      for (const PathType inside : {PathType::kNvHop, PathType::kPxb, PathType::kSys}) {
        Segments segments = find_segments(shape, pieces.lanes, {inside, worst, speed},
                                          std::min(left_, steps_for(shape)));
        left_ -= segments.steps;
        ended_ |= segments.ended;
        if (segments.found.size() < pieces.lanes.size()) continue;
        pieces.segments = std::move(segments.found);
        return true;
      }
    }
    return false;
  }

  // For one attempt: most succeed at once, or after many times that.
  int steps_for(const UnitShape& shape) const {
    const int at_once = rings_ * (static_cast<int>(shape.nodes.size()) + 1);
    return std::max(budget_ / 256, at_once + at_once / 4);
  }

  // What rings may carry each, most first: shares of the bound and of every kind of link, but none
  // that are nearly alike, for rings grow to what there is in the end.
  std::vector<double> speeds(int shape) const {
    constexpr double kApart = 0.97;
    const double most = bounds_[shape] / rings_;
    std::set<double> capacities;
    for (const GraphLink& link : field_.shapes[shape].graph.links) capacities.insert(link.capacity);
    std::vector<double> shares = {most};
    for (const double capacity : capacities) {
      for (int users = 1; users <= 2 * rings_; ++users) {
        if (capacity / users < most) shares.push_back(capacity / users);
      }
    }
    std::ranges::sort(shares, std::greater<>());
    std::vector<double> apart;
    for (const double speed : shares) {
      const bool hopeless = speed * rings_ * 2 < carried_;
      if (!hopeless && (apart.empty() || speed < kApart * apart.back())) apart.push_back(speed);
    }
    return apart;
  }

  bool plain(Pieces& pieces) const {
    for (const Lane& lane : pieces.lanes) {
      const bool found =
          plain_segment(field_.shapes[pieces.shape], lane, pieces.segments.emplace_back());
      if (!found) return false;
    }
    return true;
  }

  void consider(Course course) {
    double carried = std::numeric_limits<double>::infinity();
    for (const Pieces& pieces : course.pieces) {
      carried = std::min(carried, carried_by(field_.shapes[pieces.shape], pieces.segments));
    }
    if (carried <= carried_ / kEnough) return;
    carried_ = carried;
    reached_ = carried >= *std::ranges::min_element(bounds_) * kEnough;
    best_ = std::move(course);
  }

  const Field& field_;
  int budget_;  // steps
  int left_;
  PortSets ports_;
  std::vector<double> bounds_;  // by shape
  int rings_ = 0;
  Course best_;
  double carried_ = 0;
  bool reached_ = false;  // the bound
  bool ended_ = false;    // an attempt, by its limit
};

}  // namespace

Course course_between(const Field& field, int budget) { return BetweenSearch(field, budget).run(); }

}  // namespace tutti
