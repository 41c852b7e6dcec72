// What ranks put into their buffers, and what must come out of each collective.
//
// Element i of rank r in round e is 2^r + i mod 251 + 256 * (e mod 7). All sums are exact in fp32;
// a sum of n ranks is right only if each took part once; 251 is prime, so that a piece that lands
// at another place shows; and a result left over from the round before shows too.

#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "tutti/types.h"

namespace side_by_side {

using tutti::Collective;

/// A collective on `bytes` bytes of fp32: the send buffer of all_reduce, broadcast and reduce, the
/// whole gathered or scattered buffer of the others.
struct Shape {
  Collective collective;
  std::size_t bytes;
  int rank;
  int ranks;

  std::size_t part_count() const;  // elements, as MPI's and NCCL's calls count them
  std::size_t input_count() const;
  std::size_t output_count() const;
};

/// Writes this rank's whole input for round `round`.
void fill(const Shape& shape, int round, float* input);

/// Writes one element of each cache line of `count` elements, so that this core owns them all.
void touch(float* data, std::size_t count);

/// A sentence about the first wrong element of `output`, or nothing if all is as it must be.
std::optional<std::string> check(const Shape& shape, int round, const float* output);

}  // namespace side_by_side
