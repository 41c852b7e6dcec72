// Tests src/communicator: every collective on every type and reduction, small and large, in place
// or not, against its definition.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <vector>

#include "cases.h"
#include "communicators.h"
#include "sanitizers.h"
#include "tutti/tutti.h"

namespace tutti {
namespace {

using namespace test;

const std::vector<int> kRankCounts = or_few<std::vector<int>>({1, 2, 3, 4, 7}, {1, 3, 4});
constexpr Collective kReducing[] = {Collective::kAllReduce, Collective::kReduceScatter,
                                    Collective::kReduce};
constexpr Collective kMoving[] = {Collective::kAllGather, Collective::kAllToAll,
                                  Collective::kBroadcast, Collective::kGather,
                                  Collective::kScatter};
constexpr InPlace kPlaces[] = {InPlace::kNobody, InPlace::kEverybody, InPlace::kEvenRanks};

bool is_bitwise(Reduction reduction) {
  return reduction == Reduction::kBitAnd || reduction == Reduction::kBitOr ||
         reduction == Reduction::kBitXor;
}

ReduceOp op_of(Reduction reduction) {
  return reduction == Reduction::kPreMulSum ? ReduceOp::pre_mul_sum(2.0) : ReduceOp(reduction);
}

class Collectives : public testing::TestWithParam<int> {};

TEST_P(Collectives, ReduceEveryTypeByEveryReduction) {
  on_ranks(GetParam(), [](Communicator& comm) {
    for (int t = 0; t < kDataTypes; ++t) {
      for (int r = 0; r < kReductions; ++r) {
        const auto type = static_cast<DataType>(t);
        const auto reduction = static_cast<Reduction>(r);
        if (reduction == Reduction::kUser || (is_float(type) && is_bitwise(reduction))) continue;
        for (const Collective collective : kReducing) {
          for (const std::size_t count : {1, 37, 1001}) {
            const auto in_place = count == 37 ? InPlace::kEverybody : InPlace::kNobody;
            CaseRunner({collective, type, op_of(reduction), count, comm.ranks() - 1, in_place},
                       comm)
                .run();
          }
        }
      }
    }
  });
}

TEST_P(Collectives, MoveEveryType) {
  on_ranks(GetParam(), [](Communicator& comm) {
    for (int t = 0; t < kDataTypes; ++t) {
      for (const Collective collective : kMoving) {
        for (const std::size_t count : {1, 37, 1001}) {
          CaseRunner({collective, static_cast<DataType>(t), {}, count}, comm).run();
        }
      }
    }
  });
}

TEST_P(Collectives, TakeAnyCountAndPlace) {
  on_ranks(GetParam(), [](Communicator& comm) {
    for (const std::size_t count : {0, 1, 2, 3, 7, 12, 13, 64, 255, 4099, 20011}) {
      for (const InPlace in_place : kPlaces) {
        for (const Collective collective : kReducing) {
          CaseRunner({collective, DataType::kInt32, {}, count, 0, in_place}, comm).run();
        }
        for (const Collective collective : kMoving) {
          CaseRunner({collective, DataType::kInt16, {}, count, 0, in_place}, comm).run();
        }
      }
    }
  });
}

TEST_P(Collectives, TakeEveryRoot) {
  on_ranks(GetParam(), [](Communicator& comm) {
    for (int root = 0; root < comm.ranks(); ++root) {
      for (const std::size_t count : {5, 9001}) {
        for (const Collective collective : {Collective::kBroadcast, Collective::kReduce,
                                            Collective::kGather, Collective::kScatter}) {
          for (const InPlace in_place : {InPlace::kNobody, InPlace::kEverybody}) {
            CaseRunner({collective, DataType::kFloat32, {}, count, root, in_place}, comm).run();
          }
        }
      }
    }
  });
}

// Blocks of one call go round the rings of scratch and of signal lines many times.
TEST_P(Collectives, MoveMoreThanScratchHolds) {
  Options options = patient_options();
  options.scratch_bytes = 64 << 10;
  on_ranks(GetParam(), options, [](Communicator& comm) {
    for (const std::size_t count : or_few<std::vector<std::size_t>>({70'001, 131'072}, {70'001})) {
      for (const InPlace in_place : kPlaces) {
        for (const Collective collective : kReducing) {
          CaseRunner({collective, DataType::kUint8, {}, count, 0, in_place}, comm).run();
        }
        for (const Collective collective : kMoving) {
          CaseRunner({collective, DataType::kUint8, {}, count, 0, in_place}, comm).run();
        }
      }
    }
  });
}

TEST_P(Collectives, FollowEachOtherInAnyMixture) {
  on_ranks(GetParam(), [](Communicator& comm) {
    for (int i = 0; i < or_few(600, 150); ++i) {
      const auto collective = static_cast<Collective>(i * 7 % 8);
      const std::size_t count = i * i * 31 % 3001;
      const int root = i % comm.ranks();
      CaseRunner({collective, DataType::kInt16, {}, count, root, kPlaces[i / 3 % 3]}, comm).run();
    }
  });
}

// The same between processes, which share nothing but their windows.
TEST_P(Collectives, FollowEachOtherBetweenProcesses) {
  Rendezvous rendezvous;
  const int ranks = GetParam();
  const std::vector<int> codes = run_ranks_as_processes(ranks, [&](int rank) {
    Result<Communicator> comm = rendezvous.meet(rank, ranks, patient_options());
    if (!comm.ok()) return 2;
    for (int i = 0; i < or_few(300, 100); ++i) {
      const auto collective = static_cast<Collective>(i * 5 % 8);
      const std::size_t count = i * i * 29 % 5001;
      CaseRunner({collective, DataType::kFloat32, {}, count, i % ranks, kPlaces[i / 3 % 3]}, *comm)
          .run();
    }
    return 0;
  });
  EXPECT_EQ(codes, std::vector<int>(ranks, 0));
}

INSTANTIATE_TEST_SUITE_P(Ranks, Collectives, testing::ValuesIn(kRankCounts),
                         [](const auto& info) { return "Of" + std::to_string(info.param); });

struct Tally {
  int calls = 0;
};

template <class T>
void add(const void* src, void* dst, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    static_cast<T*>(dst)[i] += static_cast<const T*>(src)[i];
  }
}

void add_and_tally(const void* src, void* dst, std::size_t count, DataType type, void* context) {
  ++static_cast<Tally*>(context)->calls;
  if (type == DataType::kInt32) add<std::int32_t>(src, dst, count);
  if (type == DataType::kFloat64) add<double>(src, dst, count);
}

TEST(UserReduction, IsCalledWithItsContextAndType) {
  for (const int ranks : kRankCounts) {
    on_ranks(ranks, [](Communicator& comm) {
      Tally tally;
      for (const DataType type : {DataType::kInt32, DataType::kFloat64}) {
        for (const Collective collective : kReducing) {
          for (const std::size_t count : {0, 1, 37, 20011}) {
            for (const InPlace in_place : kPlaces) {
              CaseRunner(
                  {collective, type, ReduceOp::user(add_and_tally, &tally), count, 0, in_place},
                  comm)
                  .run();
            }
          }
        }
      }
      EXPECT_EQ(tally.calls > 0, comm.ranks() > 1);
    });
  }
}

// A scale that changes between calls of the same shape must not be remembered.
TEST(PreMulSum, TakesItsScaleFromTheCall) {
  on_ranks(3, [](Communicator& comm) {
    for (const double scale : {2.0, 0.5, 1.0, 4.0, 2.0}) {
      CaseRunner({Collective::kAllReduce, DataType::kFloat32, ReduceOp::pre_mul_sum(scale), 100},
                 comm)
          .run();
    }
  });
}

TEST(Barrier, NobodyLeavesBeforeEverybodyHasCome) {
  for (const int ranks : kRankCounts) {
    std::atomic<int> entered = 0;
    on_ranks(ranks, [&](Communicator& comm) {
      for (int round = 1; round <= or_few(200, 50); ++round) {
        ++entered;
        ASSERT_OK(comm.barrier());
        EXPECT_GE(entered.load(), round * comm.ranks());
        ASSERT_OK(comm.barrier());
      }
    });
  }
}

TEST(Spans, ConvertToBuffers) {
  on_ranks(2, [](Communicator& comm) {
    std::vector<float> gradient = {1, 2, 3};
    EXPECT_OK(comm.all_reduce(gradient, gradient));
    EXPECT_EQ(gradient, (std::vector<float>{2, 4, 6}));
    const std::array<std::int64_t, 1> mine = {comm.rank() + 10};
    std::array<std::int64_t, 2> all = {};
    EXPECT_OK(comm.all_gather(mine, all));
    EXPECT_EQ(all, (std::array<std::int64_t, 2>{10, 11}));
  });
}

}  // namespace
}  // namespace tutti
