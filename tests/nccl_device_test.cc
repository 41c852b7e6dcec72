// Tests src/nccl on memory of a device: calls go to their streams. The device is made of threads,
// and stands in the place of NVIDIA's driver, which the library would open; ranks share it, but in
// the last test.
//
// ROOMS: nccl communicator
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "communicator/impl.h"
#include "device/thread_device.h"
#include "executor/cuda/kernels_host.h"
#include "executor/cuda/plan_kernels_host.h"
#include "executor/cuda/visit_kernels.h"
#include "nccl_ranks.h"

namespace tutti {
namespace {

using namespace test;

std::atomic<int> most_blocks{0};  // of kernels that moved something

void move_and_count(const void* arguments, int block, int blocks) {
  most_blocks = std::max(most_blocks.load(), blocks);
  for (const ThreadKernel& kernel : cuda::fast_thread_kernels()) {
    if (std::string_view(kernel.name) == "tutti_move") kernel.run(arguments, block, blocks);
  }
}

ThreadDeviceSettings with_kernels(int ordinal) {
  static const auto memory = std::make_shared<ThreadMemory>();
  ThreadDeviceSettings settings;
  settings.facts = thread_device_facts(ordinal);
  settings.memory = memory;
  settings.kernels.push_back({"tutti_move", move_and_count});
  for (const auto kernels :
       {cuda::fast_thread_kernels(), cuda::plan_thread_kernels(), cuda::visit_thread_kernels()}) {
    settings.kernels.insert(settings.kernels.end(), kernels.begin(), kernels.end());
  }
  return settings;
}

const std::shared_ptr<ThreadDevice>& device(int ordinal = 0) {
  static const std::shared_ptr<ThreadDevice> both[] = {
      std::make_shared<ThreadDevice>(with_kernels(0)),
      std::make_shared<ThreadDevice>(with_kernels(1))};
  return both[ordinal];
}

}  // namespace

// In the place of the one in device_open.cc, which is not linked then.
OpenDevice open_of_driver() {
  return [](int ordinal) -> Result<std::shared_ptr<Device>> {
    return std::shared_ptr<Device>(device(ordinal));
  };
}

namespace {

[[maybe_unused]] const auto* const kHostOnly = testing::AddGlobalTestEnvironment(new HostOnly);

constexpr std::size_t kCount = 1000;

// Ranks of this thread, each with a stream and a buffer of device memory.
class OnDevice : public testing::Test {
 protected:
  static constexpr int kRanks = 2;

  void SetUp() override {
    const Variable first_device("TUTTI_DEVICE", "0");
    ncclUniqueId id;
    ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
    ASSERT_NCCL(ncclSuccess, ncclGroupStart());
    for (int rank = 0; rank < kRanks; ++rank) {
      ASSERT_NCCL(ncclSuccess, ncclCommInitRank(&comms[rank], kRanks, id, rank));
    }
    ASSERT_NCCL(ncclSuccess, ncclGroupEnd());
    for (int rank = 0; rank < kRanks; ++rank) {
      streams[rank] = *device()->make_stream();
      memory[rank] = reinterpret_cast<float*>(*device()->allocate(kCount * sizeof(float)));
      std::fill_n(memory[rank], kCount, rank + 1.0f);
    }
  }

  void TearDown() override {
    for (int rank = 0; rank < kRanks; ++rank) {
      EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comms[rank]));
      device()->end_stream(streams[rank]);
      device()->release(reinterpret_cast<std::byte*>(memory[rank]));
    }
  }

  cudaStream_t stream(int rank) const { return static_cast<cudaStream_t>(streams[rank]); }
  ncclResult_t sum(int rank, ncclRedOp_t op = ncclSum) const {
    return ncclAllReduce(memory[rank], memory[rank], kCount, ncclFloat, op, comms[rank],
                         stream(rank));
  }
  void synchronize() const {
    for (Stream each : streams) {
      const Status status = device()->synchronize(each, std::chrono::seconds(20));
      EXPECT_TRUE(status.ok()) << status.to_string();
    }
  }

  ncclComm_t comms[kRanks] = {};
  Stream streams[kRanks] = {};
  float* memory[kRanks] = {};
};

