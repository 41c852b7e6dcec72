// Tests src/communicator/device_proxy.cc, device_visits.cc, device_words.cc, device_staging.cc and
// device_group.cc alone: a rank whose calls copy their input to their output. Streams come to the
// proxy, and wait for it, by kernels or by themselves.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "communicator/device_proxy.h"
#include "device/thread_device.h"
#include "executor/cuda/visit_kernels.h"
#include "expect_ok.h"

namespace tutti {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{60'000};

// What a communicator of one rank does: all_reduce copies. Takes calls in the order given.
class Copier {
 public:
  Status operator()(CallFeed& feed) {
    while (true) {
      Result<std::optional<FedCall>> next = feed.next();
      if (!next.ok()) return next.status();
      if (next->has_value()) {
        make((*next)->call);
        feed.ended((*next)->number);
      } else if (feed.complete()) {
        ++groups;
        return failure;
      }
    }
  }

  std::atomic<int> groups = 0;
  std::vector<std::size_t> counts;  // of the pieces
  milliseconds stands_still{0};     // in each piece
  Status failure;

 private:
  void make(const Call& call) {
    counts.push_back(call.input.count);
    std::this_thread::sleep_for(stands_still);
    std::memcpy(call.output.data, call.input.data, call.input.bytes());
  }
};

const Status kNoKernels(Code::kNotSupported, "kernels take turns");

ThreadDeviceSettings device_with_kernels() {
  const auto kernels = cuda::visit_thread_kernels();
  ThreadDeviceSettings settings;
  settings.kernels.assign(kernels.begin(), kernels.end());
  return settings;
}

class Proxy : public testing::TestWithParam<bool> {
 protected:
  static bool by_kernels() { return GetParam(); }

  void start(milliseconds timeout = kLong) {
    const StagingLayout layout(1);
    staging_memory_.resize(layout.bytes() + 4096);
    visits_ =
        std::move(*DeviceVisits::create(device_, by_kernels() ? Status() : kNoKernels, timeout));
    staging_ = std::move(*Staging::create(device_, layout, staging_memory_.data(), *visits_));
    proxy_ = std::make_unique<DeviceProxy>(DeviceProxy::Setting{
        .visits = *visits_,
        .staging = *staging_,
        .rank = 0,
        .call_timeout = timeout,
        .run = [this](CallFeed& feed) { return copier_(feed); },
        .look_around =
            [this] { return elsewhere_.load() ? Status(Code::kPeerLost, "lost") : Status(); },
        .on_failure = [this](const Status&) { ++failures_; }});
  }
  void end() {
    proxy_.reset();
    visits_.reset();
    staging_.reset();
  }
  ~Proxy() override { end(); }

