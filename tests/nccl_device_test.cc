// Tests src/nccl on memory of a device: calls go to their streams. The device is made of threads,
// and stands in the place of NVIDIA's driver, which the library would open; ranks share it.
//
// ROOMS: nccl communicator
// TIER: fast

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <span>

#include "communicator/impl.h"
#include "device/thread_device.h"
#include "executor/cuda/kernels_host.h"
#include "executor/cuda/plan_kernels_host.h"
#include "executor/cuda/visit_kernels.h"
#include "nccl_ranks.h"

namespace tutti {
namespace {

using namespace test;

ThreadDeviceSettings with_kernels() {
  ThreadDeviceSettings settings;
  for (const auto kernels :
       {cuda::fast_thread_kernels(), cuda::plan_thread_kernels(), cuda::visit_thread_kernels()}) {
    settings.kernels.insert(settings.kernels.end(), kernels.begin(), kernels.end());
  }
  return settings;
}

const std::shared_ptr<ThreadDevice>& device() {
  static const auto only = std::make_shared<ThreadDevice>(with_kernels());
  return only;
}

}  // namespace

// In the place of the one in device_open.cc, which is not linked then.
OpenDevice open_of_driver() {
  return [](int) -> Result<std::shared_ptr<Device>> { return std::shared_ptr<Device>(device()); };
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

}  // namespace
}  // namespace tutti
