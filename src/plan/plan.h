// A rank's program, lowered to what an executor does.
//
// Three things change on the way from Program to Plan. Every signal a rank receives gets a line of
// its own in the rank's window, so that waiting is polling one fixed place. A put becomes a move
// and a signal; with `inline_payload` it becomes a signal that carries the data. Moves that follow
// each other are fused: a result stored here and put to peers is computed once and written to all
// its targets in one pass.
//
// Tested by plan_test.cc.

#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace tutti {

enum class Action : std::uint8_t {
  kMove,    // every target = reduction of the sources; one source is a copy
  kSignal,  // give `peer` line `line`, carrying sources[0] if there is one
  kWait,    // take own line `line` from `peer`, storing its payload to targets[0] if there is one
};

struct Instruction {
  Action action = Action::kMove;
  int peer = kSelf;
  int line = -1;
  std::vector<Chunk> sources;
  std::vector<Chunk> targets;     // Chunk::rank names the peer for chunks of peers
  int lands = -1;                 // of a wait: the scratch chunk that the put which it takes wrote,
                                  // if the next instruction is all that ever uses it, so that the
                                  // data may be used where it arrives
  std::uint32_t stream_mask = 0;  // targets that nobody reads again in this call: worth bypassing
                                  // the caches for when the call is large

  bool operator==(const Instruction&) const = default;
};

struct Plan {
  Collective collective = Collective::kBarrier;
  int rank = 0;
  int ranks = 0;
  int root = 0;
  int chunks = 1;          // k of the schedule
  int scratch_chunks = 0;  // of every rank
  int lines = 0;           // of every rank
  bool inline_payload = false;
  bool touches_buffers = false;  // reads or writes peers' input or output directly
  std::vector<int> receivers;    // peers whose windows this rank writes or signals
  std::vector<int> senders;      // peers that write this rank's window
  std::vector<Instruction> instructions;

  bool operator==(const Plan&) const = default;
};

/// REQUIRES: verify(schedule) == "". `fuse_to(peer)` says whether moves may write the peer's memory
/// as part of a larger pass (mapped memory); ignored with inline_payload.
Plan lower(const Schedule& schedule, int rank, bool inline_payload,
           const std::function<bool(int)>& fuse_to);

/// "  move   input[0] -> output[0], 1:scratch[0]\n  signal 1 line 0\n  wait   1 line 0\n".
std::string dump(const Plan& plan);

}  // namespace tutti
