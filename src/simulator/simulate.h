// Runs a cast of scripts on a machine: what the executor would do there, and when.
//
// Every rank is one thread that works on several blocks in turn and waits for signals, as Task does
// (executor/cpu/task.h): blocks are opened in order, a block that waits gives way to the next one,
// and memory of peers is written only when the blocks that used it before have ended there. Events
// are taken in the order of time, equals by rank: the result is a function of its arguments.
//
// Tested by simulate_test.cc.

#pragma once

#include <cstddef>
#include <vector>

#include "plan/cut.h"
#include "simulator/machine.h"
#include "simulator/network.h"
#include "simulator/script.h"

namespace tutti {

/// A call, as far as it costs time.
struct SimulatedCall {
  std::size_t piece_bytes = 0;  // of the longest chunk
  std::size_t tile_bytes = 0;   // of which a block moves that many
  std::size_t blocks = 1;
  int lanes = 1;
  int width = 1;               // lines of a payload that travels in signals
  bool stream = false;         // large outputs go past the caches
  std::size_t user_bytes = 0;  // input and output of a rank together
  Room room;                   // of each rank, for scratch and signals
};

/// Sees what happens. Ranks are representatives; times are seconds from the start of the call.
/// What one rank does comes in order; ranks may be ahead of each other.
class Spectator {
 public:
  virtual ~Spectator() = default;
  /// A deed of `rank`'s script, or the beginning of a block (deed -1).
  virtual void acted(int rank, std::size_t block, int deed, double begin, double end) = 0;
  /// A message, when it has arrived at `to`'s representative.
  virtual void carried(int from, int to, double bytes, double begin, double end) = 0;
};

enum class NetworkModel { kMessages, kFlows };

struct Simulated {
  double seconds = 0;              // until the last rank has ended
  std::vector<double> ends;        // by representative
  std::vector<double> link_bytes;  // by link of Links(machine, symmetry)
  bool is_complete = true;         // false: ranks wait for ever; the schedule was not verified
  std::size_t blocks = 0;          // simulated; the others were added at the pace of the last ones
};

struct SimulationSettings {
  NetworkModel network = NetworkModel::kMessages;
  std::size_t most_blocks = 0;  // that are simulated one by one, but eight for each lane at least,
                                // which tell the time within a few per cent; 0: all
  Spectator* spectator = nullptr;
};

/// REQUIRES: the cast's symmetry is one of the machine, and both have the same number of ranks.
Simulated simulate(const Cast& cast, const Machine& machine, const SimulatedCall& call,
                   const SimulationSettings& settings = {});

}  // namespace tutti
