// The search is a stack of decisions: where a way starts (and which member it keeps for its end),
// which member comes next, and how it closes. A decision holds the moves that fit when it was made,
// best first; taking one back gives its links back. So a way that leaves too little for the ways
// after it is changed when those fail.
//
// Tested by topology_search_test.cc.

#include "topology/search_lanes.h"

#include <algorithm>
#include <tuple>

namespace tutti {
namespace {

constexpr double kRounding = 1e-9;  // GB/s

enum class MoveKind { kStart, kNext, kClose };

struct Move {
  MoveKind kind = MoveKind::kNext;
  int member = 0;  // kStart: the first; kNext: the next
  int last = -1;   // kStart: kept for the end; -1: none is
  const Trail* route = nullptr;
};

struct Decision {
  std::vector<Move> moves;
  std::size_t next = 0;  // moves before it were tried; the one before it is the one taken
};

// How good a step is: less is better.
using Rank = std::tuple<PathType, int, double, int>;

class LaneSearch {
 public:
  LaneSearch(const UnitShape& shape, const std::vector<Lane>& lanes, const LaneLimits& limits)
      : shape_(shape),
        lanes_(lanes),
        limits_(limits),
        members_(static_cast<int>(shape.nodes.size())),
        left_(shape.graph.links.size()),
        visited_(members_, false) {
    for (std::size_t link = 0; link < left_.size(); ++link) {
      left_[link] = shape.graph.links[link].capacity;
    }
  }

  Segments run(int most_steps) {
    Segments result;
    decide();
    while (!decisions_.empty() && closed() < lanes_.size()) {
      if (result.steps >= most_steps) {
        result.ended = true;
        break;
      }
      ++result.steps;
      if (!advance()) continue;
      if (closed() > result.found.size()) result.found = segments();
      if (closed() < lanes_.size()) decide();
    }
    return result;
  }

 private:
  std::size_t closed() const { return done_.size(); }

  // The next move of the last decision; without one, the decision is taken back.
  bool advance() {
    Decision& decision = decisions_.back();
    if (decision.next > 0) take_back(decision.moves[decision.next - 1]);
    if (decision.next == decision.moves.size()) {
      decisions_.pop_back();
      return false;
    }
    take(decision.moves[decision.next++]);
    return true;
  }

  void take(const Move& move) {
    load(move, limits_.speed);
    switch (move.kind) {
      case MoveKind::kStart:
        order_.push_back(move.member);
        visited_[move.member] = true;
        last_ = move.last;
        break;
      case MoveKind::kNext:
        order_.push_back(move.member);
        visited_[move.member] = true;
        break;
      case MoveKind::kClose:
        done_.push_back({std::move(order_), last_});
        order_.clear();
        visited_.assign(members_, false);
        break;
    }
  }

  void take_back(const Move& move) {
    load(move, -limits_.speed);
    switch (move.kind) {
      case MoveKind::kStart:
      case MoveKind::kNext:
        visited_[order_.back()] = false;
        order_.pop_back();
        break;
      case MoveKind::kClose:
        order_ = std::move(done_.back().order);
        last_ = done_.back().last;
        done_.pop_back();
        visited_.assign(members_, true);
        break;
    }
  }

  void load(const Move& move, double speed) {
    if (move.route != nullptr) {
      for (const int link : move.route->links) left_[link] -= speed;
    }
  }

  void decide() {
    Decision decision;
    if (order_.empty()) {
      decision.moves = starts();
    } else if (static_cast<int>(order_.size()) < members_) {
      decision.moves = nexts();
    } else {
      decision.moves = closings();
    }
    decisions_.push_back(std::move(decision));
  }

  const Lane& lane() const { return lanes_[closed()]; }

  double narrowest(const Trail& route) const {
    double least = route.path.bandwidth;
    for (const int link : route.links) least = std::min(least, left_[link]);
    return least;
  }

  bool fits(const Trail& route, PathType worst) const {
    return route.path.type <= worst && narrowest(route) >= limits_.speed - kRounding;
  }

  // `turn`: how far round the members it is, so that equals are taken in turns.
  Rank rank(const Trail& route, int turn) const {
    return {route.path.type, route.path.hops, -narrowest(route), turn};
  }

  int turn_from(int member, int other) const { return (other - member + members_) % members_; }

  std::vector<Move> starts() const {
    if (lane().enter < 0) return {{.kind = MoveKind::kStart, .member = 0}};
    std::vector<std::pair<std::pair<Rank, Rank>, Move>> ranked;
    const int favoured = static_cast<int>(closed() * members_ / lanes_.size());
    for (int first = 0; first < members_; ++first) {
      const Trail& in = shape_.routes.at(lane().enter, shape_.nodes[first]);
      if (!fits(in, limits_.port)) continue;
      for (int last = 0; last < members_; ++last) {
        if ((last == first) != (members_ == 1)) continue;
        const Trail& out = shape_.routes.at(shape_.nodes[last], lane().leave);
        if (!fits(out, limits_.port)) continue;
        ranked.push_back({{rank(in, turn_from(favoured, first)), rank(out, turn_from(first, last))},
                          {MoveKind::kStart, first, last, &in}});
      }
    }
    return in_order(ranked);
  }

