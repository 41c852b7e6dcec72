// Tests src/executor/extents.h: chunks cover their buffer once, in order, and no more.
// ROOMS: executor
// TIER: fast
// SANITIZERS: address

#include "executor/extents.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(Extents, ChunksCoverEveryPartOnceAndInOrder) {
  for (int parts = 1; parts <= 3; ++parts) {
    for (int chunks = 1; chunks <= 7; ++chunks) {
      for (std::size_t part = 0; part <= 30; ++part) {
        for (std::size_t piece = (part + chunks - 1) / chunks; piece <= part + 2; ++piece) {
          SCOPED_TRACE(testing::Message() << parts << " parts of " << part << " in " << chunks
                                          << " pieces of " << piece);
          const Extents extents = Extents::uniform(part, piece, chunks);
          std::size_t next = 0;
          for (int i = 0; i < parts * chunks; ++i) {
            const std::size_t length = extents.length(i, /*owner=*/0);
            ASSERT_EQ(extents.offset(i), next) << i;
            next += length;
            ASSERT_TRUE((i + 1) % chunks != 0 || next == (i + 1) / chunks * part) << i;
          }
        }
      }
    }
  }
}

TEST(Extents, LastChunksAreShorterOrEmpty) {
  const Extents extents = Extents::uniform(/*part=*/10, /*piece=*/4, /*chunks=*/4);
  EXPECT_EQ(extents.length(0, 0), 4u);
  EXPECT_EQ(extents.length(2, 0), 2u);
  EXPECT_EQ(extents.length(3, 0), 0u);
  EXPECT_EQ(extents.offset(3), 10u) << "an empty chunk lies within its part";
  EXPECT_EQ(extents.offset(4), 10u) << "the next part begins there";
  EXPECT_EQ(extents.length(4, 0), 4u);
  EXPECT_EQ(extents.piece(), 4u);
}

TEST(Extents, OwnersOfEqualPartsMakeNoDifference) {
  const Extents extents = Extents::uniform(10, 4, 4);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(extents.length(i, 0), extents.length(i, 5));
}

TEST(Extents, GivenLengthsArePacked) {
  const std::size_t counts[] = {3, 0, 5, 1};
  const Extents extents = Extents::packed(counts);
  const std::size_t offsets[] = {0, 3, 3, 8};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(extents.offset(i), offsets[i]);
    EXPECT_EQ(extents.length(i, /*owner=*/2), counts[i]);
  }
  EXPECT_EQ(extents.piece(), 5u);
}

TEST(Extents, APartOfGivenLengthDependsOnItsOwner) {
  const std::size_t counts[] = {3, 0, 5};
  const Extents extents = Extents::of_rank(counts);
  for (int owner = 0; owner < 3; ++owner) {
    EXPECT_EQ(extents.offset(0), 0u);
    EXPECT_EQ(extents.length(0, owner), counts[owner]);
  }
  EXPECT_EQ(extents.piece(), 5u);
}

TEST(Extents, NoPartsAtAllHaveNoPiece) { EXPECT_EQ(Extents::packed({}).piece(), 0u); }

}  // namespace
}  // namespace tutti
