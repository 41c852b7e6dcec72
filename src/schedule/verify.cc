// Puts the proofs together: shape, then deadlock and signals, then order, then contents.
// Cost: O(ranks) a step. Tested by verify_test.cc.

#include "schedule/verify.h"

#include "schedule/contents.h"
#include "schedule/layout.h"
#include "schedule/races.h"
#include "schedule/shape.h"
#include "schedule/trace.h"

namespace tutti {
namespace {

std::string where(const Schedule& schedule, int rank, int step) {
  return "rank " + std::to_string(rank) + " at step " + std::to_string(step) + " (" +
         dump(schedule.at(rank).steps[step]) + ")";
}

std::string find_deadlock(const Schedule& schedule, const Trace& trace) {
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    const int step = trace.stuck[rank];
    if (step == kNone) continue;
    const int peer = schedule.at(rank).steps[step].peer;
    const std::string why = trace.stuck[peer] == kNone
                                ? "which has ended"
                                : "which waits at step " + std::to_string(trace.stuck[peer]);
    return "deadlock: " + where(schedule, rank, step) + " waits for ever for rank " +
           std::to_string(peer) + ", " + why;
  }
  return "";
}

std::string find_unmatched(const Schedule& schedule, const Trace& trace) {
  if (trace.unmatched.empty()) return "";
  const Event& event = trace.events[trace.unmatched[0]];
  return "unmatched signal: no wait takes that of " + where(schedule, event.rank, event.step);
}

bool is_reduction(Collective collective) {
  return collective == Collective::kAllReduce || collective == Collective::kReduce ||
         collective == Collective::kReduceScatter || is_scan(collective);
}

}  // namespace

std::string verify(const Schedule& schedule, Placement placement) {
  if (std::string wrong = check_shape(schedule); !wrong.empty()) return wrong;
  const Trace run = trace(schedule);
  if (std::string wrong = find_deadlock(schedule, run); !wrong.empty()) return wrong;
  if (std::string wrong = find_unmatched(schedule, run); !wrong.empty()) return wrong;
  const Layout layout(schedule, placement);
  if (std::string wrong = find_race(schedule, layout, run); !wrong.empty()) return wrong;
  return Contents(schedule, layout, run).check();
}

bool reduces_in_rank_order(const Schedule& schedule) {
  if (!is_reduction(schedule.collective)) return true;
  const Layout layout(schedule, Placement::kSeparate);
  const Contents contents(schedule, layout, trace(schedule));
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    const int chunks = chunks_of(schedule, Space::kOutput, rank);
    for (int index = 0; index < chunks; ++index) {
      if (!contents.output_of(rank, index).in_rank_order) return false;
    }
  }
  return true;
}

}  // namespace tutti
