// Tests src/communicator: collectives whose counts differ from rank to rank.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "communicators.h"
#include "tutti/algorithms.h"

namespace tutti {
namespace {

using namespace test;

using Counts = std::vector<std::size_t>;

int value(int rank, std::size_t index) { return rank * 100'003 + static_cast<int>(index); }

std::size_t total(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}
std::size_t before(const Counts& counts, int rank) {
  return std::accumulate(counts.begin(), counts.begin() + rank, std::size_t{0});
}

// Nothing from anybody, everything from one, a little, uneven, long.
std::vector<Counts> some_counts(int ranks) {
  std::vector<Counts> all = {Counts(ranks, 0), Counts(ranks, 1)};
  for (const std::size_t scale : {std::size_t{1}, std::size_t{5}, std::size_t{997}}) {
    Counts counts(ranks);
    for (int r = 0; r < ranks; ++r) counts[r] = (r * 3 + 1) % 4 * scale;
    all.push_back(counts);
  }
  Counts first(ranks, 0), last(ranks, 0);
  first[0] = 30'001;
  last[ranks - 1] = 13;
  all.push_back(first);
  all.push_back(last);
  return all;
}

std::vector<int> values_of(int rank, std::size_t first, std::size_t count) {
  std::vector<int> data(count);
  for (std::size_t i = 0; i < count; ++i) data[i] = value(rank, first + i);
  return data;
}

void check_all_gather_v(Communicator& comm, const Counts& counts, bool in_place) {
  std::vector<int> mine = values_of(comm.rank(), 0, counts[comm.rank()]);
  std::vector<int> all(total(counts), -1), expected;
  for (int r = 0; r < comm.ranks(); ++r) {
    const std::vector<int> part = values_of(r, 0, counts[r]);
    expected.insert(expected.end(), part.begin(), part.end());
  }
  std::span<int> input = mine;
  if (in_place) {
    input = std::span(all).subspan(before(counts, comm.rank()), mine.size());
    std::copy(mine.begin(), mine.end(), input.begin());
  }
  ASSERT_OK(comm.run(all_gather_v(input, all, counts)));
  EXPECT_EQ(all, expected);
}

void check_reduce_scatter_v(Communicator& comm, const Counts& counts, bool in_place) {
  std::vector<int> all = values_of(comm.rank(), 0, total(counts));
  const std::size_t first = before(counts, comm.rank());
  std::vector<int> mine(counts[comm.rank()], -1), expected(mine.size(), 0);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    for (int r = 0; r < comm.ranks(); ++r) expected[i] += value(r, first + i);
  }
  std::span<int> output = mine;
  if (in_place) output = std::span(all).subspan(first, mine.size());
  ASSERT_OK(comm.run(reduce_scatter_v(all, output, counts)));
  EXPECT_EQ(std::vector<int>(output.begin(), output.end()), expected);
}

TEST(AllGatherV, PacksInRankOrder) {
  for (const int ranks : {1, 2, 3, 4, 7}) {
    on_ranks(ranks, [](Communicator& comm) {
      for (const Counts& counts : some_counts(comm.ranks())) {
        for (const bool in_place : {false, true}) check_all_gather_v(comm, counts, in_place);
      }
    });
  }
}

TEST(ReduceScatterV, GivesEachItsPart) {
  for (const int ranks : {1, 2, 3, 4, 7}) {
    on_ranks(ranks, [](Communicator& comm) {
      for (const Counts& counts : some_counts(comm.ranks())) {
        for (const bool in_place : {false, true}) check_reduce_scatter_v(comm, counts, in_place);
      }
    });
  }
}

TEST(AllGatherV, IsRightByEveryAlgorithmThatTakesIt) {
  for (const std::string& algorithm : algorithm_names(Collective::kAllGather, 5)) {
    SCOPED_TRACE(algorithm);
    Options options = patient_options();
    options.algorithm = "all_gather:" + algorithm;
    options.scratch_bytes = 64 << 10;
    on_ranks(5, options, [](Communicator& comm) {
      for (const Counts& counts : some_counts(comm.ranks())) {
        for (const bool in_place : {false, true}) check_all_gather_v(comm, counts, in_place);
      }
    });
  }
}

TEST(ReduceScatterV, IsRightByEveryAlgorithmThatTakesIt) {
  for (const char* algorithm : {"all_pairs", "all_pairs_pull"}) {
    SCOPED_TRACE(algorithm);
    Options options = patient_options();
    options.algorithm = std::string("reduce_scatter:") + algorithm;
    options.scratch_bytes = 64 << 10;
    on_ranks(5, options, [](Communicator& comm) {
      for (const Counts& counts : some_counts(comm.ranks())) {
        for (const bool in_place : {false, true}) check_reduce_scatter_v(comm, counts, in_place);
      }
    });
  }
}

TEST(ReduceScatterV, ScalesAndDivides) {
  on_ranks(3, [](Communicator& comm) {
    const Counts counts = {5, 0, 2000};
    std::vector<float> all(2005, static_cast<float>(comm.rank() + 1)), mine(counts[comm.rank()]);
    ASSERT_OK(comm.run(reduce_scatter_v(all, mine, counts, ReduceOp::pre_mul_sum(0.5))));
    EXPECT_EQ(mine, std::vector<float>(mine.size(), 3));
    std::vector<int> whole(2005, comm.rank() + 1), part(counts[comm.rank()]);
    ASSERT_OK(comm.run(reduce_scatter_v(whole, part, counts, Reduction::kAvg)));
    EXPECT_EQ(part, std::vector<int>(part.size(), 2));
  });
}

// Elements that rank `from` sends to rank `to`.
std::size_t pair_count(int from, int to, std::size_t scale) {
  return static_cast<std::size_t>((from * 5 + to * 3) % 4) * scale;
}

void check_all_to_all_v(Communicator& comm, std::size_t scale) {
  const int ranks = comm.ranks(), rank = comm.rank();
  Counts sends(ranks), receives(ranks);
  std::vector<int> input, expected;
  for (int peer = 0; peer < ranks; ++peer) {
    sends[peer] = pair_count(rank, peer, scale);
    receives[peer] = pair_count(peer, rank, scale);
    const std::vector<int> theirs = values_of(peer * ranks + rank, 0, receives[peer]);
    const std::vector<int> mine = values_of(rank * ranks + peer, 0, sends[peer]);
    input.insert(input.end(), mine.begin(), mine.end());
    expected.insert(expected.end(), theirs.begin(), theirs.end());
  }
  std::vector<int> output(expected.size(), -1);
  ASSERT_OK(comm.run(all_to_all_v(input, sends, output, receives)));
  EXPECT_EQ(output, expected);
}

TEST(AllToAllV, SendsToEachWhatItIsOwed) {
  for (const int ranks : {1, 2, 3, 4, 7}) {
    on_ranks(ranks, [](Communicator& comm) {
      for (const std::size_t scale : {0, 1, 13, 4099, 70'001}) check_all_to_all_v(comm, scale);
    });
  }
}

TEST(AllToAllV, KeepsItsPlaceAmongOtherCalls) {
  on_ranks(3, [](Communicator& comm) {
    for (int round = 0; round < 100; ++round) {
      check_all_to_all_v(comm, round % 7);
      std::vector<int> sum(round % 50 + 1, 1);
      ASSERT_OK(comm.all_reduce(sum, sum));
      EXPECT_EQ(sum, std::vector<int>(sum.size(), 3));
    }
  });
}

TEST(AllToAllV, FindsCountsThatDoNotAgree) {
  on_ranks(2, impatient_options(std::chrono::seconds(5)), [](Communicator& comm) {
    // Each says it sends 4 and expects 4, but rank 1 expects 5 from rank 0.
    const Counts sends = {4, 4};
    const Counts receives = {4 + static_cast<std::size_t>(comm.rank()), 4};
    std::vector<int> input(8), output(total(receives));
    const Status status = comm.run(all_to_all_v(input, sends, output, receives));
    EXPECT_TRUE(comm.rank() == 0 || status.code() == Code::kMismatch) << status.to_string();
    EXPECT_EQ(comm.barrier().code(), Code::kMismatch);
  });
}

TEST(Counts, ThatDifferBetweenRanksAreAMismatch) {
  on_ranks(2, impatient_options(std::chrono::seconds(5)), [](Communicator& comm) {
    const Counts counts = comm.rank() == 0 ? Counts{3, 5} : Counts{5, 3};
    std::vector<int> mine(counts[comm.rank()]), all(8);
    const Status status = comm.run(all_gather_v(mine, all, counts));
    EXPECT_EQ(status.code(), Code::kMismatch) << status.to_string();
    EXPECT_NE(status.message().find("other counts per rank"), std::string::npos)
        << status.message();
  });
}

}  // namespace
}  // namespace tutti
