// Algorithms as MSCCL and MSCCL++ have them: thread blocks of GPUs that run at once, each a list of
// works, in few words that both formats come down to.
//
// A move writes one chunk, of its own GPU or of another one, from one source or from the reduction
// of several. Thread blocks wait for each other by lanes, which are queues of signals between two
// GPUs, and by events, each posted once and passed by whoever needs it.

#pragma once

#include <string>
#include <vector>

#include "schedule/schedule.h"
#include "schedule/verify.h"

namespace tutti {

/// A chunk of a GPU's memory, as the file names it: "i[3]" of GPU 2.
struct Cell {
  int gpu = 0;
  Space space = Space::kInput;
  int index = 0;

  bool operator==(const Cell&) const = default;
};

enum class WorkKind : std::uint8_t { kMove, kGive, kTake, kPost, kPass };

struct BlockWork {
  WorkKind kind = WorkKind::kMove;
  int step = 0;  // of its thread block, as the file counts; works of a step run in one go
  std::vector<Cell> sources = {};  // move
  Cell target = {};                // move
  bool late = false;     // move: an adapter reads the source, at any time until the target is told
  bool relaxed = false;  // give: orders, but says nothing of what was written before
  int number = 0;        // give, take: of the lane; post, pass: of the event
  bool packet = false;   // post, pass: the event is that the move just before has arrived

  bool operator==(const BlockWork&) const = default;
};

struct Block {
  int gpu = 0;
  int id = 0;  // as the file numbers it on its GPU
  std::vector<BlockWork> works;

  bool operator==(const Block&) const = default;
};

struct SignalLane {
  int from = 0;  // GPUs
  int to = 0;

  bool operator==(const SignalLane&) const = default;
};

struct BlockProgram {
  std::string name;
  Collective collective = Collective::kAllReduce;
  int gpus = 0;
  int chunks = 1;  // as Schedule::chunks
  int scratch_chunks = 0;
  Placement placement = Placement::kSeparate;
  std::vector<SignalLane> lanes;
  int events = 0;
  std::vector<Block> blocks;

  /// Chunks of all GPUs' input, output and scratch, or a little more.
  std::int64_t cells() const {
    const std::int64_t parts = collective == Collective::kAllReduce ? 1 : gpus;
    return gpus * (2 * parts * chunks + std::int64_t{scratch_chunks});
  }

  /// Input, output and scratch as a schedule has them, without any steps.
  Schedule frame() const { return Schedule(collective, gpus, chunks, scratch_chunks); }

  bool operator==(const BlockProgram&) const = default;
};

/// "gpu 1, thread block 0, step 3".
std::string place_of(const Block& block, const BlockWork& work);
/// "i[3] of gpu 2".
std::string name_of(const Cell& cell);

}  // namespace tutti
