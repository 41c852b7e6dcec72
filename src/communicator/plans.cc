#include "communicator/plans.h"

#include "base/check.h"
#include "schedule/stage.h"

namespace tutti {

std::shared_ptr<const Plan> Plans::get(const Algorithm& algorithm, int root, Flavor flavor) {
  return make(algorithm, group_, site_.rank, root, flavor);
}

std::shared_ptr<const Plan> Plans::message(bool sends, Flavor flavor) {
  const Algorithm* direct = find_algorithm(Collective::kSendRecv, "direct");
  TUTTI_CHECK(direct != nullptr);
  return make(*direct, /*group=*/2, sends ? 0 : 1, /*root=*/0, flavor);
}

std::shared_ptr<const Plan> Plans::make(const Algorithm& algorithm, const Group& group, int rank,
                                        int root, Flavor flavor) {
  std::shared_ptr<const Plan>& plan = plans_[{&algorithm, rank, root, flavor}];
  if (plan != nullptr) return plan;
  Schedule schedule = algorithm.make(group, root);
  if (flavor == Flavor::kStaged) schedule = stage(schedule);
  const bool message = algorithm.collective == Collective::kSendRecv;
  const auto is_mapped = [&](int peer) {
    // One plan for the messages of all pairs: the peer is not known.
    return message ? !site_.has_unmapped : site_.windows[peer] != nullptr;
  };
  plan = std::make_shared<Plan>(lower(schedule, rank, flavor == Flavor::kInline, is_mapped));
  return plan;
}

}  // namespace tutti
