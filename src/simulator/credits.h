// When blocks may begin: once all whose memory they write have ended the blocks that used it
// before, and this is known. The same requests to the same RingMemory as every rank's executor
// makes.
//
// Tested by simulate_test.cc.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/simulate.h"

namespace tutti {

class Credits {
 public:
  Credits(const Cast& cast, const Machine& machine, const SimulatedCall& call);

  /// A rank that another one hears from, or that hears from it, and how long that takes.
  struct Peer {
    int rank = 0;  // a representative
    double latency = 0;

    auto operator<=>(const Peer&) const = default;
  };

  /// When `rank` may begin a block (from 0); kNever: not known yet.
  double granted_at(int rank, std::size_t block) const;

  /// The rank's next block has ended.
  void end_block(int rank, double time);

  /// Who may wait for blocks of this rank to end.
  std::span<const Peer> writers(int rank) const { return writers_[rank]; }

  /// At most so many blocks are between one that a rank begins and those that its peers have ended.
  std::size_t reach() const { return reach_; }

  /// When all ranks had ended a block; kNever: not all have.
  double all_ended(std::size_t block) const;

 private:
  void count_blocks(const Cast& cast, const SimulatedCall& call);
  void find_peers(const Cast& cast, const Machine& machine);

  std::size_t blocks_;
  std::size_t reach_ = 0;
  std::vector<std::uint32_t> after_;        // by block: how many must have ended
  std::vector<double> ends_;                // by rank and block
  std::vector<std::uint32_t> ended_;        // by rank: how many
  std::vector<std::vector<Peer>> readers_;  // by rank: whose memory it writes
  std::vector<std::vector<Peer>> writers_;  // by rank: who writes its memory
};

}  // namespace tutti
