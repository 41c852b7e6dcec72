// Waits for a line by polling this rank's own window, or for sources of puts to become free.
//
// Tested by transport_test.cc.

#include <algorithm>
#include <thread>

#include "base/check.h"
#include "transports/transport.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

// A signal that is on its way comes within a few microseconds; beyond that the peer is working, or
// needs this core.
constexpr int kSpins = 64;
constexpr auto kYieldTime = std::chrono::milliseconds(5);
constexpr auto kSleep = std::chrono::microseconds(50);
constexpr auto kCheckInterval = std::chrono::milliseconds(50);

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

Status timed_out(int peer, std::size_t offset, std::uint64_t flag, const Line& line) {
  const std::uint64_t seen = line.flag.load(std::memory_order_relaxed);
  return {Code::kTimeout, "no signal from rank " + std::to_string(peer) +
                              " before the deadline: line at " + std::to_string(offset) +
                              " shows " + std::to_string(seen) + ", expected " +
                              std::to_string(flag)};
}

// Spins, then yields, then sleeps until `done`. kPeerLost from check(), or kTimeout.
template <class Done>
Status wait_until(Transport& transport, int peer, Clock::time_point deadline, Done done) {
  for (int i = 0; i < kSpins; ++i) {
    if (done()) return {};
    transport.progress();
    pause();
  }
  const Clock::time_point start = Clock::now();
  Clock::time_point next_check = start + kCheckInterval;
  while (!done()) {
    const Clock::time_point now = Clock::now();
    if (now >= deadline) return Status(Code::kTimeout, "");
    if (now >= next_check) {
      Status alive = transport.check(peer);
      // A peer may signal and end: what it sent before still counts.
      while (transport.progress()) {
      }
      if (!alive.ok() && !done()) return alive;
      next_check = now + kCheckInterval;
    }
    if (transport.progress()) continue;
    if (now - start < kYieldTime) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::min<Clock::duration>(kSleep, deadline - now));
    }
  }
  return {};
}

}  // namespace

Status wait(Transport& transport, int peer, std::size_t offset, std::uint64_t flag,
            Clock::time_point deadline) {
  TUTTI_CHECK(offset % kLineBytes == 0 && offset + kLineBytes <= transport.window().size(),
              "offset %zu", offset);
  // Lines live in zeroed bytes that transports fill; Line has no other invariant than that.
  const Line& line = *reinterpret_cast<const Line*>(transport.window().data() + offset);
  Status status = wait_until(transport, peer, deadline,
                             [&] { return line.flag.load(std::memory_order_acquire) == flag; });
  return status.code() == Code::kTimeout ? timed_out(peer, offset, flag, line) : status;
}

Status flush(Transport& transport, int peer, Clock::time_point deadline) {
  const std::uint64_t puts = transport.puts(peer);
  Status status =
      wait_until(transport, peer, deadline, [&] { return transport.flushed(peer, puts); });
  if (status.code() != Code::kTimeout) return status;
  return {Code::kTimeout, "puts to rank " + std::to_string(peer) + " have not left in time"};
}

}  // namespace tutti
