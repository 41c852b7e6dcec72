// Sums by a switch (NVLS) on devices made of threads, where a multicast address stands for the
// memory of all: the kernel against the reference execution of what it stands for, who may use it,
// and what happens where it cannot be had.
//
// ROOMS: executor algorithms
// TIER: fast

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "device_actor.h"
#include "device_ranks.h"
#include "device_wrapper.h"
#include "executor/cuda/choose_path.h"
#include "executor/cuda/multicast_kernels.h"
#include "expect_ok.h"
#include "transports/cuda_p2p/members.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using cuda::Path;
using test::Actor;
using test::DeviceGround;
using test::DeviceRank;
using test::DeviceTrials;
using test::settings_for;
using test::Trial;

constexpr DataType kTypes[] = {DataType::kFloat32, DataType::kFloat16, DataType::kBfloat16};

// Of all types and sums that a switch does; more bytes than one_shot takes.
DeviceTrials trials_of(int ranks, const std::vector<std::size_t>& counts) {
  const ReduceOp ops[] = {Reduction::kSum, Reduction::kAvg, ReduceOp::pre_mul_sum(0.7)};
  DeviceTrials trials;
  for (const std::size_t count : counts) {
    for (const DataType type : kTypes) {
      const bool in_place = trials.size() % 2 != 0;
      auto shape = test::device_trial(*find_algorithm(Collective::kAllReduce, "two_shot_pull"),
                                      ranks, count, in_place, 0);
      shape.type = type;
      shape.op = ops[trials.size() / 2 % std::size(ops)];
      trials.push_back(std::make_unique<Trial>(shape, trials.size()));
    }
  }
  return trials;
}

// Every other time the buffers lie eight bytes further: then packs are not whole ones of them.
void perform(DeviceRank& rank, const DeviceTrials& trials, int blocks) {
  CudaExecutor::Settings settings = settings_for(rank.boards().team().ranks);
  settings.blocks = blocks;
  Actor actor(rank, settings);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    rank.use_image(i % 2 * 8);
    ASSERT_EQ(actor.perform(*trials[i]), "") << trials[i]->to_string();
    EXPECT_EQ(actor.executor().last_path(), "two_shot by multicast");
  }
}

// In one window of a block and in many, of which the last are short.
TEST(CudaMulticast, GivesTheBitsOfWhatItStandsFor) {
  for (const int ranks : {4, 5, 8}) {
    const DeviceTrials trials = trials_of(ranks, {32'769, 70'001});
    const DeviceGround ground{.ranks = ranks, .multicast = true};
    test::run_device_ranks(ground, image_bytes(trials) + 8,
                           [&](DeviceRank& rank) { perform(rank, trials, 4); });
    const DeviceGround wide{.ranks = ranks, .scratch_bytes = 1 << 20, .multicast = true};
    test::run_device_ranks(wide, image_bytes(trials) + 8,
                           [&](DeviceRank& rank) { perform(rank, trials, 3); });
    if (HasFailure()) return;
  }
}

