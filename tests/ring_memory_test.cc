// Tests src/plan/ring_memory.h against a model that remembers every byte's last block.
// ROOMS: plan
// TIER: fast

#include "plan/ring_memory.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tutti {
namespace {

// Which block had each byte last.
class ByteModel {
 public:
  explicit ByteModel(std::size_t capacity) : owners_(capacity, 0) {}

  std::uint64_t newest_owner(std::size_t offset, std::size_t bytes) const {
    std::uint64_t newest = 0;
    for (std::size_t i = offset; i < offset + bytes; ++i) newest = std::max(newest, owners_[i]);
    return newest;
  }
  void give(std::size_t offset, std::size_t bytes, std::uint64_t block) {
    for (std::size_t i = offset; i < offset + bytes; ++i) owners_[i] = block;
  }

 private:
  std::vector<std::uint64_t> owners_;
};

struct Ring {
  std::size_t capacity;
  std::size_t alignment;
};

// Sizes between nothing and the most that is allowed, mostly small.
std::size_t draw_bytes(std::mt19937& random, std::size_t capacity) {
  const std::size_t most = random() % 4 == 0 ? capacity / 2 : capacity / 10;
  return random() % (most + 1);
}

TEST(RingMemory, APieceIsFreeOnceItsBlockIsFinished) {
  std::mt19937 random(1);
  for (const auto& [capacity, alignment] :
       {Ring{1024, 64}, {4096, 1}, {128, 64}, {640, 8}, {65536, 16}}) {
    RingMemory ring(capacity, alignment);
    ByteModel model(capacity);
    for (std::uint64_t block = 1; block <= 3000; ++block) {
      const std::size_t bytes = draw_bytes(random, capacity);
      const RingMemory::Piece piece = ring.take(block, bytes);
      ASSERT_LE(piece.offset + bytes, capacity);
      ASSERT_EQ(piece.offset % alignment, 0u);
      ASSERT_LE(model.newest_owner(piece.offset, bytes), piece.after) << "block " << block;
      ASSERT_LT(piece.after, block) << "a block would wait for itself";
      model.give(piece.offset, bytes, block);
    }
  }
}

// A ring that asked for more than it needs would be right and slow.
TEST(RingMemory, HoldsAsManyBlocksAsFit) {
  RingMemory ring(/*capacity=*/1000, /*alignment=*/1);
  for (std::uint64_t block = 1; block <= 10; ++block) {
    EXPECT_EQ(ring.take(block, 100).after, 0u) << block;
  }
  for (std::uint64_t block = 11; block <= 50; ++block) {
    EXPECT_EQ(ring.take(block, 100).after, block - 10) << block;
  }
}

TEST(RingMemory, StaysWithinTheCachesHoweverMuchItHas) {
  constexpr std::size_t kMuch = std::size_t{64} << 20;
  for (const std::size_t bytes : {64u, 4096u, 16384u, 40000u}) {
    RingMemory ring(kMuch, /*alignment=*/64);
    for (std::uint64_t block = 1; block <= 1000; ++block) {
      ASSERT_LT(ring.take(block, bytes).offset, std::size_t{256} << 10) << bytes;
    }
  }
}

TEST(RingMemory, HoldsAFewBlocksOfAnySize) {
  constexpr std::size_t kMuch = std::size_t{64} << 20;
  for (const std::size_t bytes : {64u, 4096u, 100000u, 10000000u}) {
    RingMemory ring(kMuch, /*alignment=*/64);
    for (std::uint64_t block = 1; block <= 100; ++block) {
      ASSERT_LE(ring.take(block, bytes).after + 6, std::max<std::uint64_t>(block, 6)) << bytes;
    }
  }
}

TEST(RingMemory, PiecesDoNotWrap) {
  RingMemory ring(/*capacity=*/100, /*alignment=*/1);
  EXPECT_EQ(ring.take(1, 40).offset, 0u);
  EXPECT_EQ(ring.take(2, 40).offset, 40u);
  const RingMemory::Piece third = ring.take(3, 40);
  EXPECT_EQ(third.offset, 0u);
  EXPECT_EQ(third.after, 1u);
}

TEST(RingMemory, NothingIsTakenByNothing) {
  RingMemory ring(/*capacity=*/100, /*alignment=*/1);
  ring.take(1, 50);
  ring.take(2, 50);
  EXPECT_EQ(ring.take(3, 0).after, 0u) << "an empty piece waits for nobody";
  EXPECT_EQ(ring.take(4, 50).after, 1u);
}

TEST(RingMemory, APieceIsRoundedUpToTheAlignment) {
  RingMemory ring(/*capacity=*/256, /*alignment=*/64);
  EXPECT_EQ(ring.take(1, 1).offset, 0u);
  EXPECT_EQ(ring.take(2, 65).offset, 64u);
  EXPECT_EQ(ring.take(3, 1).offset, 192u);
}

// Nobody tells anybody: ranks agree because they ask alike.
TEST(RingMemory, RanksThatAskAlikeGetTheSame) {
  RingMemory one(4096, 64), other(4096, 64);
  std::mt19937 random(2);
  for (std::uint64_t block = 1; block <= 2000; ++block) {
    const std::size_t bytes = draw_bytes(random, 4096);
    const RingMemory::Piece a = one.take(block, bytes), b = other.take(block, bytes);
    ASSERT_EQ(a.offset, b.offset);
    ASSERT_EQ(a.after, b.after);
  }
}

TEST(RingMemoryDeathTest, RefusesMoreThanHalf) {
  RingMemory ring(/*capacity=*/100, /*alignment=*/1);
  EXPECT_DEATH(ring.take(1, 51), "51 bytes of a ring of 100");
}

}  // namespace
}  // namespace tutti
