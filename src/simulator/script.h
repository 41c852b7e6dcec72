// What ranks do, in the few words that the simulator needs: plans or programs without what does not
// cost time.
//
// Tested by script_test.cc.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "plan/plan.h"
#include "schedule/schedule.h"
#include "schedule/symmetry.h"

namespace tutti {

/// One instruction. Counts are of chunks.
struct Deed {
  enum class Kind : std::uint8_t { kMove, kGive, kTake };

  Kind kind = Kind::kMove;
  bool carries = false;          // the signal has a payload: data that travels in lines
  std::uint16_t sources = 0;     // of a move, of all kinds
  std::uint16_t reads_user = 0;  // own input and output
  std::uint16_t reads_scratch = 0;
  std::uint16_t writes_user = 0;
  std::uint16_t streams_user = 0;  // of those written: may go past the caches in large calls
  std::uint16_t writes_scratch = 0;
  std::uint16_t touches = 0;  // chunks of peers, in Script::touches from `first_touch`
  std::uint32_t first_touch = 0;
  int peer = -1;  // give, take
  int line = -1;  // give: the peer's; take: own. Unique in a block

  bool operator==(const Deed&) const = default;
};

/// A chunk of a peer that a move reads or writes.
struct Touch {
  int peer = -1;
  bool writes = false;

  bool operator==(const Touch&) const = default;
};

struct Script {
  std::vector<Deed> deeds;
  std::vector<Touch> touches;
  std::vector<int> receivers;  // peers whose memory is written or who are signalled
  int lines = 0;               // takes

  bool operator==(const Script&) const = default;
};

/// All ranks, or the representatives of all.
struct Cast {
  Symmetry symmetry;
  std::vector<Script> scripts;  // by representative
  int scratch_chunks = 0;       // of each rank
  int lines = 0;                // of each rank

  bool operator==(const Cast&) const = default;
};

/// One plan for each rank, in order.
Cast cast_of(std::span<const Plan> plans);

/// Programs as they stand: puts are moves followed by signals. With a symmetry only the programs of
/// its representatives are looked at. REQUIRES: the signals match (verify()).
Cast cast_of(const Schedule& schedule, const Symmetry& symmetry);

}  // namespace tutti
