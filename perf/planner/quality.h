// How well estimates tell measured layouts.

#pragma once

#include <functional>

#include "layouts.h"

namespace playbook {

struct Judged {
  MeasuredLayout row;
  Estimate estimate;

  double predicted() const { return estimate.tokens_per_second / row.ranks(); }
  double ratio() const { return predicted() / row.tokens; }
  /// What the allocator had in use: without what is lost between allocations.
  double memory_ratio() const {
    return (estimate.memory.total() - estimate.memory.headroom) / row.memory;
  }
};

std::vector<Judged> judged(const std::vector<MeasuredLayout>& rows, const Efficiency& efficiency);

using Which = std::function<bool(const Judged&)>;

struct Errors {
  int rows = 0;
  double median = 0;  // of |predicted / measured - 1|
  double bias = 0;    // median of predicted / measured
  double within_20 = 0;
};
Errors speed_errors(const std::vector<Judged>& all, const Which& which);
Errors memory_errors(const std::vector<Judged>& all, const Which& which);

/// Of a model on a number of GPUs: the best measured, and what the planner would take, the fastest
/// predicted of those predicted to fit; with none it loses everything.
struct Choice {
  std::string group;
  int rows = 0;
  const Judged* best = nullptr;
  const Judged* taken = nullptr;

  double regret() const { return taken == nullptr ? 1 : 1 - taken->row.tokens / best->row.tokens; }
};
std::vector<Choice> choices(const std::vector<Judged>& all, const Which& which);
double mean_regret(const std::vector<Choice>& choices);
double median_regret(const std::vector<Choice>& choices);

}  // namespace playbook
