// The numbers that ranks give to a collective, and what must come out.
//
// Input values are a hash of (seed, rank, index), built so that every order of reduction gives the
// same exact result:
//
//   sum, mulsum    floats: integers whose magnitudes sum to no more than the type holds exactly,
//                  over all ranks; with more ranks than that, a window of ranks gives ±1, others 0.
//                  integers: any bits (they wrap); mulsum keeps to what doubles hold
//   avg            integers whose sum does not wrap; floats: two ranks that are not zero, equal,
//                  and a tolerance of two roundings
//   prod           floats: ±1, few of them ±2 or ±1/2, one of them odd; integers: odd, any bits
//   min, max       any finite values except zeros
//   bitwise        any bits
//   logical        zero or not, evenly
//   user           as sum
//
// The expected value is computed here, element by element, without the library. Values repeat
// after kPeriod elements: a prime, so that no tile, chunk or block lands on its own like; filling
// and checking large buffers is then copying and comparing tables.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tutti/types.h"

namespace tutti::cli {

inline constexpr std::size_t kPeriod = 16381;

/// What mulsum multiplies with; a power of two, so that it is exact.
inline constexpr double kScale = 2.0;

struct Pattern {
  DataType type = DataType::kFloat32;
  Reduction op = Reduction::kSum;
  int ranks = 1;
  std::uint64_t seed = 0;

  bool operator==(const Pattern&) const = default;
};

/// Whether the reduction means something for the type: bitwise ones take integers only.
bool fits(Reduction op, DataType type);

/// kPeriod elements.
std::vector<std::byte> input_table(const Pattern& pattern, int rank);
std::vector<std::byte> expected_table(const Pattern& pattern);

/// The reduction of what only some of the ranks give: what a library that lost the others would
/// answer. REQUIRES: at least one rank.
std::vector<std::byte> reduced_table(const Pattern& pattern, std::span<const int> contributors);

/// The sum that `--op user` passes to the library: dst[i] += src[i], by numbers.h.
void user_sum(const void* src, void* dst, std::size_t count, DataType type, void* context);

/// Writes elements first, first + 1, … of a table that repeats.
void fill(std::span<std::byte> target, std::span<const std::byte> table, std::size_t first,
          DataType type);

/// How many elements differ from the table by more than `tolerance` (a share of the expected value;
/// 0 compares bits).
std::size_t count_wrong(std::span<const std::byte> got, std::span<const std::byte> table,
                        std::size_t first, DataType type, double tolerance);

/// What avg on floats may differ by: two scalings and one addition, each rounded. 0 otherwise.
double tolerance_of(Reduction op, DataType type);

}  // namespace tutti::cli
