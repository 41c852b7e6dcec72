// Which buffers a collective has on a rank, and of how many parts: the table of schedule.h, for
// calls.
//
// Tested by cuda_executor_test.cc.

#pragma once

#include "tutti/types.h"

namespace tutti::cuda {

/// Parts of a buffer, each of the call's count; 0 where the rank has no such buffer.
struct Parts {
  int input = 0;
  int output = 0;

  bool operator==(const Parts&) const = default;
};

inline Parts parts_of(Collective collective, int ranks, bool is_root) {
  switch (collective) {
    case Collective::kAllReduce:
      return {1, 1};
    case Collective::kAllGather:
      return {1, ranks};
    case Collective::kReduceScatter:
      return {ranks, 1};
    case Collective::kAllToAll:
      return {ranks, ranks};
    case Collective::kBroadcast:
      return {is_root ? 1 : 0, 1};
    case Collective::kReduce:
      return {1, is_root ? 1 : 0};
    case Collective::kGather:
      return {1, is_root ? ranks : 0};
    case Collective::kScatter:
      return {is_root ? ranks : 0, 1};
    case Collective::kBarrier:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return {};
  }
  return {};
}

inline bool has_root(Collective collective) {
  return collective == Collective::kBroadcast || collective == Collective::kReduce ||
         collective == Collective::kGather || collective == Collective::kScatter;
}

inline bool reduces(Collective collective) {
  return collective == Collective::kAllReduce || collective == Collective::kReduceScatter ||
         collective == Collective::kReduce;
}

}  // namespace tutti::cuda
