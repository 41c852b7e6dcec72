// Every algorithm, as a plain table.

#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "schedule/schedule.h"

namespace tutti {

struct Algorithm {
  Collective collective;
  std::string_view name;      // "ring", unique per collective; what --algorithm takes
  Schedule (*make)(int ranks, int root);  // root is ignored by collectives without one
  bool (*allows)(int ranks);  // which sizes it takes, or nullptr for all
  bool in_place;              // verify(…, kInPlace) == ""
  bool pull;                  // needs_mapped(): reads peers' memory
  bool variable_counts;       // every step names an input or output chunk, so that chunks may
                              // have different lengths (the _v collectives)
  bool rank_order;            // reduces_in_rank_order(): candidates of `reproducible`
  std::string_view summary;   // one line for docs/algorithms.md
  std::string_view source;    // the paper, or ""
};

/// All of them, grouped by collective.
std::span<const Algorithm> catalog();

/// nullptr when there is none of that name.
const Algorithm* find_algorithm(Collective collective, std::string_view name);

}  // namespace tutti
