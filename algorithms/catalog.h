// Every algorithm, as a plain table.

#pragma once

#include <span>
#include <string_view>

#include "schedule/schedule.h"

namespace tutti {

struct Algorithm {
  Collective collective = Collective::kBarrier;
  std::string_view name;  // "ring", unique per collective; what --algorithm takes
  Schedule (*make)(int ranks, int root) = nullptr;  // root: ignored by collectives without one
  bool (*allows)(int ranks) = nullptr;              // which sizes it takes, or nullptr for all
  bool in_place = false;                            // verify(…, kInPlace) == ""
  bool pull = false;                                // needs_mapped(): reads peers' memory
  bool variable_counts = false;  // every step that moves a chunk names one of input or output,
                                 // and all that a step names have the same length, so that
                                 // chunks may have different ones (the _v collectives)
  bool rank_order = false;       // reduces_in_rank_order(): candidates of `reproducible`
  std::string_view summary;      // one line for docs/algorithms.md
  std::string_view source;       // the paper, or ""
};

/// All of them, grouped by collective.
std::span<const Algorithm> catalog();

/// nullptr when there is none of that name.
const Algorithm* find_algorithm(Collective collective, std::string_view name);

/// True when the algorithm takes groups of this size.
inline bool allows(const Algorithm& algorithm, int ranks) {
  return algorithm.allows == nullptr || algorithm.allows(ranks);
}

}  // namespace tutti
