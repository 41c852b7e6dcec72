// All layouts of a machine, looked at from the outside in: how ranks are arranged, in which order
// they lie on nodes, how much they compute at once, how the pipeline goes, what is shared out.
//
// What is left out can never be better than what is looked at: GPipe (1F1B takes as long and keeps
// less), tensor parallelism without sequence parallelism where both divide, orders of the mesh
// whose groups lie on nodes as those of another order do, and larger micro-batches where a smaller
// one does not fit whatever is done. Pipelines are simulated only for layouts that, without a
// bubble, would be among the best, or on the front.
//
// Tested by planner_search_test.cc: against all layouts, one by one.

#include <algorithm>
#include <limits>

#include "planner/estimate.h"
#include "planner/memory.h"
#include "planner/step.h"

namespace tutti::planner {
namespace {

std::vector<int> divisors(long number) {
  std::vector<int> found;
  for (long d = 1; d * d <= number; ++d) {
    if (number % d != 0) continue;
    found.push_back(static_cast<int>(d));
    if (d * d != number) found.push_back(static_cast<int>(number / d));
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The best so far, and the front.
class Collector {
 public:
  Collector(const Problem& problem, const SearchSettings& settings)
      : problem_(problem), settings_(settings) {}

  // Answers whether it fits.
  bool offer(const Staged& all) {
    ++ranking_.layouts;
    const double memory = memory_of(all).total();
    if (memory < least_memory_) {
      least_memory_ = memory;
      ranking_.smallest = {plan_of(all)};
    }
    if (memory > problem_.machine.memory) {
      ++ranking_.too_large;
      return false;
    }
    const double least = least_goal_value(problem_, settings_.goal, all);
    const double mfu = mfu_of(problem_, least_seconds(all));
    if (least < worst_kept() || !is_beaten(mfu, memory)) take(plan_of(all));
    return true;
  }

  Ranking result() {
    std::vector<Plan>& best = ranking_.best;
    ranking_.pareto = front_;
    if (static_cast<int>(best.size()) > settings_.keep) best.resize(settings_.keep);
    return std::move(ranking_);
  }

 private:
  Plan plan_of(const Staged& all) const { return {all.context.layout, estimate_of(problem_, all)}; }
  double value(const Plan& plan) const {
    return goal_value(problem_, settings_.goal, plan.estimate.times);
  }
  double worst_kept() const {
    const bool full = static_cast<int>(ranking_.best.size()) >= settings_.keep;
    return full ? value(ranking_.best.back()) : std::numeric_limits<double>::infinity();
  }

  // By what is on the front: as much for no more.
  bool is_beaten(double mfu, double memory) const {
    return std::any_of(front_.begin(), front_.end(), [&](const Plan& plan) {
      return plan.estimate.mfu >= mfu && plan.estimate.memory.total() <= memory;
    });
  }

  void take(const Plan& plan) {
    std::vector<Plan>& best = ranking_.best;
    if (value(plan) < worst_kept()) {
      const auto before = [&](const Plan& a, const Plan& b) { return value(a) < value(b); };
      best.insert(std::upper_bound(best.begin(), best.end(), plan, before), plan);
      if (static_cast<int>(best.size()) > settings_.keep) best.pop_back();
    }
    const double mfu = plan.estimate.mfu;
    const double memory = plan.estimate.memory.total();
    if (is_beaten(mfu, memory)) return;
    std::erase_if(front_, [&](const Plan& other) {
      return other.estimate.mfu <= mfu && other.estimate.memory.total() >= memory;
    });
    const auto smaller = [](const Plan& a, const Plan& b) {
      return a.estimate.memory.total() < b.estimate.memory.total();
    };
    front_.insert(std::upper_bound(front_.begin(), front_.end(), plan, smaller), plan);
  }

  const Problem& problem_;
  const SearchSettings& settings_;
  Ranking ranking_;
  std::vector<Plan> front_;  // by memory, ascending
  double least_memory_ = std::numeric_limits<double>::infinity();
};

class Search {
 public:
  Search(const Problem& problem, const SearchSettings& settings)
      : problem_(problem), collector_(problem, settings) {}

  Result<Ranking> run() {
    for (const int tp : divisors(problem_.machine.ranks())) {
      for (const int cp : divisors(problem_.machine.ranks() / tp)) {
        for (const int pp : divisors(problem_.machine.ranks() / tp / cp)) {
          arrange({.dp = problem_.machine.ranks() / tp / cp / pp, .pp = pp, .cp = cp, .tp = tp});
        }
      }
    }
    Ranking ranking = collector_.result();
    if (ranking.layouts == 0) return objection_;
    return ranking;
  }

 private:
  // Orders of the mesh that differ in where the groups of a dimension lie.
  void arrange(Layout layout) {
    layout.zero = 0;
    if (!may_divide(layout)) return;
    std::vector<std::array<GroupShape, 4>> seen;
    std::array<Dimension, kDimensions> order = layout.order;
    do {
      layout.order = order;
      const std::array<GroupShape, 4> shapes = shapes_of(layout);
      if (std::find(seen.begin(), seen.end(), shapes) != seen.end()) continue;
      seen.push_back(shapes);
      for (const int micro_batch : divisors(problem_.job.sequences() / layout.dp)) {
        layout.micro_batch = micro_batch;
        if (!compute(layout)) break;
      }
    } while (std::next_permutation(order.begin(), order.end()));
  }

  // Whether it is worth looking at larger micro-batches.
  bool compute(Layout layout) {
    using enum Recomputation;
    bool fits = false;
    for (const Recomputation recomputation : {kNone, kSelective, kFull}) {
      layout.recomputation = recomputation;
      const int most = layout.pp == 1 ? 1 : problem_.model.layers() / layout.pp;
      for (int chunks = 1; chunks <= most; ++chunks) {
        if (chunks > 1 && problem_.model.layers() % (layout.pp * chunks) != 0) continue;
        fits |= pipe(layout, chunks);
      }
    }
    return fits;
  }

  // Answers whether any fits.
  bool pipe(Layout layout, int chunks) {
    layout.chunks = chunks;
    layout.pipeline =
        chunks > 1 ? PipelineKind::kInterleaved : PipelineKind::kOneForwardOneBackward;
    layout.sequence_parallel = true;
    if (!check(layout)) {
      layout.sequence_parallel = false;
      if (layout.tp == 1 || !check(layout)) return chunks == 1;
    }
    Staged all = staged(problem_, layout);
    bool fits = share_out(all);
    if (chunks > 1 || layout.pp == 1) return fits;
    all.context.layout.pipeline = PipelineKind::kZeroBubble;
    return share_out(all) || fits;
  }

  bool share_out(Staged& all) {
    const Layout& layout = all.context.layout;
    const int most = layout.dp * layout.cp > 1 ? 3 : 0;
    bool fits = false;
    for (int zero = 0; zero <= most; ++zero) {
      all.context.layout.zero = zero;
      fits |= collector_.offer(all);
    }
    return fits;
  }

  std::array<GroupShape, 4> shapes_of(const Layout& layout) const {
    const int devices = problem_.machine.devices;
    return {group_of(layout, {true, false, true, false}, devices),
            group_of(layout, {false, true, false, false}, devices),
            group_of(layout, {false, false, true, false}, devices),
            group_of(layout, {false, false, false, true}, devices)};
  }

  // With the smallest micro-batch.
  bool may_divide(Layout layout) {
    if (check(layout)) return true;
    layout.sequence_parallel = false;
    return layout.tp > 1 && check(layout);
  }
  bool check(const Layout& layout) {
    const Status status = divides(problem_, layout);
    if (!status.ok() && objection_.ok()) objection_ = status;
    return status.ok();
  }

  const Problem& problem_;
  Collector collector_;
  Status objection_;  // the first
};

}  // namespace

Result<Ranking> search(const Problem& problem, const SearchSettings& settings) {
  return Search(problem, settings).run();
}

}  // namespace tutti::planner
