// The shared memory and the counters of one ordered stream of calls.
//
// A communicator has one for its collectives, and one per ordered pair of ranks that exchange
// messages. Blocks are numbered through all calls of the stream: the number is the flag of the
// block's signals, so nothing is ever reset.

#pragma once

#include <cstdint>
#include <vector>

#include "executor/window.h"
#include "plan/cut.h"
#include "plan/ring_memory.h"

namespace tutti {

struct Arena {
  std::size_t lines_at = 0;  // offsets in every window
  std::size_t scratch_at = 0;
  std::size_t completed_at = 0;  // of the atomic that peers read
  std::size_t credits_at = 0;    // of the lines that peers who cannot read it are sent
  RingMemory lines{0, 1};
  RingMemory scratch{0, 1};

  std::uint64_t sequence = 0;  // calls entered
  std::uint64_t chain = 0;     // digest of all of them
  std::uint64_t meetings = 0;  // calls that asked where buffers are
  std::uint64_t next_block = 1;
  std::uint64_t completed = 0;                // blocks finished here
  std::vector<std::uint64_t> granted;         // credit sent, per rank of the plan, where not mapped
  std::vector<std::uint64_t> peer_completed;  // as last seen, per rank of the plan

  static Arena collectives(const WindowLayout& layout) {
    Arena arena;
    arena.lines_at = layout.lines;
    arena.scratch_at = layout.scratch;
    arena.completed_at = offsetof(Control, completed);
    arena.credits_at = layout.credit(0);
    arena.lines = RingMemory(layout.line_bytes, kLineBytes);
    arena.scratch = RingMemory(layout.scratch_bytes, kScratchAlignment);
    arena.granted.resize(layout.ranks);
    arena.peer_completed.resize(layout.ranks);
    return arena;
  }

  /// Messages from `sender` to one receiver, in the receiver's window.
  static Arena messages(const WindowLayout& layout, int sender) {
    Arena arena;
    const std::size_t inbox = layout.inbox(sender);
    arena.completed_at = inbox;
    arena.lines_at = inbox + sizeof(InboxHeader);
    arena.scratch_at = arena.lines_at + WindowLayout::kInboxLines;
    arena.credits_at = layout.message_credit(0);
    arena.lines = RingMemory(WindowLayout::kInboxLines, kLineBytes);
    arena.scratch =
        RingMemory(WindowLayout::kInboxBytes - WindowLayout::kInboxLines - sizeof(InboxHeader),
                   kScratchAlignment);
    arena.granted.resize(2);
    arena.peer_completed.resize(2);
    return arena;
  }
};

}  // namespace tutti
