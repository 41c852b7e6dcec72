// Tests src/cli/expectation.cc: that a right output passes and a wrong one does not.
//
// ROOMS: cli base
// TIER: fast

#include <gtest/gtest.h>

#include "cli/expectation.h"

namespace tutti::cli {
namespace {

constexpr int kRanks = 3;
constexpr std::size_t kCount = 40000;  // more than a table, so that it repeats
constexpr std::size_t kFirst = 12345;

Problem problem(Collective collective) {
  return {.collective = collective,
          .type = DataType::kInt32,
          .op = Reduction::kSum,
          .root = 1,
          .ranks = kRanks,
          .count = kCount};
}

Tables tables() { return Tables({DataType::kInt32, Reduction::kSum, kRanks, 4}); }

// The collective done by hand on whole inputs, by its definition in tutti.h. Empty: undefined.
std::vector<std::int32_t> by_hand(const Problem& p, int rank) {
  Tables t = tables();
  std::vector<std::vector<std::int32_t>> inputs;
  for (int source = 0; source < kRanks; ++source) {
    inputs.emplace_back(input_elements(p));
    fill(std::as_writable_bytes(std::span(inputs.back())), t.of(source), kFirst, p.type);
  }
  const auto own = static_cast<std::size_t>(rank);
  const auto part = [&](std::size_t source, std::size_t index) {
    const auto begin = inputs[source].begin() + static_cast<std::ptrdiff_t>(index * kCount);
    return std::vector<std::int32_t>(begin, begin + kCount);
  };
  const auto sum = [&](std::size_t index, std::size_t ranks = kRanks) {
    std::vector<std::int32_t> total(kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
      std::uint32_t wrapped = 0;
      for (std::size_t source = 0; source < ranks; ++source) {
        wrapped += static_cast<std::uint32_t>(inputs[source][index * kCount + i]);
      }
      total[i] = static_cast<std::int32_t>(wrapped);
    }
    return total;
  };
  const auto joined = [&](std::size_t index) {
    std::vector<std::int32_t> all;
    for (std::size_t source = 0; source < kRanks; ++source) {
      const auto stretch = part(source, index);
      all.insert(all.end(), stretch.begin(), stretch.end());
    }
    return all;
  };
  const bool is_root = rank == p.root;
  switch (p.collective) {
    case Collective::kAllReduce:
      return sum(0);
    case Collective::kAllGather:
      return joined(0);
    case Collective::kReduceScatter:
      return sum(own);
    case Collective::kAllToAll:
      return joined(own);
    case Collective::kBroadcast:
      return part(1, 0);
    case Collective::kReduce:
      return is_root ? sum(0) : std::vector<std::int32_t>{};
    case Collective::kGather:
      return is_root ? joined(0) : std::vector<std::int32_t>{};
    case Collective::kScatter:
      return part(1, own);
    case Collective::kScan:
      return sum(0, own + 1);
    case Collective::kExclusiveScan:
      return rank > 0 ? sum(0, own) : std::vector<std::int32_t>{};
    case Collective::kBarrier:
      return {};
    case Collective::kSendRecv:
      return part((own + kRanks - 1) % kRanks, 0);
  }
  return {};
}

TEST(CliExpectation, TheRightOutputOfEveryCollectivePassesAndOneWrongElementIsCounted) {
  for (int c = 0; c < kCollectives; ++c) {
    const Problem p = problem(static_cast<Collective>(c));
    for (int rank = 0; rank < kRanks; ++rank) {
      SCOPED_TRACE(std::string(name(p.collective)) + " rank " + std::to_string(rank));
      Tables t = tables();
      auto output = by_hand(p, rank);
      const auto bytes = std::as_bytes(std::span(output));
      EXPECT_EQ(count_wrong(bytes, p, rank, kFirst, t), 0u);
      if (output.empty()) continue;
      output.back() ^= 4;
      EXPECT_EQ(count_wrong(bytes, p, rank, kFirst, t), 1u);
    }
  }
}

TEST(CliExpectation, PartsInTheWrongOrderAreSeen) {
  const Problem p = problem(Collective::kAllGather);
  auto output = by_hand(p, 0);
  std::rotate(output.begin(), output.begin() + kCount, output.end());
  Tables t = tables();
  EXPECT_GT(count_wrong(std::as_bytes(std::span(output)), p, 0, kFirst, t), 2 * kCount);
}

TEST(CliExpectation, YesterdaysOutputIsWrongToday) {
  const Problem p = problem(Collective::kAllReduce);
  const auto output = by_hand(p, 0);
  Tables t = tables();
  EXPECT_GT(count_wrong(std::as_bytes(std::span(output)), p, 0, kFirst + 1009, t), kCount / 2);
}

}  // namespace
}  // namespace tutti::cli
