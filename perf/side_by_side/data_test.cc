// The check of results lets right ones pass and no wrong one.

#include "data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace side_by_side {
namespace {

constexpr int kRanks = 4;
constexpr std::size_t kBytes = 4 * kRanks * 600;

Shape shape_of(Collective collective, int rank) { return {collective, kBytes, rank, kRanks}; }

std::vector<float> input_of(Collective collective, int rank, int round) {
  const Shape shape = shape_of(collective, rank);
  std::vector<float> input(shape.input_count());
  fill(shape, round, input.data());
  return input;
}

std::vector<float> sum(const std::vector<std::vector<float>>& inputs) {
  std::vector<float> total(inputs[0].size());
  for (const auto& input : inputs) {
    for (std::size_t i = 0; i < input.size(); ++i) total[i] += input[i];
  }
  return total;
}

// What rank `rank` must get, straight from the definitions in tutti/tutti.h.
std::vector<float> output_of(Collective collective, int rank, int round) {
  std::vector<std::vector<float>> inputs;
  for (int r = 0; r < kRanks; ++r) inputs.push_back(input_of(collective, r, round));
  const std::size_t part = shape_of(collective, rank).part_count();
  const auto first = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(rank) * part);
  const auto length = static_cast<std::ptrdiff_t>(part);
  std::vector<float> output;
  switch (collective) {
    case Collective::kAllGather:
      for (const auto& in : inputs) output.insert(output.end(), in.begin(), in.end());
      return output;
    case Collective::kAllToAll:
      for (const auto& in : inputs) {
        output.insert(output.end(), in.begin() + first, in.begin() + first + length);
      }
      return output;
    case Collective::kReduceScatter: {
      const std::vector<float> total = sum(inputs);
      return {total.begin() + first, total.begin() + first + length};
    }
    case Collective::kBroadcast:
      return inputs[0];
    case Collective::kAllReduce:
    case Collective::kReduce:
    case Collective::kGather:
    case Collective::kScatter:
    case Collective::kBarrier:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;
  }
  return sum(inputs);
}

class DataTest : public testing::TestWithParam<Collective> {};

TEST_P(DataTest, ARightResultPassesOnEveryRank) {
  for (int rank = 0; rank < kRanks; ++rank) {
    const std::vector<float> output = output_of(GetParam(), rank, 3);
    const Shape shape = shape_of(GetParam(), rank);
    ASSERT_EQ(output.size(), shape.output_count());
    EXPECT_EQ(check(shape, 3, output.data()), std::nullopt) << "rank " << rank;
  }
}

TEST_P(DataTest, AnyWrongElementIsFound) {
  const Shape shape = shape_of(GetParam(), 0);
  const std::vector<float> right = output_of(GetParam(), 0, 1);
  for (std::size_t i = 0; i < right.size(); ++i) {
    std::vector<float> wrong = right;
    wrong[i] += 1;
    EXPECT_NE(check(shape, 1, wrong.data()), std::nullopt) << "element " << i;
  }
}

TEST_P(DataTest, TheResultOfTheRoundBeforeIsFound) {
  const std::vector<float> stale = output_of(GetParam(), 0, 1);
  EXPECT_NE(check(shape_of(GetParam(), 0), 2, stale.data()), std::nullopt);
}

TEST_P(DataTest, PiecesInEachOthersPlaceAreFound) {
  std::vector<float> swapped = output_of(GetParam(), 0, 0);
  std::swap_ranges(swapped.begin(), swapped.begin() + 64, swapped.begin() + 64);
  EXPECT_NE(check(shape_of(GetParam(), 0), 0, swapped.data()), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Collectives, DataTest,
                         testing::Values(Collective::kAllReduce, Collective::kAllGather,
                                         Collective::kReduceScatter, Collective::kAllToAll,
                                         Collective::kBroadcast, Collective::kReduce),
                         [](const auto& info) { return std::string(tutti::name(info.param)); });

// A sum in which one rank took part twice and another not at all.
TEST(Data, ARankThatTookAnothersPlaceIsFound) {
  std::vector<std::vector<float>> inputs;
  for (int rank : {0, 1, 2, 2}) inputs.push_back(input_of(Collective::kAllReduce, rank, 0));
  EXPECT_NE(check(shape_of(Collective::kAllReduce, 0), 0, sum(inputs).data()), std::nullopt);
}

}  // namespace
}  // namespace side_by_side