TEST(CudaMulticast, DoesSoBetweenProcesses) {
  const DeviceTrials trials = trials_of(4, {40'009});
  test::run_device_processes({.ranks = 4, .multicast = true}, image_bytes(trials) + 8,
                             [&](DeviceRank& rank) { perform(rank, trials, 4); });
}

// Slots are used again and again by calls that follow each other, of blocks that differ in number.
TEST(CudaMulticast, DoesSoWhenRanksAndBlocksAreLate) {
  const DeviceTrials trials = trials_of(4, {40'009, 100'003, 34'000});
  const std::size_t image = image_bytes(trials);
  const DeviceGround ground{.ranks = 4, .most_delay = 200us, .multicast = true};
  test::run_device_ranks(ground, trials.size() * image, [&](DeviceRank& rank) {
    Actor actor(rank, settings_for(4));
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < trials.size(); ++i) {
        rank.use_image(i * image);
        rank.load(*trials[i]);
        ASSERT_OK(actor.enqueue(*trials[i]));
      }
      ASSERT_OK(rank.synchronize());
      ASSERT_OK(actor.executor().health());
      for (std::size_t i = 0; i < trials.size(); ++i) {
        rank.use_image(i * image);
        ASSERT_EQ(rank.difference(*trials[i]), "") << trials[i]->to_string();
      }
    }
  });
}

TEST(CudaMulticast, ARecordedCallIsReplayed) {
  const DeviceTrials trials = trials_of(4, {40'009});
  const Trial& trial = *trials.front();
  test::run_device_ranks({.ranks = 4, .multicast = true}, image_bytes(trials),
                         [&](DeviceRank& rank) {
                           Actor actor(rank, settings_for(4));
                           rank.device().begin_recording(rank.stream());
                           ASSERT_OK(actor.enqueue(trial));
                           const auto recording = rank.device().end_recording(rank.stream());
                           for (int i = 0; i < 3; ++i) {
                             rank.load(trial);
                             rank.device().replay(rank.stream(), recording);
                             ASSERT_OK(rank.synchronize());
                             EXPECT_EQ(rank.difference(trial), "");
                           }
                         });
}

TEST(CudaMulticast, ARankThatDoesNotComeIsNamed) {
  test::run_device_ranks({.ranks = 4, .multicast = true}, 400'000, [&](DeviceRank& rank) {
    CudaExecutor::Settings settings = settings_for(4);
    settings.call_timeout = 300ms;
    Actor actor(rank, settings);
    if (rank.rank() == 2) return;
    const DeviceCall call{.collective = Collective::kAllReduce,
                          .type = DataType::kFloat32,
                          .op = {},
                          .count = 100'000,
                          .input = rank.image(),
                          .output = rank.image()};
    ASSERT_OK(actor.executor().enqueue(call, rank.stream()));
    ASSERT_OK(rank.synchronize());
    const Status status = actor.executor().health();
    EXPECT_EQ(status.code(), Code::kTimeout);
    EXPECT_EQ(status.message(),
              "all_reduce #1 (float, 100000, sum): rank 2 has not come within 0.3 s");
  });
}

// ---- who may use it

TEST(CudaMulticast, IsForSumsOfFloatsThatSwitchesAdd) {
  const auto is_for_switch = [](DataType type, const ReduceOp& op) {
    return cuda::is_for_switch(type, cuda::arithmetic_of(type, op, 4));
  };
  for (const DataType type : kTypes) {
    EXPECT_TRUE(is_for_switch(type, Reduction::kSum));
    EXPECT_TRUE(is_for_switch(type, Reduction::kAvg));
    EXPECT_TRUE(is_for_switch(type, ReduceOp::pre_mul_sum(2.0)));
    EXPECT_FALSE(is_for_switch(type, Reduction::kMax));
    EXPECT_FALSE(is_for_switch(type, Reduction::kProd));
  }
  EXPECT_FALSE(is_for_switch(DataType::kFloat64, Reduction::kSum));
  EXPECT_FALSE(is_for_switch(DataType::kFloat8e4m3, Reduction::kSum));
  EXPECT_FALSE(is_for_switch(DataType::kInt32, Reduction::kSum));
}

TEST(CudaMulticast, IsChosenForAllReduceAbovePackets) {
  constexpr std::size_t kLarge = cuda::kPacketBytes + 1;
  const cuda::PathQuestion sum{
      .collective = Collective::kAllReduce, .bytes = kLarge, .multicast = true};
  const auto changed = [&](auto change) {
    cuda::PathQuestion question = sum;
    change(question);
    return cuda::choose_path(question);
  };
  EXPECT_EQ(cuda::choose_path(sum), Path::kMulticast);
  EXPECT_EQ(changed([](auto& q) { q.bytes = cuda::kPacketBytes; }), Path::kOneShot);
  EXPECT_EQ(changed([](auto& q) { q.multicast = false; }), Path::kReduce);
  EXPECT_EQ(changed([](auto& q) { q.engine = true; }), Path::kEngine);
  EXPECT_EQ(changed([](auto& q) { q.forced = "two_shot"; }), Path::kReduce);
  EXPECT_EQ(changed([](auto& q) { q.collective = Collective::kReduceScatter; }), Path::kReduce);
  EXPECT_EQ(changed([](auto& q) { q.collective = Collective::kAllGather; }), Path::kMove);
}

// What the members of a set of boards say, by what their devices are.
std::string verdict(const std::vector<DeviceFacts>& devices) {
  std::vector<cuda_p2p::Introduction> introductions;
  for (const DeviceFacts& facts : devices) {
    introductions.push_back(*cuda_p2p::introduce(facts, 1 << 20));
  }
  return cuda_p2p::Members::make(introductions)->multicast().to_string();
}

std::vector<DeviceFacts> devices_with_multicast(int count) {
  std::vector<DeviceFacts> devices;
  for (int i = 0; i < count; ++i) {
    devices.push_back(thread_device_facts(i));
    devices.back().has_multicast = true;
  }
  return devices;
}

TEST(CudaMulticast, NeedsADeviceThatHasItForEachRankAndSomeRanks) {
  EXPECT_EQ(verdict(devices_with_multicast(4)), "ok");
  EXPECT_EQ(verdict(devices_with_multicast(3)),
            "not supported: 3 ranks gain nothing by it: expected at least 4");
  std::vector<DeviceFacts> devices = devices_with_multicast(8);
  devices[5].has_multicast = false;
  EXPECT_EQ(verdict(devices),
            "not supported: the device of rank 5, its driver or its kernels have no multicast");
  devices = devices_with_multicast(8);
  devices[7].uuid = devices[1].uuid;
  EXPECT_EQ(verdict(devices), "not supported: ranks share a device");
}

// ---- where it cannot be had

// Fails at a step of joining, on one rank.
class Refusing final : public test::DeviceWrapper {
 public:
  enum class Step { kNone, kMake, kJoin, kBind };
  Refusing(std::unique_ptr<Device> device, Step step)
      : DeviceWrapper(std::move(device)), step_(step) {}

  Result<SharedMemory> make_multicast(std::size_t bytes, int devices) override {
    if (step_ == Step::kMake) return refusal();
    return DeviceWrapper::make_multicast(bytes, devices);
  }
  Result<std::unique_ptr<DeviceMulticast>> join_multicast(const SharedMemory& shared) override {
    if (step_ == Step::kJoin) return refusal();
    auto joined = DeviceWrapper::join_multicast(shared);
    if (step_ != Step::kBind || !joined.ok()) return joined;
    return std::unique_ptr<DeviceMulticast>(new Unbound);
  }

 private:
  static Status refusal() { return {Code::kSystem, "out of something"}; }
  class Unbound final : public DeviceMulticast {
   public:
    Status bind() override { return refusal(); }
    MulticastMemory memory() const override { return {}; }
  };
  const Step step_;
};

void expect_to_do_without(Refusing::Step step, int refuser) {
  constexpr int kRanks = 4;
  const auto memory = std::make_shared<ThreadMemory>();
  auto bootstraps = make_thread_bootstraps(kRanks);
  test::run_ranks_as_threads(kRanks, [&](int rank) {
    Bootstrap& bootstrap = *bootstraps[rank];
    const auto soon = [] { return std::chrono::steady_clock::now() + test::kDevicePatience; };
    ThreadDeviceSettings settings;
    settings.facts = devices_with_multicast(kRanks)[rank];
    settings.memory = memory;
    const auto device = std::make_shared<Refusing>(std::make_unique<ThreadDevice>(settings),
                                                   rank == refuser ? step : Refusing::Step::kNone);
    const auto boards = Boards::create(device, bootstrap, 1 << 16, soon());
    EXPECT_OK(boards.status());
    if (!boards.ok()) return 1;
    EXPECT_FALSE((*boards)->multicast().has_value());
    EXPECT_EQ((*boards)->add_multicast(bootstrap, soon()),
              Status(Code::kSystem, "rank " + std::to_string(refuser) + ": out of something"));
    EXPECT_FALSE((*boards)->multicast().has_value());
    return bootstrap.all_gather("done", soon()).ok() ? 0 : 1;
  });
}

TEST(CudaMulticast, AllDoWithoutWhereOneRankFails) {
  expect_to_do_without(Refusing::Step::kMake, 0);
  expect_to_do_without(Refusing::Step::kJoin, 0);
  expect_to_do_without(Refusing::Step::kJoin, 3);
  expect_to_do_without(Refusing::Step::kBind, 2);
}

// What GPUs do not allow either.
TEST(ThreadMulticast, WantsEveryDeviceOnceAndAllBeforeMemory) {
  ThreadDevice one{ThreadDeviceSettings()};
  const SharedMemory shared = one.make_multicast(100, 2).value();
  const auto mine = std::move(*one.join_multicast(shared));
  EXPECT_EQ(mine->bind().message(), "memory is bound before all devices have joined");
  const auto again = std::move(*one.join_multicast(shared));
  EXPECT_EQ(mine->bind().message(), "a device has joined twice");
  EXPECT_EQ(one.join_multicast(shared).status().message(), "all 2 devices have joined already");
  EXPECT_EQ(one.make_multicast(100, 17).status().message(),
            "multicast among 17 devices: expected 1 to 16");
}

}  // namespace
}  // namespace tutti
