// Makes a schedule of all ranks from schedules of some of them.
//
// Parts are added to phases. The parts of a phase run side by side: a rank takes their steps in the
// order of how many messages must have come before, so that no part waits for another, and all that
// needs no message is under way first. Phases follow each other in each rank's program; nobody
// waits for others between them.
//
// Where only some programs are wanted, parts are followed only as far as these ranks and those whom
// they talk to take part: the programs are those that they would be if all were made.

#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "algorithms/group.h"
#include "algorithms/part.h"
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
        reserved_(ranks, 0),
        roles_(ranks, Role::kWanted) {}

  /// Whether anything of a rank is needed to make the programs that are wanted. Parts of other
  /// ranks only need not be added.
  bool needs(int rank) const { return roles_[rank] != Role::kOther; }

  /// A scratch chunk of `rank` that no part uses unless it is placed there.
  Chunk reserve(int rank) { return scratch(reserved_[rank]++); }

  /// Adds a part to the phase: its member m is the rank ranks[m]. It gets scratch of its own. A
  /// chunk may be placed where another of the part is if the part is right in place in that way.
  /// REQUIRES: the ranks differ; where not all programs are wanted, every chunk lies somewhere.
  void add(const Part& part, std::span<const int> ranks, const Place& place);
  void add(const Part& part, const std::vector<int>& ranks, const Place& place) {
    add(part, std::span(ranks), place);
  }

  /// What is added from now on comes after all that was added before.
  void next_phase();

  /// REQUIRES: not called before.
  Schedule finish();

 private:
  friend class Embedding;
  friend Schedule compose(Collective collective, const Group& group, int chunks,
                          const std::function<void(Composer&)>& add_parts);

  // What of a rank is needed. Of the peers of those wanted, it is where their scratch is, and in
  // what order they give and take the messages to and from those wanted.
  enum class Role : std::uint8_t { kOther, kPeer, kWanted };

  struct Pending {
    int depth;  // messages of its part that come before it
    int turn;   // parts that end or begin at the next rank go first, so that no rank is crowded
    Step step;  // with the number of the message for its channel
  };

  Composer(Collective collective, const Group& group, int chunks, const std::vector<int>& peers);
  bool keeps(int rank, const Step& step) const;
  std::vector<int> peers() const;

  // Gives the messages between two ranks as few channels as let each be taken in its turn.
  void assign_channels();

  Schedule whole_;
  std::vector<std::vector<Pending>> phase_;  // by rank
  std::vector<int> reserved_;                // by rank
  std::vector<Role> roles_;                  // by rank
  int messages_ = 0;
};

/// The schedule that `add_parts` makes, but only the programs of the ranks wanted. It is called
/// twice if these are not all: the first time to find out whom they talk to.
/// REQUIRES: no rank needs more scratch than every rank wanted does.
Schedule compose(Collective collective, const Group& group, int chunks,
                 const std::function<void(Composer&)>& add_parts);

/// Every member's input at one place, and its output at another.
inline Composer::Place places(Chunk in, Chunk out) {
  return [=](int, Chunk chunk) { return chunk.space == Space::kInput ? in : out; };
}

}  // namespace tutti
