// Rings within one unit.
//
// All rings together carry no more than the narrowest cut. So the search asks for one ring that
// carries all of it, for two that carry half each, and so on: one ring fills the ports of a switch,
// six fill the six links of every GPU of a hybrid cube mesh. What reaches the bound is the best
// there is, and ends the search.
//
// Tested by topology_search_test.cc.

#include <algorithm>

#include "topology/search_course.h"
#include "topology/search_cut.h"

namespace tutti {
namespace {

constexpr int kMostRings = 32;

bool one_node(const UnitShape& shape) {
  return std::ranges::all_of(shape.nodes, [&](int node) { return node == shape.nodes.front(); });
}

// Whether ways of such types join all members.
bool joins_all(const UnitShape& shape, PathType worst) {
  std::vector<int> reached = {0};
  std::vector<bool> known(shape.nodes.size(), false);
  known[0] = true;
  for (std::size_t next = 0; next < reached.size(); ++next) {
    for (int member = 0; member < static_cast<int>(known.size()); ++member) {
      if (known[member] || shape.between(reached[next], member).path.type > worst) continue;
      known[member] = true;
      reached.push_back(member);
    }
  }
  return reached.size() == known.size();
}

class InsideSearch {
 public:
  InsideSearch(const UnitShape& shape, int budget)
      : shape_(shape), left_(budget), most_(budget / 8) {}

  std::vector<Segment> run() {
    for (const PathType worst :
         {PathType::kLocal, PathType::kNvLink, PathType::kNvHop, PathType::kC2c, PathType::kPix,
          PathType::kPxb, PathType::kPhb, PathType::kSys}) {
      if (!joins_all(shape_, worst)) continue;
      std::vector<Segment> best = best_of(worst);
      if (!best.empty()) return best;
    }
    Segment plain;
    if (plain_segment(shape_, {}, plain)) return {plain};
    return {};
  }

  bool complete() const { return complete_; }

 private:
  std::vector<Segment> best_of(PathType worst) {
    if (one_node(shape_)) return attempt(1, worst, /*speed=*/0).found;
    const double cut = narrowest_cut(shape_.graph, shape_.nodes, worst);
    std::vector<Segment> best;
    double most = 0;
    bool ended = false;
    for (int rings = 1; rings <= kMostRings; ++rings) {
      Segments segments = attempt(rings, worst, cut / rings);
      ended |= segments.ended;
      const double carried = cut * static_cast<double>(segments.found.size()) / rings;
      const bool all = static_cast<int>(segments.found.size()) == rings;
      if (carried > most) {
        most = carried;
        best = std::move(segments.found);
      }
      if (all) return best;
    }
    complete_ &= !ended;
    return best;
  }

  Segments attempt(int rings, PathType worst, double speed) {
    Segments segments = find_segments(shape_, std::vector<Lane>(rings), {worst, worst, speed},
                                      std::min(left_, most_));
    left_ -= segments.steps;
    return segments;
  }

  const UnitShape& shape_;
  int left_;  // steps
  int most_;  // steps of one attempt
  bool complete_ = true;
};

}  // namespace

Course course_inside(const Field& field, int budget) {
  InsideSearch search(field.shapes.front(), budget);
  std::vector<Segment> segments = search.run();
  if (segments.empty()) return {};
  Course course{.pieces = {}, .of_unit = {0}, .complete = search.complete()};
  course.pieces.push_back({0, std::vector<Lane>(segments.size()), std::move(segments)});
  return course;
}

}  // namespace tutti
