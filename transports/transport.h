// Moves bytes between the ranks of one communicator.
//
// Every rank owns a window: memory of the same size and layout on all ranks, that peers may put
// into. A signal is one cache line delivered into a window: a flag, and up to 48 bytes of payload
// that travel with it. The executor is the only caller. It relies on three promises:
//
//   Order       A signal takes effect after all puts and signals that its rank issued before it to
//               the same peer.
//   Visibility  A rank that reads a line's flag with acquire order and finds the value signalled
//               can read the line's payload and the bytes of every put issued before it.
//   Progress    Puts and signals complete without any call on the peer.
//
// Waiting is therefore polling one's own memory, the same for every transport; whoever polls calls
// progress() in between, which is faster than leaving everything to a thread of the transport.
// Flags only ever grow, so nothing is reset and no line is reused before its reader is known to be
// done: the executor's credits see to that.
//
// A window can have an annex: memory of a device, which the processor may not reach. Offsets from
// the window's size on are in it. What peers put there is memory of their devices; a rank that has
// seen the signal after it, and flushed its device (Device::flush_network_writes()), finds it
// there.
//
// What is lost on the way is not an error of the call that sent it: check() knows.
//
// One thread at a time per transport. Implementations pass tests/transport_test.cc.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "base/line.h"
#include "base/memory_kind.h"
#include "tutti/status.h"

namespace tutti {

/// One signal as it lies in a window.
struct alignas(kLineBytes) Line {
  std::atomic<std::uint64_t> flag{
      0};                       // written last, with release; pairs with the waiter's acquire
  std::uint32_t signature = 0;  // what call the sender thinks this belongs to
  std::uint32_t bytes = 0;      // payload in use
  std::byte payload[kInlineBytes] = {};
};
static_assert(sizeof(Line) == kLineBytes);

/// What signal() delivers.
struct Signal {
  std::uint64_t flag = 0;
  std::uint32_t signature = 0;
  std::span<const std::byte> payload;  // at most kInlineBytes
};

/// Makes a line show the signal.
inline void show(Line& line, const Signal& signal) {
  if (!signal.payload.empty()) {
    std::memcpy(line.payload, signal.payload.data(), signal.payload.size());
  }
  line.signature = signal.signature;
  line.bytes = static_cast<std::uint32_t>(signal.payload.size());
  // Release: after all that this thread has stored. Pairs with the acquire of whoever polls.
  line.flag.store(signal.flag, std::memory_order_release);
}

/// Whether memory of a kind can be put from and into as it is.
struct DirectPuts {
  Status possible;    // OK, or why not
  Status worthwhile;  // OK where no processor copies it on the way; or why one does
};

/// Uses data where it arrives instead of at its place in the window: one copy less.
class Taker {
 public:
  virtual ~Taker() = default;

  /// Data that a peer put to `offset`, and the signal that came with it for the line at
  /// `line_offset`. Everything issued before has come. True: the data was used, and does not go to
  /// the window. Must not call the transport.
  virtual bool take(std::size_t offset, std::span<const std::byte> data, std::size_t line_offset,
                    const Signal& signal) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  /// This rank's own window, zeroed at creation. Page-aligned.
  virtual std::span<std::byte> window() = 0;

  /// The peer's window as memory that this rank can load and store, or nullptr. Whoever writes
  /// through it keeps the promises above itself. map(rank()) is window().data().
  virtual std::byte* map(int peer) = 0;

  /// About annexes to windows, between hosts.
  virtual DirectPuts direct_puts(MemoryKind /*kind*/) const {
    const Status none(Code::kNotSupported, "no network between hosts is used");
    return {none, none};
  }
  /// Gives this rank's window its annex, which outlives the transport. Every rank does, with memory
  /// of one size and kind, before any puts there. REQUIRES: direct_puts(kind).possible.
  virtual void add_annex(std::span<std::byte> /*memory*/, MemoryKind /*kind*/) {}

  /// Copies `source` to `offset` in the peer's window, or its annex. Returns at once; `source` must
  /// stay unchanged until it is flushed() or until the peer has answered. REQUIRES: peer != rank(),
  /// the target lies in the window.
  virtual Status put(int peer, std::span<const std::byte> source, std::size_t offset) = 0;

  /// Delivers a line at `offset` in the peer's window, after all earlier puts to that peer.
  /// REQUIRES: offset is a multiple of kLineBytes, payload.size() <= kInlineBytes.
  virtual Status signal(int peer, std::size_t offset, const Signal& signal) = 0;

  /// Does what is due and never blocks: sends what waits, takes in what has come, offering it to
  /// the taker if there is one. True when something moved. Nothing to do where puts and signals are
  /// done when they return.
  virtual bool progress(Taker* /*taker*/) { return false; }
  bool progress() { return progress(nullptr); }

  /// Only the sending: what was issued may otherwise wait for company until progress().
  virtual void send_waiting() {}

  /// How many puts to the peer were issued, and whether the sources of the first `puts` of them may
  /// be changed. Never blocks; progress() gets it there. Puts that are done when they return need
  /// not be counted.
  virtual std::uint64_t puts(int /*peer*/) { return 0; }
  virtual bool flushed(int /*peer*/, std::uint64_t /*puts*/) { return true; }

  /// Gives up what has not left yet for the peer: afterwards no source of a put to it is read any
  /// more. For peers that are lost: what was put to them may arrive in part, or not at all.
  virtual void cancel(int /*peer*/) {}

  /// OK while the peer lives, kPeerLost (naming it) when it is known to have ended or to be out of
  /// reach. May make a system call.
  virtual Status check(int peer) = 0;

  /// Whether the peer is known to have left in good order: a wait for it would be in vain. Where
  /// its window is mapped, what is written there tells more.
  virtual bool departed(int /*peer*/) { return false; }

  /// How bytes get to the peer, for people: "shm", "ucx (tcp on e0)".
  virtual std::string path(int peer) const = 0;
};

/// Waits until the line at `offset` of this rank's window shows `flag` (exactly) from `peer`, who
/// is checked for life while waiting. kTimeout names the peer. Spins, then yields.
Status wait(Transport& transport, int peer, std::size_t offset, std::uint64_t flag,
            std::chrono::steady_clock::time_point deadline);

/// Waits until all puts to the peer are flushed. kPeerLost or kTimeout names the peer.
Status flush(Transport& transport, int peer, std::chrono::steady_clock::time_point deadline);

}  // namespace tutti