TEST_F(OnDevice, CallsGoToTheirStreamsAndNeedNoGroup) {
  for (int again = 0; again < 3; ++again) {
    // One thread, one rank after the other: neither call waits for the other rank.
    for (int rank : {0, 1}) EXPECT_NCCL(ncclSuccess, sum(rank));
  }
  synchronize();
  for (int rank : {0, 1}) EXPECT_EQ(memory[rank][kCount - 1], 12);
}

TEST_F(OnDevice, GroupsOfMessagesAndCollectives) {
  std::byte* const room = *device()->allocate(kCount * sizeof(float));
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  EXPECT_NCCL(ncclSuccess, ncclSend(memory[0], 10, ncclFloat, 1, comms[0], stream(0)));
  EXPECT_NCCL(ncclSuccess, ncclRecv(room, 10, ncclFloat, 0, comms[1], stream(1)));
  EXPECT_NCCL(ncclSuccess, ncclGroupEnd());
  for (int rank : {0, 1}) EXPECT_NCCL(ncclSuccess, sum(rank, ncclMax));
  synchronize();
  EXPECT_EQ(reinterpret_cast<float*>(room)[9], 1);
  EXPECT_EQ(memory[0][5], 2);
  device()->release(room);
}

TEST_F(OnDevice, MemoryOfTheHostIsRefused) {
  float host = 1;
  EXPECT_NCCL(ncclInvalidArgument,
              ncclAllReduce(&host, &host, 1, ncclFloat, ncclSum, comms[0], stream(0)));
  EXPECT_NE(std::string(ncclGetLastError(nullptr)).find("memory of the host"), std::string::npos)
      << ncclGetLastError(nullptr);
}

TEST_F(OnDevice, OneStreamForTheCallsOfAGroupOnACommunicator) {
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  EXPECT_NCCL(ncclSuccess, sum(0));
  EXPECT_NCCL(ncclSuccess,
              ncclAllReduce(memory[0], memory[0], kCount, ncclFloat, ncclSum, comms[0], stream(1)));
  EXPECT_NCCL(ncclInvalidUsage, ncclGroupEnd());
  EXPECT_NE(std::string(ncclGetLastError(nullptr)).find("one stream"), std::string::npos);
}

TEST_F(OnDevice, FactorsAreTakenFromTheHostOnly) {
  float factor = 0.5f;
  ncclRedOp_t ops[kRanks];
  EXPECT_NCCL(ncclInvalidUsage,
              ncclRedOpCreatePreMulSum(&ops[0], memory[0], ncclFloat, ncclScalarDevice, comms[0]));
  for (int rank : {0, 1}) {
    EXPECT_NCCL(ncclSuccess, ncclRedOpCreatePreMulSum(&ops[rank], &factor, ncclFloat,
                                                      ncclScalarHostImmediate, comms[rank]));
    EXPECT_NCCL(ncclSuccess, sum(rank, ops[rank]));
  }
  synchronize();
  EXPECT_EQ(memory[1][0], 1.5f);
}

TEST_F(OnDevice, EstimatesAreForTheHost) {
  ncclSimInfo_t info = NCCL_SIM_INFO_INITIALIZER;
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  EXPECT_NCCL(ncclSuccess, sum(0));
  EXPECT_NCCL(ncclInvalidUsage, ncclGroupSimulateEnd(&info));
}

TEST_F(OnDevice, PartsAreOnTheDeviceToo) {
  ncclComm_t parts[kRanks];
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  for (int rank : {0, 1}) {
    EXPECT_NCCL(ncclSuccess, ncclCommSplit(comms[rank], 0, -rank, &parts[rank], nullptr));
  }
  EXPECT_NCCL(ncclSuccess, ncclGroupEnd());
  for (int rank : {0, 1}) {
    int number = -1;
    EXPECT_NCCL(ncclSuccess, ncclCommCuDevice(parts[rank], &number));
    EXPECT_EQ(number, 0);
    EXPECT_NCCL(ncclSuccess, ncclAllReduce(memory[rank], memory[rank], kCount, ncclFloat, ncclSum,
                                           parts[rank], stream(rank)));
  }
  synchronize();
  EXPECT_EQ(memory[0][0], 3);
  for (ncclComm_t part : parts) EXPECT_NCCL(ncclSuccess, ncclCommDestroy(part));
}

