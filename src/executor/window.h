// What lies where in a rank's window, and what ranks tell each other through it.
//
//   control    completion, failure, and the records of this rank's latest calls
//   credits    lines per peer whose memory this rank cannot read: how far it got, that it gave up,
//              that it shrinks the communicator
//   reasons    per such peer: why it gave up
//   invitations  per such peer: whom it wants in a shrunk communicator
//   lines      the ring of signal lines of collectives
//   scratch    the ring of scratch memory of collectives
//   inboxes    per sender: the same three things for point-to-point messages from it
//   heap       Communicator::allocate
//
// Windows are address space; pages exist once touched. Inboxes of peers never heard of cost
// nothing.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "plan/cut.h"
#include "transports/transport.h"

namespace tutti {

/// A call as its rank announced it. Words are atomics because peers look while it changes.
struct alignas(64) Record {
  std::atomic<std::uint64_t> sequence{0};  // written last; 0: never used
  std::atomic<std::uint64_t> chain{0};     // digest of this call and all before it
  std::atomic<std::uint64_t> what{0};      // packed collective, type, reduction, flags, root
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> detail{0};           // digest of what the words above do not hold
  std::atomic<std::int64_t> waiting_since_ns{0};  // steady clock; 0 until the call waits for long
};
static_assert(sizeof(Record) == 64);

/// Where a rank's buffers are, in a call that asks every rank for that. Two of them take turns: who
/// enters such a call has met everybody in the one before, so nobody needs the one before that.
struct alignas(64) BufferRecord {
  std::atomic<std::uint64_t> sequence{0};  // of the call; written last
  std::atomic<std::uint64_t> chain{0};
  std::atomic<std::uint64_t> input{0};  // offset in the window plus 1; 0: not in it
  std::atomic<std::uint64_t> output{0};
};

inline constexpr int kRecords = 32;
inline constexpr std::size_t kFailureText = 704;
inline constexpr int kMostShrinkRanks = 2048;

/// Where survivors meet, and who they are.
struct ShrinkInvitation {
  std::byte id[128] = {};
  std::uint64_t members[kMostShrinkRanks / 64] = {};  // a bit each
};

/// First page of a window.
struct Control {
  alignas(64) std::atomic<std::uint64_t> completed{0};  // blocks of collectives finished
  alignas(64) std::atomic<std::uint64_t> failure{0};    // not 0: a rank gave up; see executor.cc
  alignas(64) std::atomic<std::uint64_t> sequence{0};   // newest call entered
  std::atomic<std::uint64_t> finished{0};               // newest call ended
  std::atomic<std::int64_t> pid{0};
  std::atomic<std::uint64_t> departed{0};  // 1: its communicator is destroyed
  std::atomic<std::uint64_t> shrink{0};    // see communicator/split.cc
  alignas(64) Record records[kRecords];
  BufferRecord meetings[2];
  alignas(64) std::atomic<std::uint64_t> text_ready{0};
  char text[kFailureText];  // why this rank gave up
  alignas(64) ShrinkInvitation invitation;
};

struct InboxHeader {
  alignas(64) std::atomic<std::uint64_t> completed{0};
};

/// Offsets, equal on all ranks.
struct WindowLayout {
  static constexpr std::size_t kInboxLines = kMessageLines * kLineBytes;
  static constexpr std::size_t kInboxBytes = kInboxLines + kMessageBytes;
  static constexpr std::size_t kPage = 4096;

  int ranks = 1;
  std::size_t credits = 0;
  std::size_t reasons = 0;
  std::size_t invitations = 0;
  std::size_t lines = 0;
  std::size_t line_bytes = 0;
  std::size_t scratch = 0;
  std::size_t scratch_bytes = 0;
  std::size_t inboxes = 0;
  std::size_t heap = 0;
  std::size_t heap_bytes = 0;
  std::size_t total = 0;

  WindowLayout() = default;
  WindowLayout(int ranks, std::size_t scratch_bytes, std::size_t heap_bytes);

  std::size_t credit(int peer) const { return credits + peer * kLineBytes; }
  std::size_t message_credit(int peer) const { return credit(ranks + peer); }
  std::size_t failure_notice(int peer) const { return credit(2 * ranks + peer); }
  std::size_t failure_reason(int peer) const { return reasons + peer * kFailureText; }
  std::size_t shrink_line(int peer) const { return credit(3 * ranks + peer); }
  std::size_t shrink_invitation(int peer) const {
    return invitations + peer * sizeof(ShrinkInvitation);
  }
  std::size_t inbox(int sender) const { return inboxes + sender * kInboxBytes; }

  bool operator==(const WindowLayout&) const = default;
};

}  // namespace tutti
