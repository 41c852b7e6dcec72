// Pairs waits with signals. Tested by stage_test.cc.

#include "schedule/match.h"

#include <map>
#include <tuple>

namespace tutti {
namespace {

using Lane = std::tuple<int, int, int>;  // sender, receiver, channel

std::map<Lane, std::vector<StepAt>> senders(const Schedule& schedule) {
  std::map<Lane, std::vector<StepAt>> given;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    const std::vector<Step>& steps = schedule.at(rank).steps;
    for (int i = 0; i < static_cast<int>(steps.size()); ++i) {
      const Step& step = steps[i];
      if (step.kind != StepKind::kPut && step.kind != StepKind::kSignal) continue;
      given[{rank, step.peer, step.channel}].push_back({rank, i});
    }
  }
  return given;
}

}  // namespace

std::vector<std::vector<StepAt>> match_signals(const Schedule& schedule) {
  std::vector<std::vector<StepAt>> partners(schedule.ranks);
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    partners[rank].resize(schedule.at(rank).steps.size());
  }
  std::map<Lane, std::vector<StepAt>> given = senders(schedule);
  std::map<Lane, std::size_t> taken;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    const std::vector<Step>& steps = schedule.at(rank).steps;
    for (int i = 0; i < static_cast<int>(steps.size()); ++i) {
      if (steps[i].kind != StepKind::kWait) continue;
      const Lane lane{steps[i].peer, rank, steps[i].channel};
      const std::vector<StepAt>& queue = given[lane];
      std::size_t& next = taken[lane];
      if (next == queue.size()) continue;
      const StepAt sender = queue[next++];
      partners[rank][i] = sender;
      partners[sender.rank][sender.step] = {rank, i};
    }
  }
  return partners;
}

}  // namespace tutti