// Long before the timeout, on both; one buffer is large enough for another kernel.
TEST_F(OnDevice, DifferentCountsAreEverybodysInvalidUsage) {
  constexpr std::size_t kLarge = 50'000;
  std::byte* const large = *device()->allocate(kLarge * sizeof(float));
  EXPECT_NCCL(ncclSuccess, sum(0));
  EXPECT_NCCL(ncclSuccess,
              ncclAllReduce(large, large, kLarge, ncclFloat, ncclSum, comms[1], stream(1)));
  const auto began = std::chrono::steady_clock::now();
  synchronize();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
  for (int rank : {0, 1}) {
    ncclResult_t state = ncclSuccess;
    EXPECT_NCCL(ncclSuccess, ncclCommGetAsyncError(comms[rank], &state));
    EXPECT_EQ(state, ncclInvalidUsage);
    const std::string sentence = ncclGetLastError(comms[rank]);
    EXPECT_NE(sentence.find("rank 0 called all_reduce #1 (float, 1000, sum)"), std::string::npos)
        << sentence;
    EXPECT_NE(sentence.find("rank 1 called all_reduce #1 (float, 50000, sum)"), std::string::npos)
        << sentence;
    EXPECT_NCCL(ncclInvalidUsage, sum(rank));
  }
  device()->release(large);
}

class OnDeviceInAHurry : public OnDevice {
 private:
  const Variable soon_{"TUTTI_TIMEOUT", "0.5"};
};

// The stream goes on, and the communicator says what has happened.
TEST_F(OnDeviceInAHurry, AFailureOnTheWayIsTheStateOfTheCommunicator) {
  EXPECT_NCCL(ncclSuccess, sum(0));
  synchronize();
  ncclResult_t state = ncclSuccess;
  for (int i = 0; i < 10'000 && state == ncclSuccess; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_NCCL(ncclSuccess, ncclCommGetAsyncError(comms[0], &state));
  }
  EXPECT_EQ(state, ncclRemoteError);
  EXPECT_NE(std::string(ncclGetLastError(comms[0])).find("rank 1"), std::string::npos)
      << ncclGetLastError(comms[0]);
  EXPECT_NCCL(ncclRemoteError, sum(0));
}

// The most blocks that a kernel of an all_gather takes, between ranks with a device each.
int blocks_of_all_gather(int policy) {
  constexpr std::size_t kLarge = 100'000;
  constexpr int kRanks = 2;
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.CTAPolicy = policy;
  ncclUniqueId id;
  ncclComm_t comms[kRanks];
  EXPECT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  for (int rank : {0, 1}) {
    const Variable its_device("TUTTI_DEVICE", rank == 0 ? "0" : "1");
    EXPECT_NCCL(ncclSuccess, ncclCommInitRankConfig(&comms[rank], kRanks, id, rank, &config));
  }
  EXPECT_NCCL(ncclSuccess, ncclGroupEnd());
  most_blocks = 0;
  float* memory[kRanks];
  Stream streams[kRanks];
  for (int rank : {0, 1}) {
    memory[rank] = reinterpret_cast<float*>(*device(rank)->allocate(3 * kLarge * sizeof(float)));
    streams[rank] = *device(rank)->make_stream();
    std::fill_n(memory[rank], kLarge, rank + 1.0f);
    EXPECT_NCCL(ncclSuccess, ncclAllGather(memory[rank], memory[rank] + kLarge, kLarge, ncclFloat,
                                           comms[rank], static_cast<cudaStream_t>(streams[rank])));
  }
  for (int rank : {0, 1}) {
    EXPECT_TRUE(device(rank)->synchronize(streams[rank], std::chrono::seconds(20)).ok());
    std::vector<float> expected(kLarge, 1.0f);
    expected.resize(2 * kLarge, 2.0f);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), memory[rank] + kLarge));
  }
  for (int rank : {0, 1}) {
    EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comms[rank]));
    device(rank)->end_stream(streams[rank]);
    device(rank)->release(reinterpret_cast<std::byte*>(memory[rank]));
  }
  return most_blocks;
}

TEST(OnDevices, TheZeroPolicyLeavesMovesToCopies) {
  EXPECT_GT(blocks_of_all_gather(NCCL_CTA_POLICY_DEFAULT), 1);
  EXPECT_EQ(blocks_of_all_gather(NCCL_CTA_POLICY_ZERO), 1);
}

}  // namespace
}  // namespace tutti
