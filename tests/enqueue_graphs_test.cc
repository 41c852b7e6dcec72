// Tests calls on memory of devices that are captured in graphs and replayed. Devices are made of
// threads.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <barrier>
#include <functional>
#include <string>
#include <vector>

#include "enqueue_ranks.h"
#include "sanitizers.h"

namespace tutti {
namespace {

using namespace test;
using std::chrono::milliseconds;

// Failures are told to ranks that one is connected to already.
void connect_all(RankOnDevice& rank) {
  const std::size_t n = rank.comm.ranks();
  std::vector<int> all(n), theirs(n);
  ASSERT_OK(rank.comm.all_to_all(all, theirs));
}

// What `issue` enqueues on the rank's stream.
ThreadStream::Recording capture(RankOnDevice& rank, const std::function<Status()>& issue) {
  rank.device.begin_recording(rank.stream);
  EXPECT_OK(issue());
  return rank.device.end_recording(rank.stream);
}

TEST(EnqueueGraphs, HoldKernelsAndCallsThroughHostMemory) {
  constexpr std::size_t kCount = or_few(1'000'000, 10'000);
  for (const std::vector<int>& hosts : {std::vector<int>{0, 0}, {0, 1}, {0, 1, 1}, {0, 0, 1, 1}}) {
    on_devices(with_kernels(hosts), [&](RankOnDevice& rank) {
      const int n = rank.comm.ranks(), me = rank.comm.rank();
      DeviceBuffer<int> sum(rank, std::vector<int>(kCount, 1));
      DeviceBuffer<int> mine(rank, std::vector<int>(100, me)), theirs(rank, 100);
      const auto graph = capture(rank, [&]() -> Status {
        Status status = rank.comm.enqueue(all_reduce(sum.all(), sum.all()), rank.stream);
        if (!status.ok()) return status;
        return rank.comm.enqueue(
            {send(mine.all(), (me + 1) % n), barrier(), receive(theirs.all(), (me + n - 1) % n)},
            rank.stream);
      });
      int expected = 1;
      for (int turn = 0; turn < 3; ++turn) {
        rank.device.replay(rank.stream, graph);
        ASSERT_OK(
            rank.comm.enqueue(all_reduce(theirs.all(), mine.all(), Reduction::kMax), rank.stream));
        expected *= n;
      }
      ASSERT_OK(rank.synchronize());
      EXPECT_OK(rank.comm.health());
      EXPECT_EQ(sum.values(), std::vector<int>(kCount, expected));
      EXPECT_EQ(mine.values(), std::vector<int>(100, n - 1));
    });
  }
}

TEST(EnqueueGraphs, HoldNoCallsThroughHostMemoryWithoutKernels) {
  on_devices({.host_of = {0, 0}}, [](RankOnDevice& rank) {
    DeviceBuffer<int> data(rank, 100);
    rank.device.begin_recording(rank.stream);
    const Status status = rank.comm.enqueue(send(data.all(), 1), rank.stream);
    EXPECT_EQ(status.code(), Code::kNotSupported) << status.message();
    EXPECT_TRUE(contains(status, "send_recv: the stream is being captured")) << status.message();
    EXPECT_TRUE(contains(status, "no kernels were built")) << status.message();
    EXPECT_TRUE(rank.device.end_recording(rank.stream).empty());
    EXPECT_OK(rank.comm.health());
  });
}

TEST(EnqueueGraphs, ARankThatDoesNotReplayIsNamed) {
  for (const std::vector<int>& hosts : {std::vector<int>{0, 1, 1}, {0, 0, 1, 1}}) {
    RanksOnDevices made = with_kernels(hosts);
    made.options.call_timeout = milliseconds(300);
    on_devices(made, [&](RankOnDevice& rank) {
      connect_all(rank);
      DeviceBuffer<int> data(rank, 100);
      const auto graph = capture(
          rank, [&] { return rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream); });
      rank.device.replay(rank.stream, graph);
      if (rank.comm.rank() != 2) rank.device.replay(rank.stream, graph);
      ASSERT_OK(rank.synchronize());
      if (rank.comm.rank() == 2) return;
      const Status status = eventual_health(rank.comm);
      EXPECT_TRUE(contains(status, "waiting for rank 2") || contains(status, "rank 2 (pid") ||
                  contains(status, "rank 2 has not come within 0.3 s"))
          << status.message();
    });
  }
}

TEST(EnqueueGraphs, AbortEndsReplaysOnAllRanks) {
  for (const std::vector<int>& hosts : {std::vector<int>{0, 1, 1}, {0, 0, 1, 1}}) {
    std::barrier all_captured(static_cast<std::ptrdiff_t>(hosts.size()));
    on_devices(with_kernels(hosts), [&](RankOnDevice& rank) {
      connect_all(rank);
      DeviceBuffer<int> data(rank, 100);
      const auto graph = capture(
          rank, [&] { return rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream); });
      all_captured.arrive_and_wait();
      if (rank.comm.rank() == 0) {
        rank.comm.abort("enough");
      } else {
        for (int i = 0; i < 3; ++i) rank.device.replay(rank.stream, graph);
      }
      ASSERT_OK(rank.synchronize());
      const Status status = eventual_health(rank.comm);
      EXPECT_EQ(status.code(), Code::kAborted) << status.message();
      EXPECT_TRUE(contains(status, "enough")) << status.message();
    });
  }
}

}  // namespace
}  // namespace tutti