  std::vector<Move> nexts() const {
    std::vector<std::pair<Rank, Move>> ranked;
    const bool keep_last = static_cast<int>(order_.size()) + 1 < members_;
    for (int member = 0; member < members_; ++member) {
      if (visited_[member]) continue;
      if (last_ >= 0 && (member == last_) == keep_last) continue;
      const Trail& route = shape_.between(order_.back(), member);
      if (!fits(route, limits_.inside)) continue;
      ranked.push_back(
          {rank(route, turn_from(order_.back(), member)), {MoveKind::kNext, member, -1, &route}});
    }
    return in_order(ranked);
  }

  std::vector<Move> closings() const {
    const bool ring = lane().leave < 0;
    const Trail& route = ring ? shape_.between(order_.back(), order_.front())
                              : shape_.routes.at(shape_.nodes[order_.back()], lane().leave);
    if (!fits(route, ring ? limits_.inside : limits_.port)) return {};
    return {{MoveKind::kClose, order_.front(), -1, &route}};
  }

  template <class Key>
  static std::vector<Move> in_order(std::vector<std::pair<Key, Move>>& ranked) {
    std::ranges::stable_sort(ranked, {}, [](const auto& entry) { return entry.first; });
    std::vector<Move> moves;
    for (const auto& [key, move] : ranked) moves.push_back(move);
    return moves;
  }

  std::vector<Segment> segments() const;

  struct Done {
    std::vector<int> order;
    int last = -1;
  };

  const UnitShape& shape_;
  const std::vector<Lane>& lanes_;
  const LaneLimits& limits_;
  int members_;
  std::vector<double> left_;  // GB/s, by link
  std::vector<bool> visited_;
  std::vector<int> order_;  // of the way that is being made
  int last_ = -1;           // the member kept for its end
  std::vector<Done> done_;
  std::vector<Decision> decisions_;
};

void append(Segment& segment, const Trail& route, PathType& worst) {
  segment.links.insert(segment.links.end(), route.links.begin(), route.links.end());
  worst = std::max(worst, route.path.type);
}

Segment segment_of(const UnitShape& shape, const Lane& lane, std::vector<int> order) {
  Segment segment{.order = std::move(order), .links = {}};
  const std::vector<int>& members = segment.order;
  if (lane.enter >= 0) {
    segment.links.push_back(shape.inward(lane.enter));
    append(segment, shape.routes.at(lane.enter, shape.nodes[members.front()]), segment.port);
  }
  for (std::size_t i = 1; i < members.size(); ++i) {
    append(segment, shape.between(members[i - 1], members[i]), segment.inside);
  }
  if (lane.leave >= 0) {
    append(segment, shape.routes.at(shape.nodes[members.back()], lane.leave), segment.port);
    segment.links.push_back(shape.outward(lane.leave));
  } else {
    append(segment, shape.between(members.back(), members.front()), segment.inside);
  }
  return segment;
}

std::vector<Segment> LaneSearch::segments() const {
  std::vector<Segment> segments;
  for (std::size_t i = 0; i < done_.size(); ++i) {
    segments.push_back(segment_of(shape_, lanes_[i], done_[i].order));
  }
  return segments;
}

// The member with the best way from or to a port, but for one; -1 where none has any.
int nearest(const UnitShape& shape, int port, int but) {
  int nearest = -1;
  for (int member = 0; member < static_cast<int>(shape.nodes.size()); ++member) {
    const auto path = [&](int of) { return shape.routes.at(port, shape.nodes[of]).path; };
    if (member == but || path(member).type == PathType::kNone) continue;
    if (nearest < 0 || better(path(member), path(nearest))) nearest = member;
  }
  return nearest;
}

}  // namespace

Segments find_segments(const UnitShape& shape, const std::vector<Lane>& lanes,
                       const LaneLimits& limits, int most_steps) {
  return LaneSearch(shape, lanes, limits).run(most_steps);
}

bool plain_segment(const UnitShape& shape, const Lane& lane, Segment& segment) {
  const int members = static_cast<int>(shape.nodes.size());
  const int first = lane.enter < 0 ? 0 : nearest(shape, lane.enter, -1);
  const int last = lane.leave < 0 || members == 1 ? -1 : nearest(shape, lane.leave, first);
  if (first < 0 || (lane.leave >= 0 && members > 1 && last < 0)) return false;
  std::vector<int> order = {first};
  for (int i = 1; i < members; ++i) {
    const int member = (first + i) % members;
    if (member != last) order.push_back(member);
  }
  if (last >= 0) order.push_back(last);
  segment = segment_of(shape, lane, std::move(order));
  return std::max(segment.inside, segment.port) < PathType::kNone;
}

}  // namespace tutti
