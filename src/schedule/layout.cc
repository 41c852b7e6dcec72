// Numbers the memory of all ranks. Tested by verify_test.cc.

#include "schedule/layout.h"

#include <algorithm>

namespace tutti {
namespace {

struct Shifts {
  int input = 0;
  int output = 0;
};

// By how many chunks input and output lie behind their common start, in place.
Shifts in_place_shifts(const Schedule& schedule, int rank) {
  switch (schedule.collective) {
    case Collective::kAllGather:
    case Collective::kGather:
      return {.input = rank * schedule.chunks};
    case Collective::kReduceScatter:
    case Collective::kScatter:
      return {.output = rank * schedule.chunks};
    case Collective::kAllReduce:
    case Collective::kBroadcast:
    case Collective::kReduce:
    case Collective::kAllToAll:
    case Collective::kBarrier:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;
  }
  return {};
}

}  // namespace

Layout::Layout(const Schedule& schedule, Placement placement) : bases_(schedule.ranks) {
  int next = 0;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    firsts_.push_back(next);
    const int inputs = chunks_of(schedule, Space::kInput, rank);
    const int outputs = chunks_of(schedule, Space::kOutput, rank);
    Shifts shifts{.input = 0, .output = inputs};
    // Only a rank that has both buffers can have them in one place.
    if (placement == Placement::kInPlace && inputs > 0 && outputs > 0) {
      shifts = in_place_shifts(schedule, rank);
    }
    const int both = std::max(shifts.input + inputs, shifts.output + outputs);
    bases_[rank] = {{next + shifts.input, next + shifts.output, next + both}};
    next += both + schedule.scratch_chunks;
  }
  firsts_.push_back(next);
}

}  // namespace tutti
