// Every algorithm, as a plain table.

#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "algorithms/group.h"
#include "schedule/schedule.h"
#include "schedule/symmetry.h"

namespace tutti {

struct Algorithm {
  Collective collective = Collective::kBarrier;
  std::string_view name;  // "ring", unique per collective; what --algorithm takes
  // The root is ignored where there is none. Programs that are not wanted are empty.
  Schedule (*make)(const Group& group, int root) = nullptr;
  bool (*allows)(const Group& group) = nullptr;     // which groups it takes, or nullptr for all
  Symmetry (*alike)(const Group& group) = nullptr;  // which ranks of such a group it treats alike
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

/// Of the algorithm of that name; nothing when there is none that takes the group.
std::optional<Schedule> schedule_of(Collective collective, std::string_view name,
                                    const Group& group, int root);

/// True when the algorithm takes such groups.
inline bool allows(const Algorithm& algorithm, const Group& group) {
  return algorithm.allows == nullptr || algorithm.allows(group);
}

}  // namespace tutti
