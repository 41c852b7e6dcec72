// Tests src/communicator with every algorithm of the catalog forced: right results at any count,
// also with tiles and lanes that nobody would choose.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "cases.h"
#include "communicators.h"
#include "sanitizers.h"
#include "tutti/algorithms.h"

namespace tutti {
namespace {

using namespace test;

constexpr InPlace kPlaces[] = {InPlace::kNobody, InPlace::kEverybody, InPlace::kEvenRanks};

Options forcing(Collective collective, const std::string& algorithm) {
  Options options = patient_options();
  options.algorithm = std::string(name(collective)) + ":" + algorithm;
  return options;
}

// Algorithms that need the output to be elsewhere say so.
bool may_be_in_place(Collective collective, const std::string& algorithm) {
  return collective != Collective::kAllToAll || algorithm == "staged";
}

void run_counts(Communicator& comm, Collective collective, const std::string& algorithm,
                std::initializer_list<std::size_t> counts) {
  for (const std::size_t count : counts) {
    for (const InPlace in_place : kPlaces) {
      if (in_place != InPlace::kNobody && !may_be_in_place(collective, algorithm)) continue;
      const int root = static_cast<int>(count) % comm.ranks();
      const Direction direction = count % 3 == 0 ? Direction::kForward : Direction::kReverse;
      CaseRunner({collective, DataType::kInt32, {}, count, root, in_place, direction}, comm).run();
      EXPECT_EQ(comm.explain().algorithm, algorithm);
    }
  }
}

class EveryAlgorithm : public testing::TestWithParam<Collective> {};

TEST_P(EveryAlgorithm, IsRightAtAnyCount) {
  for (const int ranks : or_few<std::vector<int>>({1, 2, 3, 4, 7}, {1, 3, 4})) {
    for (const std::string& algorithm : algorithm_names(GetParam(), ranks)) {
      SCOPED_TRACE(algorithm);
      on_ranks(ranks, forcing(GetParam(), algorithm), [&](Communicator& comm) {
        run_counts(comm, GetParam(), algorithm, {0, 1, 2, 11, 12, 13, 37, 600, 5003});
      });
    }
  }
}

TEST_P(EveryAlgorithm, IsRightInTinyPieces) {
  for (const int ranks : {3, or_few(5, 4)}) {
    for (const std::string& algorithm : algorithm_names(GetParam(), ranks)) {
      for (const int lanes : {1, 2, 16}) {
        SCOPED_TRACE(algorithm + " lanes " + std::to_string(lanes));
        Options options = forcing(GetParam(), algorithm);
        options.tile_bytes = lanes == 2 ? 100 : 64;
        options.lanes = lanes;
        options.scratch_bytes = 64 << 10;
        on_ranks(ranks, options, [&](Communicator& comm) {
          run_counts(comm, GetParam(), algorithm, {1, 100, 2001});
        });
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, EveryAlgorithm,
                         testing::Values(Collective::kAllReduce, Collective::kAllGather,
                                         Collective::kReduceScatter, Collective::kAllToAll,
                                         Collective::kBroadcast, Collective::kReduce,
                                         Collective::kGather, Collective::kScatter,
                                         Collective::kScan, Collective::kExclusiveScan),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST(EveryBarrier, HoldsEverybodyBack) {
  for (const int ranks : {2, 3, or_few(7, 4)}) {
    for (const std::string& algorithm : algorithm_names(Collective::kBarrier, ranks)) {
      std::atomic<int> entered = 0;
      on_ranks(ranks, forcing(Collective::kBarrier, algorithm), [&](Communicator& comm) {
        for (int round = 1; round <= 50; ++round) {
          ++entered;
          ASSERT_OK(comm.barrier());
          EXPECT_GE(entered.load(), round * comm.ranks());
          ASSERT_OK(comm.barrier());
        }
      });
    }
  }
}

TEST(ForcedAlgorithm, IsRefusedWhereItDoesNotDo) {
  on_ranks(2, forcing(Collective::kAllToAll, "pairwise"), [](Communicator& comm) {
    std::vector<int> data(4);
    const Status status = comm.all_to_all(data, data);
    EXPECT_EQ(status.code(), Code::kNotSupported);
    EXPECT_NE(status.message().find("pairwise does not work in place"), std::string::npos)
        << status.message();
  });
}

TEST(ForcedAlgorithm, OfOneNameIsForEveryCollectiveThatHasIt) {
  Options options = patient_options();
  options.algorithm = "ring";
  on_ranks(3, options, [](Communicator& comm) {
    std::vector<int> data(9);
    EXPECT_OK(comm.all_reduce(data, data));
    EXPECT_EQ(comm.explain().algorithm, "ring");
    EXPECT_OK(comm.broadcast(data, data, 1));
    EXPECT_EQ(comm.explain().algorithm, "ring");
    EXPECT_OK(comm.barrier());
    EXPECT_NE(comm.explain().algorithm, "ring");
  });
}

TEST(ForcedAlgorithm, ThatNobodyHasIsRefusedAtTheStart) {
  for (const char* wrong : {"rink", "all_reduce:rink", "all_reduce:bruck", "all_reduse:ring",
                            "ring,all_reduce:", ","}) {
    Options options = patient_options();
    options.algorithm = wrong;
    const Status status = Communicator::threads(2, options).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << wrong;
    EXPECT_NE(status.message().find("names no algorithm"), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace tutti
