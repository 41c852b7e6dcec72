// How a stream visits a thread of the host: it comes with a group of calls, and waits for the
// answer. Groups are numbers.
//
// A kernel of one thread comes: it takes the next ticket, and writes the group into the ticket's
// slot of a queue in memory of the host, once the host has read what was there before. Another one
// waits, and meanwhile makes the host's copies (porters.h). What counts lies in memory of the
// device, so a graph may repeat both: the host sees one more arrival of the same group. Where
// kernels must not wait, the stream itself comes and waits, by numbers that are given when it is
// told to (communicator/device_visits.h).
//
// The host answers sooner or later, for all that it does has a deadline; what could end that is
// that its thread stands still. Kernels look whether its pulse beats, and give up when it has not
// for as long as a call may take.
//
// Tested by proxy_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/flags.h"
#include "executor/cuda/porters.h"

namespace tutti::cuda {

inline constexpr std::uint32_t kVisitGroups = 1 << 16;
inline constexpr std::uint32_t kIssuedGroups = 4096;  // the first: made in the order of their issue
inline constexpr std::uint32_t kArrivalSlots = 256;

/// In memory of the host that both sides reach. Numbers only grow, and wrap.
struct VisitBook {
  // By the host.
  std::uint32_t stop = 0;  // nobody waits any more
  std::uint32_t read = 0;  // arrivals so far
  alignas(64) std::uint32_t pulse = 0;
  // By kernels: 1 once one has given up.
  alignas(64) std::uint32_t gave_up = 0;
  struct Arrival {
    std::uint32_t group;
    std::uint32_t ticket;  // stored last, with release; the first ticket is 1
  };
  alignas(64) Arrival arrivals[kArrivalSlots] = {};
  std::uint32_t came[kIssuedGroups] = {};     // of streams that come without a kernel
  std::uint32_t answered[kVisitGroups] = {};  // visits of the group, by the host
  std::uint32_t passed[kVisitGroups] = {};    // visits that have seen their answer
  PorterLine lines[kPorterLines];             // of the blocks that wait
};

/// In memory of the device.
struct VisitCounters {
  std::uint32_t tickets;
  std::uint32_t visits[kVisitGroups];  // of the group; a graph is not replayed beside itself
  std::uint32_t left[kVisitGroups];    // blocks that have seen the group's answer
  PorterPlaces porters;
};

/// The parameter of both kernels.
struct Visit {
  VisitBook* book = nullptr;
  VisitCounters* counters = nullptr;
  std::uint64_t patience_ns = 0;  // without a beat of the pulse
  std::uint32_t group = 0;
};

/// Waits until has_come() answers true. False when there is nothing to wait for any longer.
template <class HasCome>
TUTTI_DEVICE bool wait_for_host(const Block& block, const Visit& visit, HasCome has_come) {
  constexpr std::uint32_t kPollsPerLook = 128;
  VisitBook& book = *visit.book;
  std::uint32_t pulse = 0;
  std::uint64_t beat_at = 0;
  TUTTI_LOOP
  for (std::uint32_t polls = 1;; ++polls) {
    if (has_come()) return true;
    block.pause();
    if (polls % kPollsPerLook != 0) continue;
    // Acquire: pairs with the host's release, after copies of calls that have failed have ended.
    if (load_acquire(&book.stop) != 0) return false;
    const std::uint32_t pulse_now = load_relaxed(&book.pulse);
    const std::uint64_t now = block.now();
    if (beat_at == 0 || pulse_now != pulse) beat_at = now;
    pulse = pulse_now;
    if (now - beat_at < visit.patience_ns) continue;
    store_release(&book.gave_up, 1);
    return false;
  }
}

TUTTI_DEVICE void come(const Block& block, const Visit& visit) {
  if (block.thread() != 0) return;
  VisitBook& book = *visit.book;
  ++visit.counters->visits[visit.group];  // for the kernel that waits, later in the stream
  const std::uint32_t ticket = count_up(&visit.counters->tickets) + 1;
  const auto is_free = [&] {
    // Acquire: pairs with the host's release, after it has read the slot.
    return has_reached(load_acquire(&book.read), ticket - kArrivalSlots);
  };
  if (!wait_for_host(block, visit, is_free)) return;
  VisitBook::Arrival& arrival = book.arrivals[ticket % kArrivalSlots];
  arrival.group = visit.group;
  store_release(&arrival.ticket, ticket);  // pairs with the host's acquire
}

/// Of one block, with a line of orders. Until the answer is there, or nothing to wait for.
class Wait {
 public:
  TUTTI_DEVICE Wait(const Block& block, const Visit& visit)
      : block_(block),
        visit_(visit),
        visits_(visit.counters->visits[visit.group]),
        porter_(visit.book->lines[block.index()], visit.counters->porters.taken[block.index()]) {}

  TUTTI_DEVICE void run() {
    TUTTI_SHARED(CopyOrder, order);  // of no bytes: there is no more to do
    TUTTI_LOOP
    while (true) {
      if (block_.thread() == 0) order = next();
      block_.meet();
      const CopyOrder mine = order;
      if (mine.bytes == 0) break;
      make_copy(block_, mine);
      block_.meet();  // the order has been read, and the copy is made
      if (block_.thread() == 0) porter_.make_known();
    }
    if (block_.thread() == 0) leave();
  }

 private:
  TUTTI_DEVICE CopyOrder next() {
    const auto is_answered = [&] {
      // Acquire: pairs with the host's release, after the group's results are there.
      return has_reached(load_acquire(&visit_.book->answered[visit_.group]), visits_);
    };
    bool has_order = false;
    const auto has_come = [&] {
      if (is_answered()) return true;
      has_order = porter_.has_order();
      return has_order;
    };
    if (!wait_for_host(block_, visit_, has_come) || !has_order) return {};
    return porter_.order();
  }
  // The last block tells the host: the group's number may be used again.
  TUTTI_DEVICE void leave() {
    porter_.leave();
    const std::uint32_t left = count_end(&visit_.counters->left[visit_.group]) + 1;
    if (left == visits_ * kPorterLines) store_release(&visit_.book->passed[visit_.group], visits_);
  }

  const Block& block_;
  const Visit& visit_;
  const std::uint32_t visits_;
  Porter porter_;  // of thread 0
};

TUTTI_DEVICE void wait_for_answer(const Block& block, const Visit& visit) {
  Wait(block, visit).run();
}

}  // namespace tutti::cuda
