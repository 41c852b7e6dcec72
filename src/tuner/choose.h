// Which algorithm runs a call, and in which pieces: a pure function of what all ranks agree on.
//
// The thresholds below were measured (perf/results); a cost model calibrated on the machine will
// take their place.
//
// Tested by choose_test.cc.

#pragma once

#include <cstddef>

#include "algorithms/catalog.h"
#include "tutti/status.h"

namespace tutti {

struct Question {
  Collective collective = Collective::kBarrier;
  Group group;            // of several hosts: not mapped
  std::size_t bytes = 0;  // of the largest buffer: all ranks' parts together
  bool mapped = false;    // peers can reach the buffers
  bool reachable = true;  // peers can reach scratch memory, at least
  bool in_place = false;
  bool variable = false;  // counts per rank
  bool reproducible = false;
  std::size_t scratch_bytes = 0;  // of each rank
  std::string_view forced;        // "" or the name of an algorithm
  std::size_t forced_tile_bytes = 0;
  int forced_lanes = 0;
};

struct Choice {
  const Algorithm* algorithm = nullptr;
  std::size_t tile_bytes = 0;  // upper bound; see cut()
  int lanes = 1;
  bool stream = false;
};

/// kNotSupported names the algorithm that was forced and why it does not do.
Result<Choice> choose(const Question& question);

}  // namespace tutti