  Buffer buffer(std::size_t count, int value) {
    auto* data = reinterpret_cast<int*>(*device_.allocate(std::max<std::size_t>(1, count) * 4));
    std::fill_n(data, count, value);
    return {data, count, DataType::kInt32};
  }
  Status enqueue(const Call& call, Stream stream, bool captured = false) {
    Result<DeviceProxy::Visit> visit = proxy_->begin(stream, captured);
    const StagedCall staged(call);
    return visit.ok() ? proxy_->end(*visit, {&staged, 1}) : visit.status();
  }
  static std::vector<int> values(const Buffer& buffer) {
    const int* data = static_cast<const int*>(buffer.data);
    return {data, data + buffer.count};
  }
  bool eventually(const std::function<bool()>& holds) {
    const auto limit = std::chrono::steady_clock::now() + kLong;
    while (!holds() && std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    return holds();
  }

  /// A graph that holds the call.
  ThreadStream::Recording capture(const Call& call) {
    device_.begin_recording(stream_);
    EXPECT_OK(enqueue(call, stream_, /*captured=*/true));
    return device_.end_recording(stream_);
  }

  ThreadDevice device_{device_with_kernels()};
  Stream stream_ = *device_.make_stream();
  std::vector<std::byte> staging_memory_;
  Copier copier_;
  std::atomic<bool> elsewhere_ = false;
  std::atomic<int> failures_ = 0;
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<DeviceVisits> visits_;
  std::unique_ptr<DeviceProxy> proxy_;
};

TEST_P(Proxy, MakesCallsInTheOrderOfAStream) {
  start();
  const Buffer a = buffer(1000, 1), b = buffer(1000, 2), c = buffer(1000, 3);
  ASSERT_OK(enqueue(all_reduce(a, b), stream_));
  ASSERT_OK(enqueue(all_reduce(b, c), stream_));
  ASSERT_OK(device_.synchronize(stream_, kLong));
  EXPECT_EQ(values(c), std::vector<int>(1000, 1));
}

// CUDA may let no stream copy before kernels have ended: where those wait, they copy.
TEST_P(Proxy, NoStreamCopiesWhileKernelsWait) {
  start();
  const Buffer a = buffer(1000, 1), b = buffer(1000, 2);
  ASSERT_OK(enqueue(all_reduce(a, b), stream_));
  ASSERT_OK(device_.synchronize(stream_, kLong));
  EXPECT_EQ(device_.bytes_through_host(), by_kernels() ? 0u : 8000u);
}

TEST_P(Proxy, CutsWhatStagingCannotHold) {
  start();
  constexpr std::size_t kCount = 3'000'001;  // 12 MB, of which a slot holds 2 MiB
  const Buffer from = buffer(kCount, 7), to = buffer(kCount, 0);
  ASSERT_OK(enqueue(all_reduce(from, to), stream_));
  ASSERT_OK(device_.synchronize(stream_, kLong));
  EXPECT_EQ(values(to), std::vector<int>(kCount, 7));
  EXPECT_EQ(copier_.counts.size(), 6u);
  EXPECT_EQ(copier_.counts[0], (2u << 20) / 4);
}

TEST_P(Proxy, ItsTurnsComeRound) {
  start();
  const Buffer a = buffer(1, 5), b = buffer(1, 0);
  for (int i = 1; i <= 4200; ++i) {  // of 4096
    ASSERT_OK(enqueue(all_reduce(a, b), stream_));
    if (i % 600 == 0) ASSERT_OK(device_.synchronize(stream_, kLong));
  }
  EXPECT_EQ(copier_.groups, 4200);
}

TEST_P(Proxy, AVisitOfNoCallsOnlyPasses) {
  start();
  Result<DeviceProxy::Visit> visit = proxy_->begin(stream_, false);
  ASSERT_OK(visit.status());
  ASSERT_OK(proxy_->end(*visit, {}));
  ASSERT_OK(device_.synchronize(stream_, kLong));
  EXPECT_EQ(copier_.groups, 0);
}

TEST_P(Proxy, WaitsForTheStreamHoweverLongItTakes) {
  start(milliseconds(50));
  const Buffer a = buffer(10, 1), b = buffer(10, 0), gate = buffer(1, 0);
  auto* flag = static_cast<std::uint32_t*>(gate.data);
  ASSERT_OK(device_.wait_until(stream_, flag, 1));
  ASSERT_OK(enqueue(all_reduce(a, b), stream_));
  EXPECT_EQ(device_.synchronize(stream_, milliseconds(200)).code(), Code::kTimeout);
  EXPECT_OK(proxy_->health());
  EXPECT_EQ(values(b), std::vector<int>(10, 0));
  ASSERT_OK(device_.set(*device_.make_stream(), flag, 1));
  ASSERT_OK(device_.synchronize(stream_, kLong));
  EXPECT_EQ(values(b), std::vector<int>(10, 1));
}

TEST_P(Proxy, AFailureLetsStreamsGoOnAndStays) {
  start();
  copier_.failure = Status(Code::kTimeout, "nobody came");
  const Buffer a = buffer(10, 1), b = buffer(10, 0);
  ASSERT_OK(enqueue(all_reduce(a, b), stream_));
  ASSERT_OK(device_.synchronize(stream_, kLong));
  ASSERT_TRUE(eventually([&] { return !proxy_->health().ok(); }));
  EXPECT_EQ(proxy_->health().message(), "nobody came");
  EXPECT_EQ(enqueue(all_reduce(a, b), stream_).code(), Code::kTimeout);
  EXPECT_EQ(failures_, 1);
  EXPECT_EQ(copier_.groups, 1);
}

TEST_P(Proxy, SeesWhatFailsElsewhereWhileAStreamIsHeldAndWhileIdle) {
  for (const bool held : {true, false}) {
    start();
    const Buffer a = buffer(10, 1), gate = buffer(1, 0);
    auto* flag = static_cast<std::uint32_t*>(gate.data);
    if (held) {
      ASSERT_OK(device_.wait_until(stream_, flag, 1));
      ASSERT_OK(enqueue(all_reduce(a, a), stream_));
    }
    elsewhere_ = true;
    EXPECT_TRUE(eventually([&] { return proxy_->health().code() == Code::kPeerLost; }));
    ASSERT_OK(device_.set(*device_.make_stream(), flag, 1));
    ASSERT_OK(device_.synchronize(stream_, kLong));
    end();
    elsewhere_ = false;
  }
}

TEST_P(Proxy, RefusesStreamsThatAreNotTheDevices) {
  start();
  int other = 0;
  EXPECT_EQ(proxy_->begin(&other, false).status().code(), Code::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Ways, Proxy, testing::Bool(),
                         [](const auto& info) { return info.param ? "ByKernels" : "ByStreams"; });

// ---- graphs, which kernels of visits may be in

class ProxyByKernels : public Proxy {};
INSTANTIATE_TEST_SUITE_P(Ways, ProxyByKernels, testing::Values(true));
class ProxyByStreams : public Proxy {};
INSTANTIATE_TEST_SUITE_P(Ways, ProxyByStreams, testing::Values(false));

TEST_P(ProxyByKernels, MakesWhatAGraphHoldsWheneverItIsReplayed) {
  start();
  const Buffer a = buffer(1000, 1), b = buffer(1000, 2), c = buffer(1000, 3);
  const auto b_to_c = capture(all_reduce(b, c)), c_to_b = capture(all_reduce(c, b));
  EXPECT_EQ(copier_.groups, 0);
  device_.replay(stream_, b_to_c);
  ASSERT_OK(device_.synchronize(stream_, kLong));
  EXPECT_EQ(values(c), std::vector<int>(1000, 2));
  for (int turn = 0; turn < 300; ++turn) {  // more than there are slots for arrivals
    ASSERT_OK(enqueue(all_reduce(turn % 2 == 0 ? a : b, c), stream_));
    device_.replay(stream_, c_to_b);
    device_.replay(stream_, b_to_c);
  }
  ASSERT_OK(device_.synchronize(stream_, kLong));
  EXPECT_EQ(values(b), std::vector<int>(1000, 1));
  EXPECT_EQ(copier_.groups, 901);
}

// What was issued takes its turn, whatever comes first; a replay comes after what came before it.
TEST_P(ProxyByKernels, AReplayWaitsForWhatWasIssuedAndCameBefore) {
  start();
  const Buffer a = buffer(10, 1), b = buffer(10, 2), c = buffer(10, 3), gate = buffer(1, 0);
  auto* flag = static_cast<std::uint32_t*>(gate.data);
  const Stream other = *device_.make_stream(), third = *device_.make_stream();
  const auto b_to_c = capture(all_reduce(b, c));
  ASSERT_OK(device_.wait_until(stream_, flag, 1));
  ASSERT_OK(enqueue(all_reduce(a, b), stream_));
  ASSERT_OK(enqueue(all_reduce(b, a), other));
  EXPECT_EQ(device_.synchronize(other, milliseconds(20)).code(), Code::kTimeout);  // it has come
  device_.replay(third, b_to_c);
  EXPECT_EQ(device_.synchronize(third, milliseconds(20)).code(), Code::kTimeout);
  ASSERT_OK(device_.set(*device_.make_stream(), flag, 1));
  ASSERT_OK(device_.synchronize(third, kLong));
  EXPECT_EQ(values(c), std::vector<int>(10, 1));
}

TEST_P(ProxyByKernels, AFailureEndsReplaysOfGraphsToo) {
  start();
  const Buffer a = buffer(10, 1), b = buffer(10, 2);
  const auto graph = capture(all_reduce(a, b));
  copier_.failure = Status(Code::kTimeout, "nobody came");
  for (int i = 0; i < 3; ++i) device_.replay(stream_, graph);
  ASSERT_OK(device_.synchronize(stream_, kLong));
  ASSERT_TRUE(eventually([&] { return !proxy_->health().ok(); }));
  EXPECT_EQ(copier_.groups, 1);
}

TEST_P(ProxyByKernels, AKernelGivesUpWhenTheThreadStandsStillAndThatIsAFailure) {
  start(milliseconds(50));
  copier_.stands_still = milliseconds(1500);
  const Buffer a = buffer(10, 1), b = buffer(10, 2);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_OK(enqueue(all_reduce(a, b), stream_));
  ASSERT_OK(device_.synchronize(stream_, kLong));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(1400));
  ASSERT_TRUE(eventually([&] { return !proxy_->health().ok(); }));
  EXPECT_NE(proxy_->health().message().find("stood still"), std::string::npos);
}

TEST_P(ProxyByStreams, GraphsAreRefused) {
  start();
  const Status status = proxy_->begin(stream_, true).status();
  EXPECT_EQ(status.code(), Code::kNotSupported);
  EXPECT_EQ(status.message(),
            "the stream is being captured in a graph, which cannot hold a call that goes through "
            "host memory here: kernels take turns");
}

TEST(DeviceVisits, ArrivalsWaitUntilTheHostHasReadThoseBefore) {
  ThreadDevice device(device_with_kernels());
  const Stream stream = *device.make_stream();
  auto visits = std::move(*DeviceVisits::create(device, {}, kLong));
  for (std::uint32_t i = 0; i <= cuda::kArrivalSlots; ++i) {
    ASSERT_OK(visits->come(stream, cuda::kIssuedGroups + i));
  }
  EXPECT_EQ(device.synchronize(stream, milliseconds(50)).code(), Code::kTimeout);
  EXPECT_EQ(visits->next({}), cuda::kIssuedGroups);
  ASSERT_OK(device.synchronize(stream, kLong));
  for (std::uint32_t i = 1; i <= cuda::kArrivalSlots; ++i) {
    EXPECT_EQ(visits->next({}), cuda::kIssuedGroups + i);
  }
  EXPECT_EQ(visits->next({}), std::nullopt);
}

// Of more orders than there are slots, each a copy of what the one before has made.
TEST(KernelCopier, CopiesInTheOrderGiven) {
  ThreadDevice device(device_with_kernels());
  const Stream stream = *device.make_stream(), other = *device.make_stream();
  auto visits = std::move(*DeviceVisits::create(device, {}, kLong));
  DeviceCopier& copier = *visits->copier(kLineWithin);
  constexpr std::size_t kCopies = 3 * cuda::kOrderSlots, kBytes = 37;
  std::byte* const memory = *device.allocate((kCopies + 1) * kBytes);
  std::fill_n(memory, kBytes, std::byte{7});
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < kCopies; ++i) {
    last = *copier.copy(memory + (i + 1) * kBytes, memory + i * kBytes, kBytes);
  }
  EXPECT_EQ(*copier.copy(memory, memory, 0), last);
  EXPECT_EQ(wait_for_copies(copier, last, milliseconds(20)).code(), Code::kTimeout);
  // Two kernels wait, of which one copies at a time.
  for (const std::uint32_t group : {0u, 1u}) {
    ASSERT_OK(visits->come(group == 0 ? stream : other, group));
    ASSERT_OK(visits->wait(group == 0 ? stream : other, group));
  }
  EXPECT_OK(wait_for_copies(copier, last / 2, kLong));
  visits->answer(0);
  EXPECT_OK(wait_for_copies(copier, last, kLong));
  EXPECT_EQ(memory[(kCopies + 1) * kBytes - 1], std::byte{7});
  visits->answer(1);
  for (const Stream one : {stream, other}) EXPECT_OK(device.synchronize(one, kLong));
  EXPECT_TRUE(visits->passed(0) && visits->passed(1));
}

// ---- the layout of staging memory

TEST(StagingLayout, SlotsLieApartAndPiecesFitThem) {
  for (const int ranks : {1, 2, 3, 8, 100, 1000}) {
    const StagingLayout layout(ranks);
    std::size_t next = 0, words = 0;
    for (int lane = 0; lane < layout.lanes(); ++lane) {
      for (int slot = 0; slot < StagingLayout::slots(lane); ++slot) {
        EXPECT_EQ(layout.input(lane, slot), next);
        const bool two_buffers = lane == StagingLayout::lane_of_collectives();
        if (two_buffers) next += layout.room(lane);
        EXPECT_EQ(layout.output(lane, slot), next);
        next += layout.room(lane);
        EXPECT_EQ(layout.word(lane, slot), words++);
      }
    }
    EXPECT_EQ(layout.bytes(), next);
    EXPECT_EQ(layout.words(), words);
    EXPECT_LE(layout.bytes(), std::size_t{200} << 20);
    EXPECT_GE(layout.room(0) / ranks, 16u * 1024);
    EXPECT_GE(layout.room(layout.lane_from(0)), 16u * 1024);
  }
}

}  // namespace
}  // namespace tutti
