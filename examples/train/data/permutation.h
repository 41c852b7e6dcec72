// Numbers below a count in another order, each found by itself: no table, whatever the count.
//
// A Feistel network, whose halves are mixed by Philox, permutes the numbers below the next power of
// 4; those that land at or above the count go round again, which keeps it a permutation. Luby and
// Rackoff, "How to construct pseudorandom permutations", 1988; Black and Rogaway, "Ciphers with
// arbitrary finite domains", 2002 (cycle walking). Tested by train_data_test.cc.

#pragma once

#include <bit>
#include <cstdint>

#include "train/random.h"

namespace tutti::train {

/// The place of `index` in an order of 0 … count-1 that `random` decides.
/// REQUIRES: index < count < 2^63.
inline std::uint64_t permuted(std::uint64_t index, std::uint64_t count,
                              const RandomStream& random) {
  constexpr std::uint64_t kRounds = 8;
  const int half = (std::bit_width(count - 1) + 1) / 2;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  do {
    std::uint64_t left = index >> half;
    std::uint64_t right = index & mask;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::uint64_t mixed = left ^ (random.bits(round << 32 | right) & mask);
      left = right;
      right = mixed;
    }
    index = left << half | right;
  } while (index >= count);
  return index;
}

}  // namespace tutti::train
