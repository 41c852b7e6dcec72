// Tests calls on memory of devices that fail, or are refused: bad input, ranks that differ, do not
// come or end. Devices are made of threads.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <barrier>
#include <memory>
#include <string>
#include <vector>

#include "enqueue_ranks.h"

namespace tutti {
namespace {

using namespace test;
using std::chrono::milliseconds;

RanksOnDevices two() { return RanksOnDevices::on_one_host(2); }

TEST(EnqueueBadInput, MemoryOfTheHostIsNamed) {
  for (const RanksOnDevices& made : {two(), with_kernels(2)}) {
    on_devices(made, [](RankOnDevice& rank) {
      std::vector<int> host(10);
      DeviceBuffer<int> data(rank, std::vector<int>(10, 1));
      Status status = rank.comm.enqueue(all_reduce(host, data.all()), rank.stream);
      EXPECT_EQ(status.code(), Code::kInvalidArgument);
      EXPECT_TRUE(contains(status, "all_reduce: input")) << status.message();
      EXPECT_TRUE(contains(status, "memory of the host")) << status.message();
      status = rank.comm.enqueue(receive(host, 0), rank.stream);
      EXPECT_EQ(status.code(), Code::kInvalidArgument);
      EXPECT_TRUE(contains(status, "send_recv: output")) << status.message();
      ASSERT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
      ASSERT_OK(rank.synchronize());
      EXPECT_EQ(data.values(), std::vector<int>(10, 2));
    });
  }
}

TEST(EnqueueBadInput, StreamsOfOthersAreRefused) {
  on_devices(two(), [](RankOnDevice& rank) {
    DeviceBuffer<int> data(rank, 10);
    int not_a_stream = 0;
    const Status status = rank.comm.enqueue(all_reduce(data.all(), data.all()), &not_a_stream);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_TRUE(contains(status, "stream")) << status.message();
    EXPECT_OK(rank.comm.health());
  });
}

TEST(EnqueueBadInput, WhatHostCallsRefuseIsRefused) {
  on_devices(two(), [](RankOnDevice& rank) {
    DeviceBuffer<float> data(rank, 10);
    const auto code = [&](const Call& call) { return rank.comm.enqueue(call, rank.stream).code(); };
    EXPECT_EQ(code(all_reduce(data.all(), data.all().first(9))), Code::kInvalidArgument);
    EXPECT_EQ(code(all_reduce(data.all(), data.all(), Reduction::kBitOr)), Code::kNotSupported);
    EXPECT_EQ(code(broadcast(data.all(), data.all(), 2)), Code::kInvalidArgument);
    EXPECT_EQ(code(send(data.all(), -1)), Code::kInvalidArgument);
    EXPECT_OK(rank.comm.health());
  });
}

TEST(EnqueueBadInput, WithoutADeviceThereIsNothingToEnqueueOn) {
  on_ranks(1, [](Communicator& comm) {
    const Status status = comm.enqueue(barrier(), nullptr);
    EXPECT_EQ(status.code(), Code::kNotSupported);
    EXPECT_TRUE(contains(status, "TUTTI_DEVICE")) << status.message();
    EXPECT_EQ(comm.allocate_on_device(1).status().code(), Code::kNotSupported);
    EXPECT_OK(comm.health());
  });
  EXPECT_EQ(Communicator().enqueue(barrier(), nullptr).code(), Code::kInvalidArgument);
}

TEST(EnqueueBadInput, AllRanksHaveADeviceOrNone) {
  auto bootstraps = make_thread_bootstraps(2);
  run_ranks_as_threads(2, [&](int rank) {
    Options options = patient_options();
    options.device = rank - 1;
    const auto made = Communicator::Impl::create(
        *bootstraps[rank], options, {},
        [](int) -> std::shared_ptr<Device> {
          return std::make_shared<ThreadDevice>(ThreadDeviceSettings{});
        },
        std::chrono::steady_clock::now() + options.start_timeout);
    EXPECT_EQ(made.status().code(), Code::kMismatch);
    EXPECT_TRUE(contains(made.status(), "no device")) << made.status().message();
    return 0;
  });
}

// The first rank has none that opens: all say so.
TEST(EnqueueBadInput, ADeviceThatDoesNotOpenIsEverybodysFailure) {
  auto bootstraps = make_thread_bootstraps(2);
  run_ranks_as_threads(2, [&](int rank) {
    Options options = patient_options();
    options.device = rank;
    const auto made = Communicator::Impl::create(
        *bootstraps[rank], options, {},
        [](int ordinal) -> Result<std::shared_ptr<Device>> {
          if (ordinal == 0) return {Code::kNotSupported, "no such thing"};
          return std::shared_ptr<Device>(std::make_shared<ThreadDevice>(ThreadDeviceSettings{}));
        },
        std::chrono::steady_clock::now() + options.start_timeout);
    EXPECT_EQ(made.status().code(), Code::kNotSupported);
    EXPECT_TRUE(contains(made.status(), "no such thing")) << made.status().message();
    return 0;
  });
}

// ---- failures

TEST(EnqueueFailure, RanksThatCallDifferentThingsAreTold) {
  on_devices(two(), [](RankOnDevice& rank) {
    DeviceBuffer<int> data(rank, 1'000'000);
    const std::size_t count = rank.comm.rank() == 0 ? 1'000'000 : 999'999;
    const auto part = data.all().first(count);
    ASSERT_OK(rank.comm.enqueue(all_reduce(part, part), rank.stream));
    ASSERT_OK(rank.synchronize());
    const Status status = eventual_health(rank.comm);
    EXPECT_EQ(status.code(), Code::kMismatch) << status.message();
    EXPECT_TRUE(contains(status, "999999")) << status.message();
    EXPECT_EQ(rank.comm.enqueue(barrier(), rank.stream), status);
  });
}

// Of two kernels, one kernel twice, and a kernel that one rank has issued before it knows.
TEST(EnqueueFailure, RanksWhoseKernelsDifferAreTold) {
  for (const std::vector<std::size_t>& counts :
       {std::vector<std::size_t>{100, 100'000}, {100, 99}, {100'000, 99'999}}) {
    RanksOnDevices made = with_kernels(2);
    made.options.call_timeout = std::chrono::hours(1);
    on_devices(made, [&](RankOnDevice& rank) {
      DeviceBuffer<int> data(rank, 100'000);
      const auto part = data.all().first(counts[rank.comm.rank()]);
      ASSERT_OK(rank.comm.enqueue(all_reduce(part, part), rank.stream));
      (void)rank.comm.enqueue(barrier(), rank.stream);
      ASSERT_OK(rank.synchronize());
      const Status status = eventual_health(rank.comm);
      EXPECT_EQ(status.code(), Code::kMismatch) << status.message();
      for (const int who : {0, 1}) {
        const std::string called = "rank " + std::to_string(who) +
                                   " called all_reduce #1 (int32, " + std::to_string(counts[who]) +
                                   ", sum)";
        EXPECT_TRUE(contains(status, called)) << status.message();
      }
      EXPECT_EQ(rank.comm.enqueue(barrier(), rank.stream), status);
    });
    if (HasFailure()) return;
  }
}

TEST(EnqueueFailure, ARankThatDoesNotComeIsNamedAndNothingHangs) {
  RanksOnDevices made = RanksOnDevices::on_one_host(3);
  made.options.call_timeout = milliseconds(300);
  on_devices(made, [](RankOnDevice& rank) {
    if (rank.comm.rank() == 2) return;
    DeviceBuffer<int> data(rank, 100);
    ASSERT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
    ASSERT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
    ASSERT_OK(rank.synchronize());
    const Status status = eventual_health(rank.comm);
    EXPECT_EQ(status.code(), Code::kTimeout) << status.message();
    EXPECT_TRUE(contains(status, "rank 2")) << status.message();
  });
}

// A rank that fails tells the others, whatever they wait in.
TEST(EnqueueFailure, AbortEndsCallsOfAllRanks) {
  for (const RanksOnDevices& made : {RanksOnDevices{.host_of = {0, 0, 0}},
                                     RanksOnDevices{.host_of = {0, 1, 1}}, with_kernels(3)}) {
    std::barrier all_enqueued(3);
    on_devices(made, [&](RankOnDevice& rank) {
      DeviceBuffer<int> data(rank, 100);
      if (rank.comm.rank() != 0) {
        EXPECT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
      }
      all_enqueued.arrive_and_wait();
      if (rank.comm.rank() == 0) rank.comm.abort("enough");
      ASSERT_OK(rank.synchronize());
      const Status status = eventual_health(rank.comm);
      EXPECT_EQ(status.code(), Code::kAborted) << status.message();
      EXPECT_TRUE(contains(status, "enough")) << status.message();
      EXPECT_EQ(rank.comm.enqueue(barrier(), rank.stream).code(), Code::kAborted);
      EXPECT_EQ(rank.comm.barrier().code(), Code::kAborted);
    });
  }
}

// A stream that is held until after the communicator has ended: the end has a deadline, and what
// the stream does later harms nobody.
TEST(EnqueueFailure, CommunicatorsEndWhileAStreamIsHeld) {
  RanksOnDevices made = two();
  made.options.call_timeout = milliseconds(200);
  on_devices(made, [](RankOnDevice& rank) {
    auto gate = std::make_unique<DeviceBuffer<std::uint32_t>>(rank, 1);
    auto data = std::make_unique<DeviceBuffer<int>>(rank, std::vector<int>(10, 1));
    ASSERT_OK(rank.device.wait_until(rank.stream, gate->data(), 1));
    ASSERT_OK(rank.comm.enqueue(all_reduce(data->all(), data->all()), rank.stream));
    { const Communicator ended = std::move(rank.comm); }
    ASSERT_OK(rank.device.set(*rank.device.make_stream(), gate->data(), 1));
    ASSERT_OK(rank.synchronize());
  });
}

TEST(EnqueueFailure, EndingWaitsForWhatWasEnqueued) {
  on_devices(two(), [](RankOnDevice& rank) {
    DeviceBuffer<int> data(rank, std::vector<int>(100'000, 1));
    for (int i = 0; i < 5; ++i) {
      ASSERT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
    }
    { const Communicator ended = std::move(rank.comm); }
    ASSERT_OK(rank.synchronize());
    EXPECT_EQ(data.values(), std::vector<int>(100'000, 32));
  });
}

TEST(EnqueueFailure, StreamsThatCannotWaitOnMemoryAreNotSupported) {
  auto bootstraps = make_thread_bootstraps(1);
  Options options = patient_options();
  options.device = 0;
  ThreadDeviceSettings settings;
  settings.facts.waits_on_memory = false;
  const auto made = Communicator::Impl::create(
      *bootstraps[0], options, {},
      [&](int) -> std::shared_ptr<Device> { return std::make_shared<ThreadDevice>(settings); },
      std::chrono::steady_clock::now() + options.start_timeout);
  EXPECT_EQ(made.status().code(), Code::kNotSupported);
  EXPECT_TRUE(contains(made.status(), "wait")) << made.status().message();
}

}  // namespace
}  // namespace tutti
