// Tests src/schedule/symmetry.h.
//
// ROOMS: schedule
// TIER: fast

#include "schedule/symmetry.h"

#include <gtest/gtest.h>

#include <set>

namespace tutti {
namespace {

using Kind = Symmetry::Kind;

const Symmetry kAll[] = {Symmetry::none(6),          {Kind::kRotation, 6, 1},
                         {Kind::kRotation, 6, 3},    {Kind::kRotation, 6, 6},
                         {Kind::kExclusiveOr, 8, 1}, {Kind::kExclusiveOr, 8, 4},
                         {Kind::kExclusiveOr, 12, 3}};

TEST(Symmetry, RepresentativesAreTheFirstRanksAndStandForThemselves) {
  for (const Symmetry& symmetry : kAll) {
    std::set<int> found;
    for (int rank = 0; rank < symmetry.ranks; ++rank) found.insert(symmetry.representative(rank));
    EXPECT_EQ(static_cast<int>(found.size()), symmetry.representatives());
    EXPECT_EQ(*found.rbegin(), symmetry.representatives() - 1);
    for (const int rank : found) EXPECT_EQ(symmetry.representative(rank), rank);
  }
}

// The relabelling of a rank is one of all ranks, keeps representatives, and brings it to its own.
TEST(Symmetry, ARelabellingNamesEveryRankOnce) {
  for (const Symmetry& symmetry : kAll) {
    for (int rank = 0; rank < symmetry.ranks; ++rank) {
      EXPECT_EQ(symmetry.image(rank, rank), symmetry.representative(rank));
      std::set<int> images;
      for (int peer = 0; peer < symmetry.ranks; ++peer) {
        const int image = symmetry.image(peer, rank);
        images.insert(image);
        EXPECT_EQ(symmetry.representative(image), symmetry.representative(peer));
      }
      EXPECT_EQ(static_cast<int>(images.size()), symmetry.ranks);
      EXPECT_EQ(*images.begin(), 0);
      EXPECT_EQ(*images.rbegin(), symmetry.ranks - 1);
    }
  }
}

TEST(Symmetry, TurnsBlocksAndFlipsTheirBits) {
  EXPECT_EQ((Symmetry{Kind::kRotation, 6, 2}).image(1, 4), 3);     // block 0 as block 2 sees it
  EXPECT_EQ((Symmetry{Kind::kExclusiveOr, 8, 2}).image(5, 7), 3);  // block 2 xor block 3
  EXPECT_EQ((Symmetry{Kind::kExclusiveOr, 12, 3}).image(10, 4), 7);
}

}  // namespace
}  // namespace tutti
