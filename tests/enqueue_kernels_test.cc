// Tests calls on memory of devices by kernels: where all ranks reach each other's devices, and in
// two levels on several hosts. Devices are made of threads.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "cases.h"
#include "enqueue_ranks.h"
#include "executor/cuda/multicast_kernels_host.h"
#include "sanitizers.h"

namespace tutti {
namespace {

using namespace test;

TEST(EnqueueWithKernels, EveryCollectiveIsRight) {
  on_devices(with_kernels(3), [](RankOnDevice& rank) {
    int turn = 0;
    for (const std::size_t count : {0, 1, 7, 5000, 60'000}) {
      for (const InPlace in_place : {InPlace::kNobody, InPlace::kEverybody}) {
        for (int c = 0; c < 8; ++c, ++turn) {
          const Case one{
              static_cast<Collective>(c), DataType::kFloat32, {}, count, turn % 3, in_place};
          CaseRunner(one, rank.comm, [&](const Call& call) {
            return run_on_device(rank, call);
          }).run();
          EXPECT_EQ(rank.comm.explain().transports, "cuda_p2p");
        }
      }
    }
  });
}

// As few as any rank wants.
TEST(EnqueueWithKernels, BlocksAreBounded) {
  static std::atomic<int> most;
  RanksOnDevices made = with_kernels(2);
  // In the place of a kernel; what it makes is not looked at.
  made.kernels.insert(made.kernels.begin(),
                      {"tutti_reduce_sum_float32",
                       [](const void*, int, int blocks) { most = std::max(most.load(), blocks); }});
  struct {
    std::vector<int> wanted;
    int expected;
  } const cases[] = {{{}, 16}, {{64, 40}, 40}, {{16, 3}, 3}};
  for (const auto& [wanted, expected] : cases) {
    most = 0;
    made.blocks = wanted;
    on_devices(made, [](RankOnDevice& rank) {
      DeviceBuffer<float> data(rank, std::vector<float>(1 << 20));
      ASSERT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
      ASSERT_OK(rank.synchronize());
    });
    EXPECT_EQ(most, expected);
  }
}

// From the greatest size that any rank wants.
TEST(EnqueueWithKernels, LargeCallsAreCopied) {
  RanksOnDevices made = with_kernels(3);
  made.copies = {100, 4000, 0};
  on_devices(made, [](RankOnDevice& rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    for (const int count : {999, 1000}) {
      DeviceBuffer<int> mine(rank, message(me, 0, count)), all(rank, n * count);
      ASSERT_OK(rank.comm.enqueue(all_gather(mine.all(), all.all()), rank.stream));
      EXPECT_EQ(rank.comm.explain().algorithm,
                count == 1000 ? "all_pairs_pull by copies" : "all_pairs");
      ASSERT_OK(rank.synchronize());
      ASSERT_OK(rank.comm.health());
      std::vector<int> expected;
      for (int peer = 0; peer < n; ++peer) {
        const std::vector<int> theirs = message(peer, 0, count);
        expected.insert(expected.end(), theirs.begin(), theirs.end());
      }
      EXPECT_EQ(all.values(), expected);
    }
  });
}

TEST(EnqueueWithKernels, MessagesGoThroughHostMemoryBesideThem) {
  on_devices(with_kernels(3), [](RankOnDevice& rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    DeviceBuffer<int> sum(rank, std::vector<int>(1000, me + 1)), got(rank, 100);
    DeviceBuffer<int> sent(rank, message(me, 0, 100));
    for (int round = 0; round < 3; ++round) {
      ASSERT_OK(rank.comm.enqueue(
          {send(sent.all(), (me + 1) % n), all_reduce(sum.all(), sum.all(), Reduction::kMax),
           receive(got.all(), (me + n - 1) % n)},
          rank.stream));
      EXPECT_EQ(rank.comm.explain().algorithm, "through host memory");
      ASSERT_OK(rank.comm.enqueue(all_reduce(sum.all(), sum.all(), Reduction::kMax), rank.stream));
      EXPECT_EQ(rank.comm.explain().transports, "cuda_p2p");
    }
    ASSERT_OK(rank.synchronize());
    EXPECT_EQ(sum.values(), std::vector<int>(1000, n));
    EXPECT_EQ(got.values(), message((me + n - 1) % n, 0, 100));
  });
}

TEST(EnqueueWithKernels, SumsGoThroughASwitchWhereThereIsOneUnlessTheyMustNot) {
  RanksOnDevices made = with_kernels(4);
  const auto switched = cuda::multicast_thread_kernels();
  made.kernels.insert(made.kernels.end(), switched.begin(), switched.end());
  const auto expect_path = [&](const char* path) {
    on_devices(made, [&](RankOnDevice& rank) {
      DeviceBuffer<float> data(rank, std::vector<float>(30'000, 1.5F));
      ASSERT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
      ASSERT_OK(rank.synchronize());
      EXPECT_EQ(rank.comm.explain().algorithm, path);
      EXPECT_EQ(data.values(), std::vector<float>(30'000, 6.0F));
    });
  };
  expect_path("two_shot");  // devices have none
  made.multicast = true;
  expect_path("two_shot by multicast");
  made.options.reproducible = true;
  expect_path("two_shot");
  made.options.reproducible = false;
  made.options.nvls = false;
  expect_path("two_shot");
}

TEST(EnqueueWithKernels, TheyAreForcedByName) {
  for (const auto& [option, path] : std::vector<std::pair<const char*, const char*>>{
           {"ring", "ring by interpreter"},
           {"all_reduce:ring", "ring by interpreter"},
           {"all_reduce:ring,all_gather:ring", "through host memory"}}) {
    RanksOnDevices made = with_kernels(2);
    made.options.algorithm = option;
    on_devices(made, [path = path](RankOnDevice& rank) {
      DeviceBuffer<float> data(rank, std::vector<float>(1000, 1));
      ASSERT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
      EXPECT_EQ(rank.comm.explain().algorithm, path);
      ASSERT_OK(rank.synchronize());
      EXPECT_EQ(data.values(), std::vector<float>(1000, 2));
    });
  }
}

// A message of one rank, before a collective, is received by another beside that collective.
TEST(EnqueueWithKernels, MessagesOfAGroupDoNotWaitForItsCollectives) {
  on_devices(with_kernels(2), [](RankOnDevice& rank) {
    DeviceBuffer<int> sum(rank, std::vector<int>(100, 1)), text(rank, message(1, 2, 100));
    if (rank.comm.rank() == 0) {
      ASSERT_OK(rank.comm.enqueue(send(text.all(), 1), rank.stream));
      ASSERT_OK(rank.comm.enqueue(all_reduce(sum.all(), sum.all()), rank.stream));
    } else {
      ASSERT_OK(rank.comm.enqueue({all_reduce(sum.all(), sum.all()), receive(text.all(), 0)},
                                  rank.stream));
    }
    ASSERT_OK(rank.synchronize());
    EXPECT_EQ(sum.values(), std::vector<int>(100, 2));
    EXPECT_EQ(text.values(), message(1, 2, 100));
  });
}

TEST(EnqueueWithKernels, ScansAreOfHostMemoryOnly) {
  on_devices(with_kernels(2), [](RankOnDevice& rank) {
    DeviceBuffer<int> data(rank, std::vector<int>(100, 1));
    for (const Call& call :
         {scan(data.all(), data.all()), exclusive_scan(data.all(), data.all())}) {
      const Status status = rank.comm.enqueue(call, rank.stream);
      EXPECT_EQ(status.code(), Code::kNotSupported) << status.message();
      EXPECT_TRUE(contains(status, "scan runs on host memory only: expected run() or start()"));
    }
    EXPECT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
    ASSERT_OK(rank.synchronize());
    EXPECT_EQ(data.values(), std::vector<int>(100, 2));
  });
}

// ---- in two levels, where there are several hosts of as many ranks

constexpr const char* kTwoLevels =
    "two levels: kernels inside hosts, through host memory between them";

void run_in_two_levels(RankOnDevice& rank, const Case& one, bool expected = true) {
  CaseRunner(one, rank.comm, [&](const Call& call) { return run_on_device(rank, call); }).run();
  EXPECT_EQ(rank.comm.explain().algorithm, expected ? kTwoLevels : "through host memory")
      << one.to_string();
}

bool comes_apart(Collective collective, bool in_order) {
  return collective == Collective::kAllReduce || collective == Collective::kBroadcast ||
         (in_order &&
          (collective == Collective::kAllGather || collective == Collective::kReduceScatter));
}

TEST(EnqueueInTwoLevels, EveryCollectiveIsRight) {
  for (const std::vector<int>& hosts :
       or_few<std::vector<std::vector<int>>>({{0, 1, 1, 0}, {0, 0, 1, 1, 2, 2}}, {{0, 0, 1, 1}})) {
    on_devices(with_kernels(hosts), [&](RankOnDevice& rank) {
      int turn = 0;
      for (const std::size_t count : {0, 7, 20'000}) {
        for (const InPlace in_place : {InPlace::kNobody, InPlace::kEverybody}) {
          for (int c = 0; c < 8; ++c, ++turn) {
            const auto collective = static_cast<Collective>(c);
            const DataType type = turn % 3 == 0 ? DataType::kBfloat16 : DataType::kFloat32;
            run_in_two_levels(rank,
                              {collective, type, {}, count, turn % rank.comm.ranks(), in_place},
                              comes_apart(collective, std::is_sorted(hosts.begin(), hosts.end())));
          }
        }
      }
    });
  }
}

TEST(EnqueueInTwoLevels, EveryReductionIsRightAndAveragesOfIntegersGoThroughHostMemory) {
  on_devices(with_kernels({0, 0, 1, 1}), [&](RankOnDevice& rank) {
    for (const Collective collective : {Collective::kAllReduce, Collective::kReduceScatter}) {
      for (const ReduceOp op :
           {ReduceOp(Reduction::kProd), ReduceOp(Reduction::kMax), ReduceOp(Reduction::kBitXor),
            ReduceOp(Reduction::kLogicalOr), ReduceOp::pre_mul_sum(2.0)}) {
        const bool scales = op.reduction == Reduction::kPreMulSum;
        run_in_two_levels(rank,
                          {collective, scales ? DataType::kFloat32 : DataType::kInt32, op, 9000});
      }
      for (const DataType type : {DataType::kFloat64, DataType::kFloat16, DataType::kBfloat16}) {
        run_in_two_levels(rank, {collective, type, Reduction::kAvg, 9000});
      }
      run_in_two_levels(rank, {collective, DataType::kInt32, Reduction::kAvg, 9000}, false);
    }
  });
}

TEST(EnqueueInTwoLevels, LargeCallsGoInPiecesAndThroughHostMemoryWhereScratchIsTooSmall) {
  RanksOnDevices made = with_kernels({0, 0, 1, 1});
  made.options.scratch_bytes = std::size_t{2} << 20;
  on_devices(made, [](RankOnDevice& rank) {
    run_in_two_levels(rank, {Collective::kAllReduce, DataType::kFloat64, {}, 600'011});
    if (kSanitized) return;
    run_in_two_levels(rank, {Collective::kBroadcast, DataType::kFloat64, {}, 600'011});
    run_in_two_levels(rank, {Collective::kAllGather, DataType::kFloat64, {}, 140'011});
    run_in_two_levels(rank, {Collective::kReduceScatter, DataType::kFloat64, {}, 131'072});
    run_in_two_levels(rank, {Collective::kReduceScatter, DataType::kFloat64, {}, 131'073}, false);
  });
}

TEST(EnqueueInTwoLevels, NotWhereItMustNotBe) {
  const auto expect_host_memory = [](const RanksOnDevices& made) {
    on_devices(made, [](RankOnDevice& rank) {
      run_in_two_levels(rank, {Collective::kAllReduce, DataType::kFloat32, {}, 100}, false);
    });
  };
  expect_host_memory(with_kernels({0, 1, 1}));
  RanksOnDevices made = with_kernels({0, 0, 1, 1});
  made.options.reproducible = true;
  expect_host_memory(made);
  made.options.reproducible = false;
  made.options.algorithm = "ring";
  expect_host_memory(made);
}

TEST(EnqueueInTwoLevels, GroupsAndCommunicatorsSplitFromOne) {
  on_devices(with_kernels({0, 0, 1, 1}), [](RankOnDevice& rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    DeviceBuffer<int> sum(rank, std::vector<int>(10'000, 1)), got(rank, 100);
    DeviceBuffer<int> sent(rank, message(me, 0, 100));
    ASSERT_OK(rank.comm.enqueue({send(sent.all(), (me + 1) % n), all_reduce(sum.all(), sum.all()),
                                 receive(got.all(), (me + n - 1) % n)},
                                rank.stream));
    Result<Communicator> part = rank.comm.split(0, n - me);  // ranks the other way round
    ASSERT_OK(part.status());
    ASSERT_OK(part->enqueue(broadcast(sum.all(), sum.all(), 1), rank.stream));
    EXPECT_EQ(part->explain().algorithm, kTwoLevels);
    ASSERT_OK(rank.synchronize());
    EXPECT_EQ(sum.values(), std::vector<int>(10'000, n));
    EXPECT_EQ(got.values(), message((me + n - 1) % n, 0, 100));
  });
}

}  // namespace
}  // namespace tutti
