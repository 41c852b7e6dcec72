// Tests src/communicator/heap.cc, against a map of every unit that is taken.
//
// ROOMS: communicator
// TIER: fast
// SANITIZERS: address

#include "communicator/heap.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace tutti {
namespace {

constexpr std::size_t kUnit = Heap::kAlignment;

TEST(Heap, GivesAlignedPiecesFromTheFront) {
  Heap heap(8 * kUnit);
  EXPECT_EQ(heap.take(1), 0u);
  EXPECT_EQ(heap.take(kUnit), kUnit);
  EXPECT_EQ(heap.take(kUnit + 1), 2 * kUnit);
  EXPECT_EQ(heap.take(0), 4 * kUnit);
  EXPECT_EQ(heap.largest_hole(), 3 * kUnit);
}

TEST(Heap, RefusesWhatIsLargerThanItsLargestHole) {
  Heap heap(4 * kUnit);
  EXPECT_EQ(heap.take(5 * kUnit), std::nullopt);
  EXPECT_EQ(heap.take(static_cast<std::size_t>(-1)), std::nullopt);
  EXPECT_EQ(heap.take(4 * kUnit), 0u);
  EXPECT_EQ(heap.take(1), std::nullopt);
  EXPECT_EQ(heap.largest_hole(), 0u);
}

TEST(Heap, OfNothingGivesNothing) {
  Heap heap(0);
  EXPECT_EQ(heap.take(1), std::nullopt);
  EXPECT_EQ(heap.largest_hole(), 0u);
}

TEST(Heap, MergesHolesWithBothNeighbours) {
  for (const std::vector<int>& order : std::vector<std::vector<int>>{
           {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
    Heap heap(3 * kUnit);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(heap.take(kUnit), i * kUnit);
    for (int i : order) EXPECT_EQ(heap.give_back(i * kUnit), kUnit);
    EXPECT_EQ(heap.largest_hole(), 3 * kUnit);
  }
}

TEST(Heap, NeverGivesAUnitTwice) {
  constexpr std::size_t kUnits = 64;
  Heap heap(kUnits * kUnit);
  std::vector<bool> taken(kUnits);
  std::map<std::size_t, std::size_t> pieces;  // offset -> units
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0 || pieces.empty()) {
      const std::size_t units = random() % 9 + 1;
      const std::optional<std::size_t> offset = heap.take(units * kUnit - random() % kUnit);
      if (!offset) {
        ASSERT_LT(heap.largest_hole(), units * kUnit);
        continue;
      }
      for (std::size_t u = 0; u < units; ++u) {
        ASSERT_FALSE(taken[*offset / kUnit + u]);
        taken[*offset / kUnit + u] = true;
      }
      pieces[*offset] = units;
    } else {
      const auto piece = std::next(pieces.begin(), random() % pieces.size());
      ASSERT_EQ(heap.give_back(piece->first), piece->second * kUnit);
      for (std::size_t u = 0; u < piece->second; ++u) taken[piece->first / kUnit + u] = false;
      pieces.erase(piece);
    }
  }
  for (const auto& [offset, units] : pieces) heap.give_back(offset);
  EXPECT_EQ(heap.largest_hole(), kUnits * kUnit);
}

TEST(HeapDeathTest, FindsPiecesThatItNeverGave) {
  Heap heap(4 * kUnit);
  ASSERT_EQ(heap.take(kUnit), 0u);
  EXPECT_DEATH(heap.give_back(kUnit), "offset 65536");
}

}  // namespace
}  // namespace tutti
