// Tests src/executor/cpu/reducer.cc: which kernel or function runs, in which order, and what is
// done to elements before and after.
// ROOMS: executor
// TIER: fast
// SANITIZERS: address

#include "executor/cpu/reducer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace tutti {
namespace {

Reducer make(DataType type, const ReduceOp& op, int ranks = 4) {
  Result<Reducer> reducer = Reducer::make(type, op, ranks, detect_isa());
  EXPECT_TRUE(reducer.ok()) << reducer.status().to_string();
  return std::move(*reducer);
}

template <class T>
std::vector<T> run(Reducer& reducer, const std::vector<std::vector<T>>& sources, int targets = 1) {
  std::vector<const std::byte*> from;
  for (const auto& source : sources) from.push_back(reinterpret_cast<const std::byte*>(&source[0]));
  std::vector<std::vector<T>> results(targets, std::vector<T>(sources[0].size()));
  std::vector<std::byte*> to;
  for (auto& result : results) to.push_back(reinterpret_cast<std::byte*>(&result[0]));
  reducer.run({from.data(), static_cast<int>(from.size()), to.data(), targets, sources[0].size(),
               /*stream_mask=*/0});
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
  return results[0];
}

// ---- functions of the user

struct Notes {
  std::vector<std::string> calls;
};

// Elements are letters; writes down who was combined with what.
void note(const void* src, void* dst, std::size_t count, DataType type, void* context) {
  EXPECT_EQ(type, DataType::kUint8);
  const auto* from = static_cast<const char*>(src);
  auto* to = static_cast<char*>(dst);
  static_cast<Notes*>(context)->calls.push_back(std::string(from, 1) + std::string(to, 1));
  for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
}

TEST(Reducer, AUserFunctionSeesTheLowerRankAndWhatFollowsIt) {
  Notes notes;
  Reducer reducer = make(DataType::kUint8, ReduceOp::user(note, &notes));
  EXPECT_EQ(run<char>(reducer, {{'a'}, {'b'}, {'c'}, {'d'}}), (std::vector<char>{'a'}));
  EXPECT_EQ(notes.calls, (std::vector<std::string>{"cd", "bc", "ab"}));
}

void subtract(const void* src, void* dst, std::size_t count, DataType, void*) {
  const auto* from = static_cast<const int*>(src);
  auto* to = static_cast<int*>(dst);
  for (std::size_t i = 0; i < count; ++i) to[i] = from[i] - to[i];
}

TEST(Reducer, AUserFunctionWritesEveryTarget) {
  Reducer reducer = make(DataType::kInt32, ReduceOp::user(subtract));
  const std::vector<int> expected = {1 - (10 - 100), 2 - (20 - 200)};
  EXPECT_EQ(run<int>(reducer, {{1, 2}, {10, 20}, {100, 200}}, /*targets=*/3), expected);
}

// The target may be a source: the function works on a copy.
TEST(Reducer, AUserFunctionWorksInPlace) {
  for (int in_place = 0; in_place < 3; ++in_place) {
    Reducer reducer = make(DataType::kInt32, ReduceOp::user(subtract));
    int values[3] = {1, 10, 100};
    const std::byte* sources[3];
    for (int i = 0; i < 3; ++i) sources[i] = reinterpret_cast<const std::byte*>(&values[i]);
    std::byte* target = reinterpret_cast<std::byte*>(&values[in_place]);
    reducer.run({sources, 3, &target, 1, 1, 0});
    EXPECT_EQ(values[in_place], 1 - (10 - 100)) << in_place;
  }
}

TEST(Reducer, OneSourceIsCopiedAndNotReduced) {
  Notes notes;
  Reducer reducer = make(DataType::kUint8, ReduceOp::user(note, &notes));
  EXPECT_EQ(run<char>(reducer, {{'a', 'b'}}, /*targets=*/2), (std::vector<char>{'a', 'b'}));
  EXPECT_TRUE(notes.calls.empty());
}

TEST(Reducer, PassesOfAnySizeFollowEachOther) {
  Reducer reducer = make(DataType::kInt32, ReduceOp::user(subtract));
  for (const std::size_t count : {1u, 1000u, 3u, 5000u}) {
    const std::vector<int> a(count, 7), b(count, 4);
    EXPECT_EQ(run<int>(reducer, {a, b}), std::vector<int>(count, 3));
  }
}

TEST(Reducer, AUserReductionNeedsAFunction) {
  const Status status =
      Reducer::make(DataType::kInt32, ReduceOp::user(nullptr), 2, detect_isa()).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
}

// ---- avg and premul

TEST(Reducer, AverageOfFloatsIsScaledBefore) {
  Reducer reducer = make(DataType::kFloat32, Reduction::kAvg, /*ranks=*/4);
  EXPECT_TRUE(reducer.scales_inputs());
  EXPECT_FALSE(reducer.divides_outputs());
  const float input[] = {8, 3e38f};
  float scaled[2];
  reducer.scale_input(reinterpret_cast<const std::byte*>(input),
                      reinterpret_cast<std::byte*>(scaled), 2);
  EXPECT_EQ(scaled[0], 2);
  // What does not overflow after the sum does not overflow before it either.
  const auto sum = run<float>(reducer, {{scaled[1]}, {scaled[1]}, {scaled[1]}, {scaled[1]}});
  EXPECT_FLOAT_EQ(sum[0], 3e38f);
}

TEST(Reducer, AverageOfIntegersIsDividedAfter) {
  Reducer reducer = make(DataType::kInt32, Reduction::kAvg, /*ranks=*/3);
  EXPECT_FALSE(reducer.scales_inputs());
  EXPECT_TRUE(reducer.divides_outputs());
  std::vector<int> sum = run<int>(reducer, {{1, -1}, {2, -2}, {5, -5}});
  reducer.divide_output(reinterpret_cast<std::byte*>(sum.data()), sum.size());
  EXPECT_EQ(sum, (std::vector<int>{2, -2})) << "towards zero";
}

TEST(Reducer, AverageOverOneRankIsTheInput) {
  for (const DataType type : {DataType::kInt32, DataType::kFloat32}) {
    const Reducer reducer = make(type, Reduction::kAvg, /*ranks=*/1);
    EXPECT_FALSE(reducer.scales_inputs());
    EXPECT_FALSE(reducer.divides_outputs());
  }
}

TEST(Reducer, PreMulSumScalesInputsOfEveryType) {
  const Reducer floats = make(DataType::kFloat64, ReduceOp::pre_mul_sum(0.5));
  const Reducer integers = make(DataType::kInt32, ReduceOp::pre_mul_sum(0.5));
  ASSERT_TRUE(floats.scales_inputs() && integers.scales_inputs());
  double half = 3;
  floats.scale_input(reinterpret_cast<const std::byte*>(&half), reinterpret_cast<std::byte*>(&half),
                     1);
  EXPECT_EQ(half, 1.5);
  int truncated = -3;
  integers.scale_input(reinterpret_cast<const std::byte*>(&truncated),
                       reinterpret_cast<std::byte*>(&truncated), 1);
  EXPECT_EQ(truncated, -1);
}

TEST(Reducer, PlainReductionsTouchNeitherInputsNorOutputs) {
  for (const Reduction reduction : {Reduction::kSum, Reduction::kProd, Reduction::kMax}) {
    const Reducer reducer = make(DataType::kFloat32, reduction);
    EXPECT_FALSE(reducer.scales_inputs());
    EXPECT_FALSE(reducer.divides_outputs());
  }
}

// ---- refusals, and copies

TEST(Reducer, BitsOfFloatsAreNotReduced) {
  const Status status =
      Reducer::make(DataType::kFloat32, Reduction::kBitAnd, 2, detect_isa()).status();
  EXPECT_EQ(status.code(), Code::kNotSupported);
  EXPECT_NE(status.message().find("float"), std::string::npos) << status.message();
}

TEST(Reducer, ACopierCopiesBytesOfItsType) {
  Reducer copier = Reducer::copier(DataType::kFloat64, detect_isa());
  const std::vector<double> values = {1.5, -0.0, 1e300};
  EXPECT_EQ(run<double>(copier, {values}, /*targets=*/2), values);
}

}  // namespace
}  // namespace tutti
