// The test transport is as bad as it says, and its faults fail what they should.
//
// ROOMS: inproc
// TIER: fast

#include "transports/inproc/inproc.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "transports/inproc/courier.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

Signal flag(std::uint64_t value) { return {.flag = value, .signature = 0, .payload = {}}; }

// A schedule that changes a source before it is flushed must not pass by luck.
TEST(Inproc, RacesWithWhoChangesAPutsSourceBeforeItDelivers) {
  constexpr int kPuts = 20;
  std::vector<std::byte> sources(kPuts, std::byte{1});
  const auto ranks = make_inproc_transports(2, 4096, {.max_delay = 20ms});
  for (int i = 0; i < kPuts; ++i) {
    ASSERT_TRUE(ranks[0]->put(1, std::span(&sources[i], 1), kLineBytes + i).ok());
  }
  ASSERT_TRUE(ranks[0]->signal(1, 0, flag(1)).ok());
  std::fill(sources.begin(), sources.end(), std::byte{2});  // too early: this is the mistake
  ASSERT_TRUE(wait(*ranks[1], 0, 0, 1, Clock::now() + 10s).ok());
  const auto arrived = ranks[1]->window().subspan(kLineBytes, kPuts);
  EXPECT_GT(std::count(arrived.begin(), arrived.end(), std::byte{2}), 0);
}

// Order holds for each peer, and must not be relied on between peers.
TEST(Inproc, DeliversToOnePeerInOrderAndBetweenPeersInAny) {
  constexpr int kParcels = 200;
  std::vector<int> order;  // of the courier's thread, and ours once it is joined
  {
    Courier courier(2, 500us, /*seed=*/3);
    for (int i = 0; i < kParcels; ++i) courier.send(i % 2, [&order, i] { order.push_back(i); });
    while (courier.delivered(0) + courier.delivered(1) < kParcels) std::this_thread::yield();
    EXPECT_EQ(courier.sent(0), courier.delivered(0));
  }
  std::vector<int> even, odd;
  for (const int i : order) (i % 2 ? odd : even).push_back(i);
  EXPECT_TRUE(std::is_sorted(even.begin(), even.end()));
  EXPECT_TRUE(std::is_sorted(odd.begin(), odd.end()));
  EXPECT_EQ(even.size() + odd.size(), static_cast<std::size_t>(kParcels));
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
}

TEST(Inproc, ACancelledPutIsNotReadAnyMore) {
  const auto ranks = make_inproc_transports(2, 4096, {.max_delay = 10s});
  auto source = std::make_unique<std::byte>(std::byte{1});
  ASSERT_TRUE(ranks[0]->put(1, std::span(source.get(), 1), kLineBytes).ok());
  EXPECT_FALSE(ranks[0]->flushed(1, ranks[0]->puts(1)));
  ranks[0]->cancel(1);
  source.reset();
  EXPECT_TRUE(ranks[0]->flushed(1, ranks[0]->puts(1)));
  EXPECT_EQ(ranks[1]->window()[kLineBytes], std::byte{0});
}

TEST(Inproc, IsUnmappedUnlessAskedFor) {
  const auto far = make_inproc_transports(2, 4096, {});
  EXPECT_EQ(far[0]->map(1), nullptr);
  EXPECT_EQ(far[0]->map(0), far[0]->window().data());
  const auto near = make_inproc_transports(2, 4096, {.mapped = true});
  EXPECT_EQ(near[0]->map(1), near[1]->window().data());
}

TEST(Inproc, DestroyingATransportDeliversWhatIsLeft) {
  auto ranks = make_inproc_transports(2, 4096, {.max_delay = 10s});
  ASSERT_TRUE(ranks[0]->signal(1, 0, flag(1)).ok());
  const auto start = Clock::now();
  ranks[0].reset();
  EXPECT_LT(Clock::now() - start, 5s);
  EXPECT_TRUE(wait(*ranks[1], 0, 0, 1, Clock::now() + 1s).ok());
}

TEST(Inproc, ACutLinkDropsEverythingInItsDirectionOnly) {
  for (const bool mapped : {false, true}) {
    InprocFaults faults;
    const auto ranks = make_inproc_transports(3, 4096, {.mapped = mapped, .faults = &faults});
    faults.cut(0, 1);
    ASSERT_TRUE(ranks[0]->signal(1, 0, flag(1)).ok());
    ASSERT_TRUE(ranks[0]->signal(2, 0, flag(1)).ok());
    ASSERT_TRUE(ranks[1]->signal(0, 0, flag(1)).ok());
    EXPECT_TRUE(flush(*ranks[0], 1, Clock::now() + 10s).ok());
    EXPECT_TRUE(wait(*ranks[2], 0, 0, 1, Clock::now() + 10s).ok());
    EXPECT_TRUE(wait(*ranks[0], 1, 0, 1, Clock::now() + 10s).ok());
    EXPECT_EQ(wait(*ranks[1], 0, 0, 1, Clock::now() + 100ms).code(), Code::kTimeout);
    EXPECT_TRUE(ranks[1]->check(0).ok());  // a cut link looks like a silent peer
  }
}

TEST(Inproc, AKilledRankIsLostAndItsDeliveriesStop) {
  InprocFaults faults;
  const auto ranks = make_inproc_transports(2, 4096, {.max_delay = 100ms, .faults = &faults});
  EXPECT_TRUE(ranks[1]->check(0).ok());
  faults.kill(0);
  ASSERT_TRUE(ranks[0]->signal(1, 0, flag(1)).ok());
  EXPECT_EQ(ranks[1]->check(0).code(), Code::kPeerLost);
  EXPECT_EQ(wait(*ranks[1], 0, 0, 1, Clock::now() + 10s).code(), Code::kPeerLost);
}

}  // namespace
}  // namespace tutti
