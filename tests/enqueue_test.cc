// Tests calls on memory of devices: src/communicator/enqueue.cc, device_calls.cc, device_group.cc,
// device_memory.cc, device_staging.cc and fed_calls.cc. Devices are made of threads; on several
// hosts, and without kernels, all goes through host memory.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "cases.h"
#include "device_communicators.h"
#include "executor/cuda/kernels_host.h"
#include "executor/cuda/multicast_kernels_host.h"
#include "executor/cuda/plan_kernels_host.h"
#include "executor/cuda/visit_kernels.h"
#include "sanitizers.h"

namespace tutti {
namespace {

using namespace test;
using std::chrono::milliseconds;

bool contains(const Status& status, const std::string& words) {
  return status.message().find(words) != std::string::npos;
}

// What rank `from` sends to rank `to`.
std::vector<int> message(int from, int to, std::size_t count) {
  std::vector<int> text(count);
  std::iota(text.begin(), text.end(), 1'000'000 * from + 100'000 * to);
  return text;
}

std::vector<ThreadKernel> kernels_for_calls() {
  std::vector<ThreadKernel> all;
  for (const auto kernels :
       {cuda::fast_thread_kernels(), cuda::plan_thread_kernels(), cuda::visit_thread_kernels()}) {
    all.insert(all.end(), kernels.begin(), kernels.end());
  }
  return all;
}

RanksOnDevices with_kernels(const std::vector<int>& host_of) {
  return {.host_of = host_of, .kernels = kernels_for_calls()};
}
RanksOnDevices with_kernels(int ranks) { return with_kernels(std::vector<int>(ranks)); }

// Ranks whose calls all go through host memory, or past it if they only move; where there are
// kernels, by those of visits.
struct Ground {
  std::vector<int> host_of;
  bool kernels = false;
  bool directly = false;
};

RanksOnDevices on(const Ground& ground) {
  RanksOnDevices made{.host_of = ground.host_of};
  if (ground.kernels) made.kernels = kernels_for_calls();
  if (ground.directly) made.options.gpudirect = true;
  return made;
}

class Enqueue : public testing::TestWithParam<Ground> {
 protected:
  RanksOnDevices ranks() const { return on(GetParam()); }
  void run_case(RankOnDevice& rank, const Case& one) {
    CaseRunner(one, rank.comm, [&](const Call& call) { return run_on_device(rank, call); }).run();
  }
};

TEST_P(Enqueue, EveryCollectiveIsRight) {
  constexpr DataType kTypes[] = {DataType::kFloat32, DataType::kInt8, DataType::kBfloat16};
  on_devices(ranks(), [&](RankOnDevice& rank) {
    int turn = 0;
    for (const std::size_t count : {0, 1, 7, 5000}) {
      for (const InPlace in_place : {InPlace::kNobody, InPlace::kEverybody, InPlace::kEvenRanks}) {
        for (int c = 0; c < 8; ++c, ++turn) {
          run_case(rank, {static_cast<Collective>(c),
                          kTypes[turn % 3],
                          {},
                          count,
                          turn % rank.comm.ranks(),
                          in_place});
        }
      }
    }
    ASSERT_OK(rank.comm.enqueue(barrier(), rank.stream));
    ASSERT_OK(rank.synchronize());
  });
}

TEST_P(Enqueue, EveryReductionIsRight) {
  on_devices(ranks(), [&](RankOnDevice& rank) {
    for (const Reduction op : {Reduction::kProd, Reduction::kMax, Reduction::kMin, Reduction::kAvg,
                               Reduction::kBitXor, Reduction::kLogicalOr}) {
      run_case(rank, {Collective::kAllReduce, DataType::kInt32, op, 100});
      run_case(rank, {Collective::kReduceScatter, DataType::kUint8, op, 100});
    }
    run_case(rank, {Collective::kAllReduce, DataType::kFloat32, ReduceOp::pre_mul_sum(2.0), 100});
    const ReduceOp user =
        ReduceOp::user([](const void* source, void* target, std::size_t count, DataType, void*) {
          for (std::size_t i = 0; i < count; ++i) {
            static_cast<std::int32_t*>(target)[i] += static_cast<const std::int32_t*>(source)[i];
          }
        });
    run_case(rank, {Collective::kAllReduce, DataType::kInt32, user, 100});
  });
}

TEST_P(Enqueue, CountsMayDifferBetweenRanks) {
  on_devices(ranks(), [&](RankOnDevice& rank) {
    const int n = rank.comm.ranks();
    const std::size_t me = rank.comm.rank();
    for (const std::size_t scale : {1, 300'000}) {
      std::vector<std::size_t> counts(n);
      for (int r = 0; r < n; ++r) counts[r] = r == 1 ? 0 : (r + 1) * scale;
      std::vector<int> input = message(rank.comm.rank(), 0, counts[me]), expected;
      for (int r = 0; r < n; ++r) {
        const std::vector<int> theirs = message(r, 0, counts[r]);
        expected.insert(expected.end(), theirs.begin(), theirs.end());
      }
      std::vector<int> output(expected.size());
      ASSERT_OK(run_on_device(rank, all_gather_v(input, output, counts)));
      EXPECT_EQ(output, expected);

      std::vector<int> part(counts[me]), sums(counts[me]);
      const std::size_t first =
          std::accumulate(counts.begin(), counts.begin() + me, std::size_t{0});
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = n * expected[first + i];
      ASSERT_OK(run_on_device(rank, reduce_scatter_v(expected, part, counts)));
      EXPECT_EQ(part, sums);
    }
  });
}

TEST_P(Enqueue, EveryRankGetsWhatItIsOwedByAllToAllV) {
  on_devices(ranks(), [&](RankOnDevice& rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    for (const std::size_t scale : {1, 200'000}) {
      const auto owed = [&](int from, int to) {
        return from == to ? 0 : static_cast<std::size_t>(from + 2 * to) * scale;
      };
      std::vector<std::size_t> sends, receives;
      std::vector<int> input, expected;
      for (int peer = 0; peer < n; ++peer) {
        sends.push_back(owed(me, peer));
        receives.push_back(owed(peer, me));
        const auto out = message(me, peer, sends.back()), in = message(peer, me, receives.back());
        input.insert(input.end(), out.begin(), out.end());
        expected.insert(expected.end(), in.begin(), in.end());
      }
      std::vector<int> output(expected.size());
      ASSERT_OK(run_on_device(rank, all_to_all_v(input, sends, output, receives)));
      EXPECT_EQ(output, expected);
    }
  });
}

TEST_P(Enqueue, MessagesOfAllPairsArrive) {
  on_devices(ranks(), [&](RankOnDevice& rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    for (const std::size_t count : {0, 1, 1000, 400'000}) {
      std::vector<std::unique_ptr<DeviceBuffer<int>>> buffers;
      std::vector<Call> group;
      for (int peer = 0; peer < n; ++peer) {
        buffers.push_back(std::make_unique<DeviceBuffer<int>>(rank, message(me, peer, count)));
        group.push_back(send(buffers.back()->all(), peer));
        buffers.push_back(std::make_unique<DeviceBuffer<int>>(rank, count));
        group.push_back(receive(buffers.back()->all(), peer));
      }
      ASSERT_OK(rank.comm.enqueue(group, rank.stream));
      ASSERT_OK(rank.synchronize());
      for (int peer = 0; peer < n; ++peer) {
        EXPECT_EQ(buffers[2 * peer + 1]->values(), message(peer, me, count));
      }
    }
    EXPECT_OK(rank.comm.health());
  });
}

// The first rank's group can end only when its message has gone round, which is far longer than
// staging memory: no direction may wait for the other.
TEST_P(Enqueue, AMessageGoesRoundWhileAGroupWaitsForIt) {
  on_devices(ranks(), [&](RankOnDevice& rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    const std::vector<int> token = message(7, 7, 1'000'000);
    DeviceBuffer<int> sent(rank, token), got(rank, token.size());
    const int right = (me + 1) % n, left = (me + n - 1) % n;
    if (me == 0) {
      ASSERT_OK(
          rank.comm.enqueue({send(sent.all(), right), receive(got.all(), left)}, rank.stream));
    } else {
      ASSERT_OK(rank.comm.enqueue(receive(got.all(), left), rank.stream));
      ASSERT_OK(rank.comm.enqueue(send(got.all(), right), rank.stream));
    }
    ASSERT_OK(rank.synchronize());
    EXPECT_EQ(got.values(), token);
  });
}

TEST_P(Enqueue, AGroupHoldsCallsOfEveryKind) {
  on_devices(ranks(), [&](RankOnDevice& rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    DeviceBuffer<int> sum(rank, std::vector<int>(1000, me + 1)), all(rank, n);
    DeviceBuffer<int> mine(rank, std::vector<int>{me}), sent(rank, message(me, 0, 100));
    DeviceBuffer<int> got(rank, 100);
    ASSERT_OK(
        rank.comm.enqueue({send(sent.all(), (me + 1) % n), all_reduce(sum.all(), sum.all()),
                           receive(got.all(), (me + n - 1) % n), all_gather(mine.all(), all.all())},
                          rank.stream));
    ASSERT_OK(rank.synchronize());
    EXPECT_EQ(sum.values(), std::vector<int>(1000, n * (n + 1) / 2));
    EXPECT_EQ(got.values(), message((me + n - 1) % n, 0, 100));
    std::vector<int> expected(n);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(all.values(), expected);
  });
}

TEST_P(Enqueue, CallsFollowWhatTheStreamDidBefore) {
  RanksOnDevices slow = ranks();
  slow.most_delay = std::chrono::microseconds(300);
  on_devices(slow, [&](RankOnDevice& rank) {
    const int n = rank.comm.ranks();
    DeviceBuffer<int> first(rank, std::vector<int>(500, 1)), second(rank, 500), third(rank, 500);
    for (int round = 0; round < 5; ++round) {
      ASSERT_OK(rank.device.copy(rank.stream, second.data(), first.data(), 2000));
      ASSERT_OK(rank.comm.enqueue(all_reduce(second.all(), second.all()), rank.stream));
      ASSERT_OK(rank.device.copy(rank.stream, third.data(), second.data(), 2000));
      ASSERT_OK(rank.comm.enqueue(all_reduce(third.all(), third.all()), rank.stream));
    }
    ASSERT_OK(rank.synchronize());
    EXPECT_EQ(third.values(), std::vector<int>(500, n * n));
  });
}

// Calls are made in the order of enqueue(), whatever stream is ready first.
TEST_P(Enqueue, StreamsMayComeInAnyOrder) {
  on_devices(ranks(), [&](RankOnDevice& rank) {
    const int n = rank.comm.ranks();
    DeviceBuffer<std::uint32_t> gate(rank, 1);
    DeviceBuffer<int> one(rank, std::vector<int>(10, 1)), two(rank, std::vector<int>(10, 2));
    const Stream other = *rank.device.make_stream();
    ASSERT_OK(rank.device.wait_until(rank.stream, gate.data(), 1));
    ASSERT_OK(rank.comm.enqueue(all_reduce(one.all(), one.all()), rank.stream));
    ASSERT_OK(rank.comm.enqueue(all_reduce(two.all(), two.all()), other));
    const Stream third = *rank.device.make_stream();
    ASSERT_OK(rank.device.set(third, gate.data(), 1));
    ASSERT_OK(rank.synchronize());
    ASSERT_OK(rank.device.synchronize(other, milliseconds(20'000)));
    EXPECT_EQ(one.values(), std::vector<int>(10, n));
    EXPECT_EQ(two.values(), std::vector<int>(10, 2 * n));
  });
}

TEST_P(Enqueue, CallsOnHostMemoryRunBeside) {
  on_devices(ranks(), [&](RankOnDevice& rank) {
    const int n = rank.comm.ranks();
    DeviceBuffer<int> data(rank, std::vector<int>(100, 1));
    DeviceBuffer<std::uint32_t> gate(rank, 1);
    ASSERT_OK(rank.device.wait_until(rank.stream, gate.data(), 1));
    ASSERT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
    std::vector<int> host(100, 3);
    ASSERT_OK(rank.comm.all_reduce(host, host));  // while the stream is held
    EXPECT_EQ(host, std::vector<int>(100, 3 * n));
    ASSERT_OK(rank.device.set(*rank.device.make_stream(), gate.data(), 1));
    ASSERT_OK(rank.synchronize());
    EXPECT_EQ(data.values(), std::vector<int>(100, n));
  });
}

TEST_P(Enqueue, RandomSequencesAreRight) {
  RanksOnDevices slow = ranks();
  slow.most_delay = std::chrono::microseconds(100);
  on_devices(slow, [&](RankOnDevice& rank) {
    std::mt19937 random(17);  // the same on all ranks
    std::vector<Stream> streams = {rank.stream, *rank.device.make_stream(), nullptr};
    for (int round = 0; round < 40; ++round) {
      rank.stream = streams[random() % 3];
      const int root = static_cast<int>(random() % rank.comm.ranks());
      run_case(rank, {static_cast<Collective>(random() % 8),
                      DataType::kInt16,
                      {},
                      random() % 3000,
                      root,
                      static_cast<InPlace>(random() % 2)});
    }
  });
}

using Grounds = std::vector<Ground>;
INSTANTIATE_TEST_SUITE_P(Hosts, Enqueue,
                         testing::ValuesIn(or_few<Grounds>(
                             {{{0}},
                              {{0, 0}},
                              {{0, 1}},
                              {{0, 0, 1, 1}},
                              {{0, 1, 1}, true},
                              {{0, 1, 2}, true, true},
                              {{0, 1, 1}, false, true}},
                             {{{0}}, {{0, 0}}, {{0, 1, 0}, true}, {{0, 1, 2}, true, true}})),
                         [](const auto& info) {
                           std::string text;
                           for (const int host : info.param.host_of)
                             text += static_cast<char>('a' + host);
                           text += info.param.kernels ? "ByKernels" : "";
                           return text + (info.param.directly ? "Directly" : "");
                         });

TEST(EnqueueLarge, CallsGoInPieces) {
  const std::vector<int> one_host = {0, 0}, two_hosts = {0, 1};
  for (const Ground& ground : {Ground{one_host}, {two_hosts}, {two_hosts, false, true}}) {
    on_devices(on(ground), [](RankOnDevice& rank) {
      for (int c = 0; c < 8; ++c) {
        const InPlace in_place = c % 2 == 0 ? InPlace::kEverybody : InPlace::kNobody;
        const Case one{static_cast<Collective>(c), DataType::kFloat64, {}, 280'011, 0, in_place};
        CaseRunner(one, rank.comm, [&](const Call& call) {
          return run_on_device(rank, call);
        }).run();
      }
    });
  }
}

// ---- by kernels, where all ranks reach each other's devices

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

// ---- graphs

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

// A rank that fails tells the others, whatever they wait in.
TEST(EnqueueWithKernels, AbortEndsKernelsOfAllRanks) {
  std::barrier all_enqueued(3);
  on_devices(with_kernels(3), [&](RankOnDevice& rank) {
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
  });
}

// ---- bad input

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

TEST(EnqueueFailure, AbortEndsCallsOfAllRanks) {
  for (const std::vector<int>& hosts : {std::vector<int>{0, 0, 0}, std::vector<int>{0, 1, 1}}) {
    std::barrier all_enqueued(3);
    on_devices({.host_of = hosts}, [&](RankOnDevice& rank) {
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

// ---- communicators of communicators, and memory

TEST(EnqueueOnParts, PartsHaveTheSameDevices) {
  for (const RanksOnDevices& made : {RanksOnDevices::on_one_host(4), with_kernels(4)}) {
    on_devices(made, [](RankOnDevice& rank) {
      Result<Communicator> part = rank.comm.split(rank.comm.rank() % 2);
      ASSERT_OK(part.status());
      DeviceBuffer<int> data(rank, std::vector<int>(1000, rank.comm.rank()));
      ASSERT_OK(part->enqueue(all_reduce(data.all(), data.all()), rank.stream));
      ASSERT_OK(rank.synchronize());
      EXPECT_EQ(data.values(), std::vector<int>(1000, rank.comm.rank() % 2 == 0 ? 2 : 4));
      ASSERT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
      ASSERT_OK(rank.synchronize());
      EXPECT_EQ(data.values(), std::vector<int>(1000, 12));
    });
  }
}

TEST(EnqueueOnParts, SurvivorsGoOnWithTheirDevices) {
  RanksOnDevices made = RanksOnDevices::on_one_host(3);
  made.options.call_timeout = milliseconds(300);
  made.options.start_timeout = milliseconds(3000);
  on_devices(made, [](RankOnDevice& rank) {
    if (rank.comm.rank() == 1) {
      { const Communicator left = std::move(rank.comm); }
      return;
    }
    DeviceBuffer<int> data(rank, std::vector<int>(10, 1));
    ASSERT_OK(rank.comm.enqueue(all_reduce(data.all(), data.all()), rank.stream));
    ASSERT_OK(rank.synchronize());
    EXPECT_FALSE(eventual_health(rank.comm).ok());
    Result<Communicator> survivors = rank.comm.shrink();
    ASSERT_OK(survivors.status());
    DeviceBuffer<int> again(rank, std::vector<int>(10, 1));
    ASSERT_OK(survivors->enqueue(all_reduce(again.all(), again.all()), rank.stream));
    ASSERT_OK(rank.synchronize());
    EXPECT_EQ(again.values(), std::vector<int>(10, 2));
    EXPECT_OK(survivors->health());
  });
}

TEST(EnqueueMemory, IsAllocatedOnAllRanksOrNone) {
  for (const RanksOnDevices& made : {two(), with_kernels(2), with_kernels({0, 0, 1, 1})}) {
    on_devices(made, [](RankOnDevice& rank) {
      for (int round = 0; round < 3; ++round) {
        const std::size_t count = rank.comm.rank() == 0 ? 1000 : 0;
        Result<Memory> mine = rank.comm.allocate_on_device(count * sizeof(int));
        ASSERT_OK(mine.status());
        Result<Memory> all = rank.comm.allocate_on_device(4000);
        ASSERT_OK(all.status());
        EXPECT_OK(rank.device.allocation_of(all->data()).status());
        const std::span<int> data = all->as<int>(1000);
        std::fill(data.begin(), data.end(), 1);
        ASSERT_OK(rank.comm.enqueue(all_reduce(data, data), rank.stream));
        ASSERT_OK(rank.synchronize());
        EXPECT_EQ(data[999], rank.comm.ranks());
      }
      ASSERT_OK(rank.comm.barrier());
    });
  }
}

TEST(EnqueueMemory, OfTheCallersIsRegistered) {
  for (const RanksOnDevices& made : {with_kernels(2), with_kernels({0, 0, 1, 1})}) {
    on_devices(made, [](RankOnDevice& rank) {
      DeviceBuffer<int> data(rank, 10);
      ASSERT_OK(rank.comm.register_on_device(rank.comm.rank() == 0 ? data.data() : nullptr));
      std::vector<int> host(10);
      const Status status =
          rank.comm.register_on_device(rank.comm.rank() == 1 ? host.data() : nullptr);
      EXPECT_EQ(status.code(), Code::kInvalidArgument);
      EXPECT_TRUE(contains(status, "rank 1: ")) << status.message();
      EXPECT_TRUE(contains(status, "memory of the host")) << status.message();
    });
  }
}

}  // namespace
}  // namespace tutti
