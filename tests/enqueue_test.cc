// Tests calls on memory of devices: src/communicator/enqueue.cc, device_calls.cc, device_group.cc,
// device_memory.cc, device_staging.cc and fed_calls.cc. Devices are made of threads; here all goes
// through host memory, or past it: what kernels do is in enqueue_kernels_test.cc.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "cases.h"
#include "enqueue_ranks.h"
#include "sanitizers.h"

namespace tutti {
namespace {

using namespace test;
using std::chrono::milliseconds;

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
      for (int c = 0; c < 8; c += or_few(1, 3)) {
        const InPlace in_place = c % 2 == 0 ? InPlace::kEverybody : InPlace::kNobody;
        const Case one{static_cast<Collective>(c), DataType::kFloat64, {}, 280'011, 0, in_place};
        CaseRunner(one, rank.comm, [&](const Call& call) {
          return run_on_device(rank, call);
        }).run();
      }
    });
  }
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
  for (const RanksOnDevices& made :
       {RanksOnDevices::on_one_host(2), with_kernels(2), with_kernels({0, 0, 1, 1})}) {
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
