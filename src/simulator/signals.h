// The signals of a simulation that have been given: when each can be seen, by whom it was meant.
//
// Credits bound how far ahead of a rank its peers are, so that there is room for a window of blocks
// only: what a rank has not ended, and what its peers may give it meanwhile.
//
// Tested by simulate_test.cc.

#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

#include "simulator/network.h"

namespace tutti {

/// When a signal can be seen, and the data that came with it over wires.
struct Seen {
  double time = kNever;
  float bytes = -1;  // -1: from memory
};

class Signals {
 public:
  /// `window`: of each rank, blocks from the oldest that has not ended.
  Signals(std::size_t ranks, std::size_t window, std::size_t lines)
      : window_(std::bit_ceil(window)), lines_(lines), seen_(ranks * window_ * lines) {}

  Seen& at(int rank, std::size_t block, int line) {
    return seen_[(rank * window_ + (block & (window_ - 1))) * lines_ + line];
  }

  /// The block has ended.
  void forget(int rank, std::size_t block) {
    if (lines_ > 0) std::fill_n(&at(rank, block, 0), lines_, Seen{});
  }

 private:
  std::size_t window_;  // a power of two
  std::size_t lines_;
  std::vector<Seen> seen_;
};

}  // namespace tutti
