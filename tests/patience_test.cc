// Tests src/executor/cpu/patience.h: waiting is eager at first, and cheap when it lasts.
// ROOMS: executor
// TIER: fast

#include "executor/cpu/patience.h"

#include <gtest/gtest.h>
#include <time.h>

namespace tutti {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::chrono::nanoseconds processor_time() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// How often pause() said that it is time to look around.
int pause_for(Patience& patience, std::chrono::milliseconds duration) {
  int looks = 0;
  for (const Clock::time_point end = Clock::now() + duration; Clock::now() < end;) {
    looks += patience.pause();
  }
  return looks;
}

TEST(Patience, ALongWaitCostsLittle) {
  Patience patience(/*spins=*/2);
  pause_for(patience, 300ms);  // eager so long
  const std::chrono::nanoseconds before = processor_time();
  pause_for(patience, 400ms);
  EXPECT_LT(processor_time() - before, 200ms);
}

TEST(Patience, LooksAroundEveryFewMilliseconds) {
  for (const bool late : {false, true}) {
    int looks = 0;
    // Others may have the processor meanwhile: once is enough.
    for (int trial = 0; trial < 5 && looks < 5; ++trial) {
      Patience patience(/*spins=*/2);
      if (late) pause_for(patience, 300ms);  // eager so long
      looks = pause_for(patience, 250ms);
      EXPECT_LE(looks, 130) << late;
    }
    EXPECT_GE(looks, 5) << late;
  }
}

TEST(Patience, ShortWaitsDoNotLookAtTheClock) {
  Patience patience(/*spins=*/1000);
  for (int wait = 0; wait < 1000; ++wait) {
    for (int i = 0; i < 900; ++i) ASSERT_FALSE(patience.pause());
    patience.reset();
  }
}

TEST(Patience, IsEagerAgainOnceSomethingMoved) {
  Patience patience(/*spins=*/2);
  pause_for(patience, 400ms);
  patience.reset();
  // A nap takes 200 microseconds at least.
  const Clock::time_point start = Clock::now();
  Clock::duration shortest = 1h;
  for (int i = 0; i < 20; ++i) {
    const Clock::time_point before = Clock::now();
    patience.pause();
    shortest = std::min<Clock::duration>(shortest, Clock::now() - before);
  }
  EXPECT_LT(shortest, 100us) << (Clock::now() - start).count();
}

}  // namespace
}  // namespace tutti
