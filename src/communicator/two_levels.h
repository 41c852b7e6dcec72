// Calls of ranks on several hosts in two levels: kernels inside hosts, host memory between them.
//
// The ranks of one place on all hosts are a rail. An all_reduce is a reduce_scatter inside hosts,
// an all_reduce of each part on a rail of its own, and an all_gather inside hosts: of S bytes a
// rank sends and receives 2 S / places through host memory instead of all of them. REQUIRES, here
// and below: every host has as many ranks.
//
// Tested by device_pieces_test.cc and enqueue_kernels_test.cc.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "algorithms/group.h"
#include "communicator/device_pieces.h"
#include "tutti/tutti.h"

namespace tutti {

/// Where a rank is. A value.
struct Levels {
  /// Nothing where there is one host, or a rank alone on its host, or hosts have different numbers
  /// of ranks.
  static std::optional<Levels> of(const Group& group, int rank);

  std::vector<std::vector<int>> ranks;  // by host, by place
  int host = 0;
  int place = 0;

  int hosts() const { return static_cast<int>(ranks.size()); }
  int places() const { return static_cast<int>(ranks[0].size()); }
  /// The ranks of this one's host, and of its rail.
  const std::vector<int>& inside() const { return ranks[host]; }
  std::vector<int> rail() const;
  /// Whether ranks are numbered host by host.
  bool in_order() const;
};

/// A failure among some of the ranks, whose numbers there are other ones.
Status counted_among(const std::vector<int>& ranks, const Status& status);

/// What is done one after the other: by kernels among the ranks of the host, through host memory
/// among those of the rail, by kernels again. Ranks and roots are numbered among those.
struct LevelSteps {
  std::vector<Call> first;
  std::vector<StagedCall> between;
  std::vector<Call> last;
};

/// Nothing where the call does not come apart so: only all_reduce, broadcast, all_gather and
/// reduce_scatter do, the latter two where ranks are in order; reduce_scatter where `scratch` of
/// the device holds a part for each host; averages of integers do not. The same on all ranks.
/// REQUIRES: validate() is OK, no counts by rank, no operation of the user's.
std::optional<LevelSteps> level_steps(const Call& call, const Levels& levels,
                                      std::span<std::byte> scratch);

}  // namespace tutti
