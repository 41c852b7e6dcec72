// Waits for a line by polling this rank's own window. Tested by transport_test.cc.

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

bool spin(const Line& line, std::uint64_t flag) {
  for (int i = 0; i < kSpins; ++i) {
    if (line.flag.load(std::memory_order_acquire) == flag) return true;
    pause();
  }
  return false;
}

Status timed_out(int peer, std::size_t offset, std::uint64_t flag, const Line& line) {
  const std::uint64_t seen = line.flag.load(std::memory_order_relaxed);
  return {Code::kTimeout, "no signal from rank " + std::to_string(peer) +
                              " before the deadline: line at " + std::to_string(offset) +
                              " shows " + std::to_string(seen) + ", expected " +
                              std::to_string(flag)};
}

}  // namespace

Status wait(Transport& transport, int peer, std::size_t offset, std::uint64_t flag,
            Clock::time_point deadline) {
  TUTTI_CHECK(offset % kLineBytes == 0 && offset + kLineBytes <= transport.window().size(),
              "offset %zu", offset);
  // Lines live in zeroed bytes that transports fill; Line has no other invariant than that.
  const Line& line = *reinterpret_cast<const Line*>(transport.window().data() + offset);
  if (spin(line, flag)) return {};

  const Clock::time_point start = Clock::now();
  Clock::time_point next_check = start + kCheckInterval;
  while (line.flag.load(std::memory_order_acquire) != flag) {
    const Clock::time_point now = Clock::now();
    if (now >= deadline) return timed_out(peer, offset, flag, line);
    if (now >= next_check) {
      Status alive = transport.check(peer);
      // A peer may signal and end: what it sent before still counts.
      if (!alive.ok() && line.flag.load(std::memory_order_acquire) != flag) return alive;
      next_check = now + kCheckInterval;
    }
    if (now - start < kYieldTime) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::min<Clock::duration>(kSleep, deadline - now));
    }
  }
  return {};
}

}  // namespace tutti
