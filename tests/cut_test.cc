// Tests src/plan/cut.cc.
// ROOMS: plan
// TIER: fast

#include "plan/cut.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(FitTile, LeavesRoomForTheBlocksInFlight) {
  EXPECT_EQ(fit_tile(1000, 0, 4, 0), 1000u);  // no scratch needed
  for (const std::size_t wanted : {64, 4096, 32768, 1 << 22}) {
    for (const int chunks : {1, 3, 64, 1000}) {
      for (const int lanes : {1, 3, 16}) {
        for (const std::size_t scratch : {std::size_t{1} << 16, std::size_t{8} << 20}) {
          const std::size_t tile = fit_tile(wanted, chunks, lanes, scratch);
          EXPECT_LE(tile, wanted);
          EXPECT_LE(tile * chunks * (lanes + 2), scratch);
          EXPECT_TRUE(tile < 64 || tile % 64 == 0) << tile;
        }
      }
    }
  }
}

constexpr Room kRoom{std::size_t{1} << 20, 4096};

TEST(Cut, CoversThePieceWithAsManyBlocksAsItTakes) {
  for (const std::size_t piece : {1, 63, 64, 1000, 100'000, 10'000'000}) {
    for (const std::size_t wanted : {64, 4096, 1 << 20}) {
      const Cut result = cut({.scratch_chunks = 4, .lines = 8}, kRoom, piece, 4, {wanted, 3});
      EXPECT_GE(result.tile * result.blocks, piece);
      EXPECT_LT(result.tile * (result.blocks - 1), piece);
      EXPECT_LE(result.tile * 4, std::max<std::size_t>(wanted, 64));
    }
  }
}

// Not even where a tile as large as an element is more than was wished for, or all that fits.
TEST(Cut, NeverCutsAnElement) {
  for (const std::size_t element : {1, 8, 24, 48, 64, 72, 5000, 100'000}) {
    for (const int chunks : {1, 5}) {
      const std::size_t least = least_scratch(chunks, element);
      for (const std::size_t scratch : {least, 2 * least, std::size_t{8} << 20}) {
        const Cut result = cut({.scratch_chunks = chunks, .lines = 8}, {scratch, 4096}, 10, element,
                               {/*tile_bytes=*/64, /*lanes=*/3});
        EXPECT_GE(result.tile, 1u) << element;
        const std::size_t stride = (result.tile * element + 63) / 64 * 64;
        EXPECT_LE(stride * chunks * (result.lanes + 1), scratch) << element;
      }
    }
  }
}

TEST(Cut, HasOneBlockForAnEmptyCall) {
  EXPECT_EQ(cut({.scratch_chunks = 4, .lines = 8}, kRoom, 0, 4, {4096, 3}),
            (Cut{.tile = 1, .blocks = 1, .lanes = 1}));
}

TEST(Cut, HasFewerLanesWhereMemoryIsShort) {
  const Needs needs{.scratch_chunks = 1000, .lines = 8};
  const Cut result = cut(needs, {std::size_t{1} << 18, 4096}, 100'000, 4, {32768, 8});
  EXPECT_LT(result.lanes, 8);
  EXPECT_LE(result.tile * 4 * 1000 * (result.lanes + 2), std::size_t{1} << 18);
  const Cut lines = cut({.scratch_chunks = 1, .lines = 1000}, kRoom, 100'000, 4, {4096, 8});
  EXPECT_EQ(lines.lanes, 3)
      << "1000 lines fit 4096 four times, and one block more is not in flight";
}

TEST(Cut, GivesACallOfOneBlockAllTheRoomItNeeds) {
  // With 8 lanes a tile of 64 KiB would not fit; a single block needs no lanes.
  const Cut result = cut({.scratch_chunks = 4, .lines = 8}, kRoom, 16384, 4, {1 << 16, 8});
  EXPECT_EQ(result.blocks, 1u);
}

}  // namespace
}  // namespace tutti
