// What a rank's output must hold, as stretches of pattern tables.

#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "cli/pattern.h"
#include "cli/shape.h"

namespace tutti::cli {

inline constexpr int kReduced = -1;

/// The reduction of ranks 0 … rank, as a source.
inline constexpr int reduced_up_to(int rank) { return kReduced - 1 - rank; }

/// Elements [offset, offset + count) of the output are elements first, first + 1, … of what rank
/// `source` gives, or of the reduction of all ranks (kReduced), or of the first ones.
struct Segment {
  std::size_t offset = 0;
  std::size_t count = 0;
  int source = kReduced;
  std::size_t first = 0;

  bool operator==(const Segment&) const = default;
};

/// Rank r's input is elements first, first + 1, … of its pattern. Outputs that nobody defines (of
/// ranks other than root) are not listed.
std::vector<Segment> expected_segments(const Problem& problem, int rank, std::size_t first);

/// Pattern tables, made as they are first needed and kept.
class Tables {
 public:
  explicit Tables(const Pattern& pattern) : pattern_(pattern) {}

  const Pattern& pattern() const { return pattern_; }
  std::span<const std::byte> of(int source);

 private:
  std::vector<std::byte> table_of(int source) const;

  Pattern pattern_;
  std::map<int, std::vector<std::byte>> tables_;
};

/// Wrong elements of one output.
std::size_t count_wrong(std::span<const std::byte> output, const Problem& problem, int rank,
                        std::size_t first, Tables& tables);

}  // namespace tutti::cli
