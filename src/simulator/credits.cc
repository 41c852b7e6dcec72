// Tested by simulate_test.cc.

#include "simulator/credits.h"

#include <algorithm>

#include "plan/ring_memory.h"

namespace tutti {

Credits::Credits(const Cast& cast, const Machine& machine, const SimulatedCall& call)
    : blocks_(call.blocks),
      after_(call.blocks),
      ends_(cast.scripts.size() * call.blocks),
      ended_(cast.scripts.size()),
      readers_(cast.scripts.size()),
      writers_(cast.scripts.size()) {
  count_blocks(cast, call);
  find_peers(cast, machine);
}

void Credits::count_blocks(const Cast& cast, const SimulatedCall& call) {
  RingMemory scratch(call.room.scratch_bytes, kScratchAlignment);
  RingMemory lines(call.room.lines, 1);
  for (std::size_t block = 0; block < blocks_; ++block) {
    const auto after_lines = lines.take(block + 1, cast.lines * call.width).after;
    const auto after_scratch = scratch.take(block + 1, cast.scratch_chunks * call.tile_bytes).after;
    after_[block] = static_cast<std::uint32_t>(std::max(after_lines, after_scratch));
    reach_ = std::max(reach_, block - after_[block]);
  }
}

void Credits::find_peers(const Cast& cast, const Machine& machine) {
  for (int rank = 0; rank < static_cast<int>(readers_.size()); ++rank) {
    std::vector<Peer>& readers = readers_[rank];
    for (const int receiver : cast.scripts[rank].receivers) {
      const bool is_far = machine.host(rank) != machine.host(receiver);
      readers.push_back({cast.symmetry.representative(receiver),
                         is_far ? machine.far.latency : machine.near.latency});
    }
    // By symmetry many receivers may have one representative.
    std::sort(readers.begin(), readers.end());
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    for (const Peer& reader : readers) writers_[reader.rank].push_back({rank, reader.latency});
  }
}

double Credits::granted_at(int rank, std::size_t block) const {
  const std::uint32_t after = after_[block];
  if (after == 0) return 0;
  if (after > ended_[rank]) return kNever;
  double last = 0;
  for (const Peer& reader : readers_[rank]) {
    if (ended_[reader.rank] < after) return kNever;
    last = std::max(last, ends_[reader.rank * blocks_ + after - 1] + reader.latency);
  }
  return last;
}

void Credits::end_block(int rank, double time) { ends_[rank * blocks_ + ended_[rank]++] = time; }

double Credits::all_ended(std::size_t block) const {
  double last = 0;
  for (std::size_t rank = 0; rank < ended_.size(); ++rank) {
    last = std::max(last, block < ended_[rank] ? ends_[rank * blocks_ + block] : kNever);
  }
  return last;
}

}  // namespace tutti
