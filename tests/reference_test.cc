// Tests src/schedule/reference.cc.
// ROOMS: schedule
// TIER: fast

#include "schedule/reference.h"

#include <gtest/gtest.h>

#include "small_schedules.h"

namespace tutti {
namespace {

using Buffers = std::vector<std::vector<std::byte>>;

// One byte a chunk element; sums wrap.
void add(std::span<const std::byte* const> sources, std::byte* target, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) {
    unsigned sum = 0;
    for (const std::byte* source : sources) sum += std::to_integer<unsigned>(source[i]);
    target[i] = static_cast<std::byte>(sum);
  }
}

// Differs between any two bytes of any two ranks that a test here uses.
std::byte pattern(int rank, std::size_t i) { return static_cast<std::byte>(rank * 37 + i * 5 + 1); }

Buffers inputs_of(const Schedule& schedule, std::size_t chunk_bytes) {
  Buffers inputs(schedule.ranks);
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    inputs[rank].resize(chunks_of(schedule, Space::kInput, rank) * chunk_bytes);
    for (std::size_t i = 0; i < inputs[rank].size(); ++i) inputs[rank][i] = pattern(rank, i);
  }
  return inputs;
}

TEST(Reference, SumsOverAllRanks) {
  for (const int ranks : {1, 2, 3, 5}) {
    for (const std::size_t chunk_bytes : {0, 1, 7}) {
      const Schedule schedule = ring_all_reduce_by_hand(ranks);
      const Buffers inputs = inputs_of(schedule, chunk_bytes);
      const Buffers outputs = execute_reference(schedule, inputs, chunk_bytes, add);
      ASSERT_EQ(static_cast<int>(outputs.size()), ranks);
      std::vector<std::byte> sum(inputs[0].size());
      for (std::size_t i = 0; i < sum.size(); ++i) {
        unsigned total = 0;
        for (const auto& input : inputs) total += std::to_integer<unsigned>(input[i]);
        sum[i] = static_cast<std::byte>(total);
      }
      for (const auto& output : outputs) EXPECT_EQ(output, sum);
    }
  }
}

TEST(Reference, CombinesSourcesInTheOrderGiven) {
  const Schedule schedule = pull_all_reduce_by_hand(3);
  // Not commutative: remembers the last source.
  const Combine last = [](std::span<const std::byte* const> sources, std::byte* target,
                          std::size_t bytes) { std::copy_n(sources.back(), bytes, target); };
  const Buffers inputs = inputs_of(schedule, 4);
  for (const auto& output : execute_reference(schedule, inputs, 4, last)) {
    EXPECT_EQ(output, inputs[2]);
  }
}

TEST(Reference, GivesEachRankABufferOfItsSize) {
  const Schedule schedule = credits_by_hand(3);
  const Buffers inputs = inputs_of(schedule, 2);
  const Buffers outputs = execute_reference(schedule, inputs, 2, add);
  EXPECT_EQ(outputs[0].size(), 0u);
  EXPECT_EQ(outputs[1], inputs[0]);
}

TEST(Reference, LeavesAMarkWhereNothingIsWritten) {
  const Schedule nothing(Collective::kAllGather, 2, /*chunks=*/1, /*scratch_chunks=*/0);
  const Buffers outputs = execute_reference(nothing, inputs_of(nothing, 1), 1, add);
  EXPECT_EQ(outputs[1], std::vector<std::byte>(2, std::byte{0xEE}));
}

}  // namespace
}  // namespace tutti
