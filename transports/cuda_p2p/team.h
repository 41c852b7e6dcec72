// What kernels know of the ranks that they work with: a structure passed by value, and memory that
// it points into.
//
// Every rank has a board: memory of its device that all ranks of the host reach, laid out alike.
// Block b of a kernel talks to blocks b of its peers only, through flags of its own; so blocks need
// not wait for each other, and ranks that make the same calls with the same number of blocks agree
// on every number below.
//
//   announced  [block][turn][rank]  which call the rank has come with (roll_call.h)
//   meetings   [block][rank]  how often `rank` has met this rank: a number that only grows
//   places     [block][rank]  where the rank's input and output are, in this call
//   packets    [turn][rank]    small messages, whose words carry their own flags (one_shot.h)
//   lines      [block][line]  signals of the interpreter (interpreter.h)
//   scratch                    the rest
//
// A place is a number: which of the rank's shared allocations, and the offset in it. Each rank has
// a table of where it sees them: the same address for threads of a process, another for processes.

#pragma once

#include <cstddef>
#include <cstdint>

namespace tutti::cuda {

inline constexpr int kMostRanks = 16;   // of a host, on this path
inline constexpr int kMostBlocks = 64;  // of a kernel
inline constexpr int kMostThreads = 512;
inline constexpr int kMostShared = 4096;   // allocations of a rank that peers may know
inline constexpr int kMostSignals = 1024;  // of a plan
inline constexpr std::size_t kLeastMulticastBytes = 2 * kMostBlocks * 128;  // lines of 128 bytes
inline constexpr std::size_t kPacketBytes = 64 << 10;  // payload of a rank in a turn

/// Where a buffer is: in the upper 16 bits the number of the allocation, in the others the offset.
/// Number 0 is the whole address space of the process, so that any address is a place for threads
/// of one process; number 1 is the board.
using Place = std::uint64_t;
inline constexpr int kPlaceShift = 48;
inline constexpr std::uint64_t kAddressSpace = 0;
inline constexpr std::uint64_t kOwnBoard = 1;

struct Places {
  Place input = 0;
  Place output = 0;
};

/// Two words that each carry their own flag: 32 bits of payload, and above them the flag
/// (executor/cuda/flags.h).
struct alignas(16) Packet {
  std::uint64_t words[2];
};

/// The first part of a board.
struct Board {
  Packet announced[kMostBlocks][2][kMostRanks];
  std::uint32_t meetings[kMostBlocks][kMostRanks];
  Places places[kMostBlocks][kMostRanks];
  std::uint32_t lines[kMostBlocks][kMostSignals];
  // Counters of the board's own rank, one a block: calls so far, meetings, packets, lines.
  // In memory of the device, because a graph replays a kernel with the arguments it was recorded
  // with.
  struct Counters {
    std::uint32_t calls;
    std::uint32_t meetings;
    std::uint32_t packets;
    std::uint32_t rounds;
    std::uint32_t engine;  // what is copied into peers' flags (executor/cuda/engine.h)
  };
  Counters counters[kMostBlocks];
  std::uint32_t gave_up;  // 1 once block 0 has not found all peers in the same call
};

/// What went wrong in a kernel, in memory of the host that both sides reach. The first one stays.
/// And how far streams are.
struct Trouble {
  std::uint32_t stop = 0;     // set by the host: kernels that wait give up (abort)
  std::uint32_t claimed = 0;  // by the first block that failed
  std::uint32_t code = 0;     // TroubleCode; stored last, with release
  std::int32_t peer = -1;     // who did not come, or came with another call
  std::uint32_t call = 0;     // Team::call of the kernel
  std::uint32_t waited_for = 0;
  std::uint64_t ours = 0;  // Team::word of the kernel, and of the peer's: kMismatch
  std::uint64_t theirs = 0;
  std::uint32_t ended = 0;  // set by streams: Team::call of the last call that has ended
};
enum TroubleCode : std::uint32_t { kNoTrouble = 0, kMissed = 1, kStopped = 2, kMismatch = 3 };

/// After the board: for each of two turns and each rank, the rank's packets: payload and flags.
constexpr std::size_t packet_bytes(int ranks) {
  return std::size_t{2} * static_cast<std::size_t>(ranks) * 2 * kPacketBytes;
}
constexpr std::size_t scratch_offset(int ranks) {
  constexpr std::size_t kAlign = 4096;
  return (sizeof(Board) + packet_bytes(ranks) + kAlign - 1) / kAlign * kAlign;
}

struct Team {
  std::int32_t rank = 0;
  std::int32_t ranks = 1;
  Board* boards[kMostRanks] = {};      // by rank, as this rank sees them
  std::byte* const* shared = nullptr;  // [rank * kMostShared + number]: the base, as seen here
  Trouble* trouble = nullptr;
  std::uint64_t patience_ns = 0;  // before a wait becomes trouble
  std::uint32_t call = 0;         // for messages
  std::uint64_t word = 0;         // what the call is (executor/cuda/call_word.h)
};

}  // namespace tutti::cuda
