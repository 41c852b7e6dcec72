// The plans of a communicator, made once and kept.

#pragma once

#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "algorithms/catalog.h"
#include "executor/cpu/task.h"
#include "plan/plan.h"
#include "tuner/predict.h"

namespace tutti {

class Plans {
 public:
  Plans(const Site& site, Group group) : site_(site), group_(std::move(group)) {}

  std::shared_ptr<const Plan> get(const Algorithm& algorithm, int root, Flavor flavor);
  /// The plan for a message: rank 0 of it sends, rank 1 receives.
  std::shared_ptr<const Plan> message(bool sends, Flavor flavor);

 private:
  using Key = std::tuple<const Algorithm*, int, int, Flavor>;  // algorithm, plan rank, root, flavor

  std::shared_ptr<const Plan> make(const Algorithm& algorithm, const Group& group, int rank,
                                   int root, Flavor flavor);

  const Site& site_;
  const Group group_;
  // Shared: calls in flight keep theirs.
  std::map<Key, std::shared_ptr<const Plan>> plans_;
};

}  // namespace tutti
