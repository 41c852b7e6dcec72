// Makes a schedule of all ranks from schedules of some of them.
//
// Parts are added to phases. The parts of a phase run side by side: a rank takes their steps in the
// order of how many messages must have come before, so that no part waits for another, and all that
// needs no message is under way first. Phases follow each other in each rank's program; nobody
// waits for others between them.

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "schedule/schedule.h"

namespace tutti {

class Composer {
 public:
  /// Where the input and output chunks of a part's members lie in the whole, for the member that
  /// has them; or nowhere. What would move a chunk that lies nowhere is left out.
  using Place = std::function<std::optional<Chunk>(int member, Chunk chunk)>;

  Composer(Collective collective, int ranks, int chunks, int root = 0)
      : whole_(collective, ranks, chunks, /*scratch_chunks=*/0, root),
        phase_(ranks),
        reserved_(ranks, 0) {}

  /// A scratch chunk of `rank` that no part uses unless it is placed there.
  Chunk reserve(int rank) { return scratch(reserved_[rank]++); }

  /// Adds a part to the phase: its member m is the rank ranks[m]. It gets scratch of its own. A
  /// chunk may be placed where another of the part is if the part is right in place in that way.
  /// REQUIRES: verify(part) == "", and the ranks differ.
  void add(const Schedule& part, const std::vector<int>& ranks, const Place& place);

  /// What is added from now on comes after all that was added before.
  void next_phase();

  /// REQUIRES: not called before.
  Schedule finish();

 private:
  friend class Embedding;

  struct Pending {
    int depth;  // messages of its part that come before it
    int turn;   // parts that end or begin at the next rank go first, so that no rank is crowded
    Step step;  // with the number of the message for its channel
  };

  // Gives the messages between two ranks as few channels as let each be taken in its turn.
  void assign_channels();

  Schedule whole_;
  std::vector<std::vector<Pending>> phase_;  // by rank
  std::vector<int> reserved_;                // by rank
  int messages_ = 0;
};

/// Every member's input at one place, and its output at another.
inline Composer::Place places(Chunk in, Chunk out) {
  return [=](int, Chunk chunk) { return chunk.space == Space::kInput ? in : out; };
}

}  // namespace tutti
