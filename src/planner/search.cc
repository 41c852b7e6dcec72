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

template <class T>
std::vector<T> choices(const std::optional<T>& fixed, std::vector<T> all) {
  return fixed ? std::vector<T>{*fixed} : std::move(all);
}

bool is_open(const std::optional<int>& fixed, int value) { return !fixed || *fixed == value; }

// Whether the dimensions that are decided leave a whole number of ranks to the others.
Status check_dimensions(const Fixed& fixed, int ranks) {
  std::string who;
  long product = 1;
  int decided = 0;
  for (const auto& [name, size] :
       {std::pair{"dp", fixed.dp}, {"pp", fixed.pp}, {"cp", fixed.cp}, {"tp", fixed.tp}}) {
    if (!size) continue;
    who.append(who.empty() ? "" : " x ").append(name);
    product *= *size;
    ++decided;
  }
  const bool all = decided == kDimensions;
  if (product > 0 && (all ? product == ranks : ranks % product == 0)) return {};
  return {Code::kInvalidArgument, who + " is " + std::to_string(product) + ": expected " +
                                      (all ? "" : "a divisor of ") +
                                      "the devices of the machine, " + std::to_string(ranks)};
}

// What is made small, and of equals what is made small then.
struct Worth {
  double value = 0;
  double seconds = 0;

  auto operator<=>(const Worth&) const = default;
};

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
    const double seconds = least_seconds(all);
    const bool is_small = settings_.goal == Goal::kMemory;
    const double value = is_small ? memory : least_goal_value(problem_, settings_.goal, all);
    const double mfu = mfu_of(problem_, seconds);
    if (Worth{value, seconds} < worst_kept() || !is_beaten(mfu, memory)) take(plan_of(all));
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
  Worth worth(const Plan& plan) const {
    const Times& times = plan.estimate.times;
    if (settings_.goal == Goal::kMemory) return {plan.estimate.memory.total(), times.step()};
    return {goal_value(problem_, settings_.goal, times), times.step()};
  }
  Worth worst_kept() const {
    const bool full = static_cast<int>(ranking_.best.size()) >= settings_.keep;
    return full ? worth(ranking_.best.back()) : Worth{std::numeric_limits<double>::infinity()};
  }

  // By what is on the front: as much for no more.
  bool is_beaten(double mfu, double memory) const {
    return std::any_of(front_.begin(), front_.end(), [&](const Plan& plan) {
      return plan.estimate.mfu >= mfu && plan.estimate.memory.total() <= memory;
    });
  }

  void take(const Plan& plan) {
    std::vector<Plan>& best = ranking_.best;
    if (worth(plan) < worst_kept()) {
      const auto before = [&](const Plan& a, const Plan& b) { return worth(a) < worth(b); };
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
      : problem_(problem),
        fixed_(settings.fixed),
        calls_(problem.machine),
        collector_(problem, settings) {}

  Result<Ranking> run() {
    const int ranks = problem_.machine.ranks();
    if (Status status = check_dimensions(fixed_, ranks); !status.ok()) return status;
    for (const int tp : divisors(ranks)) {
      for (const int cp : divisors(ranks / tp)) {
        for (const int pp : divisors(ranks / tp / cp)) {
          const Layout layout{.dp = ranks / tp / cp / pp, .pp = pp, .cp = cp, .tp = tp};
          const bool open = is_open(fixed_.dp, layout.dp) && is_open(fixed_.pp, pp) &&
                            is_open(fixed_.cp, cp) && is_open(fixed_.tp, tp);
          if (open) arrange(layout);
        }
      }
    }
    Ranking ranking = collector_.result();
    if (ranking.layouts == 0) return objection();
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
      const std::vector<int> all = divisors(problem_.job.sequences() / layout.dp);
      for (const int micro_batch : choices(fixed_.micro_batch, all)) {
        layout.micro_batch = micro_batch;
        if (!compute(layout)) break;
      }
    } while (std::next_permutation(order.begin(), order.end()));
  }

  // Whether it is worth looking at larger micro-batches.
  bool compute(Layout layout) {
    using enum Recomputation;
    bool fits = false;
    for (const Recomputation recomputation :
         choices(fixed_.recomputation, {kNone, kSelective, kFull})) {
      layout.recomputation = recomputation;
      for (const int chunks : chunks_of(layout)) fits |= pipe(layout, chunks);
    }
    return fits;
  }

  std::vector<int> chunks_of(const Layout& layout) const {
    if (layout.pp == 1) return {1};
    std::vector<int> all = {1};
    const int most = problem_.model.layers() / layout.pp;
    for (int chunks = 2; chunks <= most; ++chunks) {
      if (problem_.model.layers() % (layout.pp * chunks) == 0) all.push_back(chunks);
    }
    return choices(fixed_.chunks, all);
  }

  std::vector<PipelineKind> pipelines_of(const Layout& layout) const {
    using enum PipelineKind;
    if (layout.pp == 1) return {kOneForwardOneBackward};
    if (fixed_.pipeline && (*fixed_.pipeline == kInterleaved) != (layout.chunks > 1)) return {};
    if (layout.chunks > 1) return {kInterleaved};
    return choices(fixed_.pipeline, {kOneForwardOneBackward, kZeroBubble});
  }

  // Answers whether any fits.
  bool pipe(Layout layout, int chunks) {
    layout.chunks = chunks;
    const std::vector<PipelineKind> pipelines = pipelines_of(layout);
    if (pipelines.empty()) return false;
    layout.pipeline = pipelines.front();
    layout.sequence_parallel = true;
    if (!check(layout)) {
      layout.sequence_parallel = false;
      if (layout.tp == 1 || !check(layout)) return chunks == 1;
    }
    Staged all = staged(problem_, layout, calls_);
    bool fits = false;
    for (const PipelineKind pipeline : pipelines) {
      all.context.layout.pipeline = pipeline;
      fits |= share_out(all);
    }
    return fits;
  }

  bool share_out(Staged& all) {
    const Layout& layout = all.context.layout;
    const int most = layout.dp * layout.cp > 1 ? 3 : 0;
    bool fits = false;
    for (int zero = 0; zero <= most; ++zero) {
      if (fixed_.zero && zero != std::min(*fixed_.zero, most)) continue;
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

  Status objection() const {
    if (!objection_.ok()) return objection_;
    return {Code::kInvalidArgument,
            "pipeline and chunks: expected more than one chunk with "
            "interleaved, and one with others"};
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
  const Fixed& fixed_;
  HostCalls calls_;
  Collector collector_;
  Status objection_;  // the first
};

}  // namespace

Result<Ranking> search(const Problem& problem, const SearchSettings& settings) {
  return Search(problem, settings).run();
}

}  // namespace tutti::planner
