// Tests src/cli/pattern.cc: that the numbers are exact in any order, and that the check sees
// errors.
//
// ROOMS: cli base
// TIER: fast

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "cli/numbers.h"
#include "cli/pattern.h"

namespace tutti::cli {
namespace {

std::vector<Pattern> all_patterns(int ranks) {
  std::vector<Pattern> patterns;
  for (int t = 0; t < kDataTypes; ++t) {
    for (int r = 0; r < kReductions; ++r) {
      const Pattern pattern{static_cast<DataType>(t), static_cast<Reduction>(r), ranks, 7};
      if (fits(pattern.op, pattern.type)) patterns.push_back(pattern);
    }
  }
  return patterns;
}

std::string words(const Pattern& p) {
  return std::string(name(p.type)) + " " + std::string(name(p.op)) + " " + std::to_string(p.ranks);
}

std::vector<std::vector<std::byte>> inputs_of(const Pattern& pattern) {
  std::vector<std::vector<std::byte>> inputs;
  for (int rank = 0; rank < pattern.ranks; ++rank) inputs.push_back(input_table(pattern, rank));
  return inputs;
}

// Sums one element over the ranks in a given order, rounding to float's width after each addition.
template <class Float>
Float sum_in_order(const std::vector<std::vector<std::byte>>& inputs, const std::vector<int>& order,
                   std::size_t index) {
  Float sum = 0;
  for (const int rank : order) {
    Float value;
    std::memcpy(&value, &inputs[static_cast<std::size_t>(rank)][index * sizeof(Float)],
                sizeof value);
    sum += value;
  }
  return sum;
}

TEST(CliPattern, FloatSumsAreTheExpectedInEveryOrder) {
  for (const int ranks : {1, 2, 3, 8, 33}) {
    const Pattern pattern{DataType::kFloat32, Reduction::kSum, ranks, 1};
    const auto inputs = inputs_of(pattern);
    const auto expected = expected_table(pattern);
    std::vector<int> order(static_cast<std::size_t>(ranks));
    std::iota(order.begin(), order.end(), 0);
    std::mt19937 random(5);
    for (std::size_t index = 0; index < 500; ++index) {
      std::shuffle(order.begin(), order.end(), random);
      float want;
      std::memcpy(&want, &expected[index * sizeof want], sizeof want);
      ASSERT_EQ(sum_in_order<float>(inputs, order, index), want);
    }
  }
}

// Whatever the order, no partial sum may need more bits than the type has.
TEST(CliPattern, MagnitudesOfFloatSumsStayExactForEveryTypeAndManyRanks) {
  for (const int ranks : {2, 8, 9, 70}) {
    for (const Pattern& pattern : all_patterns(ranks)) {
      if (!is_float(pattern.type) || pattern.op != Reduction::kSum) continue;
      std::vector<double> total(200);
      for (int rank = 0; rank < ranks; ++rank) {
        const auto table = input_table(pattern, rank);
        for (std::size_t i = 0; i < total.size(); ++i) {
          const auto bits = load_bits(&table[i * size_of(pattern.type)], pattern.type);
          const double value = decode(pattern.type, bits);
          ASSERT_EQ(value, std::round(value)) << words(pattern);
          total[i] += std::fabs(value);
        }
      }
      const double limit = std::ldexp(1.0, format_of(pattern.type).precision());
      for (const double sum : total) ASSERT_LE(sum, limit) << words(pattern);
    }
  }
}

// Whichever rank's contribution is lost, the check must see it.
TEST(CliPattern, AMissingRankIsSeenForEveryTypeAndReduction) {
  constexpr int kRanks = 3;
  for (const Pattern& pattern : all_patterns(kRanks)) {
    const auto expected = expected_table(pattern);
    for (int missing = 0; missing < kRanks; ++missing) {
      const std::vector<int> others = {(missing + 1) % kRanks, (missing + 2) % kRanks};
      const auto wrong = count_wrong(reduced_table(pattern, others), expected, 0, pattern.type,
                                     tolerance_of(pattern.op, pattern.type));
      EXPECT_GT(wrong, kPeriod / 20) << words(pattern) << " without " << missing;
    }
  }
}

TEST(CliPattern, IntegersWrapAndAveragesTruncate) {
  const Pattern sum{DataType::kInt8, Reduction::kSum, 3, 2};
  const Pattern average{DataType::kInt8, Reduction::kAvg, 3, 2};
  const auto sum_inputs = inputs_of(sum);
  const auto average_inputs = inputs_of(average);
  const auto sums = expected_table(sum);
  const auto averages = expected_table(average);
  const auto at = [](const std::vector<std::byte>& table, std::size_t i) {
    return static_cast<int>(static_cast<std::int8_t>(table[i]));
  };
  for (std::size_t i = 0; i < kPeriod; ++i) {
    int a = 0;
    int b = 0;
    for (std::size_t rank = 0; rank < 3; ++rank) {
      a += at(sum_inputs[rank], i);
      b += at(average_inputs[rank], i);
    }
    ASSERT_EQ(at(sums, i), static_cast<std::int8_t>(a));
    ASSERT_EQ(at(averages, i), b / 3);
  }
}

TEST(CliPattern, AveragesMayBeRoundedTwice) {
  const Pattern pattern{DataType::kFloat32, Reduction::kAvg, 7, 3};
  const auto inputs = inputs_of(pattern);
  std::vector<float> got(kPeriod, 0.0f);
  for (const auto& input : inputs) {
    for (std::size_t i = 0; i < kPeriod; ++i) {
      float value;
      std::memcpy(&value, &input[i * sizeof value], sizeof value);
      got[i] += value * (1.0f / 7.0f);
    }
  }
  const auto tolerance = tolerance_of(pattern.op, pattern.type);
  EXPECT_EQ(count_wrong(std::as_bytes(std::span(got)), expected_table(pattern), 0, pattern.type,
                        tolerance),
            0u);
  got[100] *= 1.001f;
  EXPECT_EQ(count_wrong(std::as_bytes(std::span(got)), expected_table(pattern), 0, pattern.type,
                        tolerance),
            got[100] == 0 ? 0u : 1u);
}

TEST(CliPattern, ProductsAreFiniteAndNotAllAlike) {
  for (const Pattern& pattern : all_patterns(40)) {
    if (!is_float(pattern.type) || pattern.op != Reduction::kProd) continue;
    const auto table = expected_table(pattern);
    double low = 1e300;
    double high = -1e300;
    for (std::size_t i = 0; i < kPeriod; ++i) {
      const double value =
          decode(pattern.type, load_bits(&table[i * size_of(pattern.type)], pattern.type));
      ASSERT_TRUE(std::isfinite(value) && value != 0);
      low = std::min(low, value);
      high = std::max(high, value);
    }
    EXPECT_LT(low, 0) << words(pattern);
    EXPECT_GT(high, 1) << words(pattern);
  }
}

TEST(CliPattern, FillRepeatsTheTableAndCountsEveryElementThatDiffers) {
  const Pattern pattern{DataType::kInt32, Reduction::kSum, 2, 0};
  const auto table = input_table(pattern, 1);
  std::vector<std::int32_t> data(3 * kPeriod + 5);
  const auto bytes = std::as_writable_bytes(std::span(data));
  const std::size_t first = 10 * kPeriod + 77;
  fill(bytes, table, first, pattern.type);
  EXPECT_EQ(count_wrong(bytes, table, first, pattern.type, 0), 0u);
  EXPECT_EQ(data[0], data[kPeriod]);
  EXPECT_NE(data[0], data[1]);

  data.front() ^= 1;
  data[kPeriod] ^= 1 << 30;
  data.back() ^= 1;
  EXPECT_EQ(count_wrong(bytes, table, first, pattern.type, 0), 3u);
  EXPECT_GT(count_wrong(bytes, table, first + 1, pattern.type, 0), 3 * kPeriod - 10);
}

TEST(CliPattern, TheUsersSumIsTheExpectedSum) {
  for (const DataType type : {DataType::kInt8, DataType::kFloat8e5m2, DataType::kFloat64}) {
    const Pattern pattern{type, Reduction::kUser, 3, 11};
    auto total = input_table(pattern, 0);
    for (int rank = 1; rank < 3; ++rank) {
      user_sum(input_table(pattern, rank).data(), total.data(), kPeriod, type, nullptr);
    }
    EXPECT_EQ(count_wrong(total, expected_table(pattern), 0, type, 0), 0u);
  }
}

}  // namespace
}  // namespace tutti::cli
