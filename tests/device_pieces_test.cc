// Tests src/communicator/device_pieces.cc, pieces hold every element once and are calls of the same
// kind; and two_levels.cc, where the parts of a call go.
//
// ROOMS: communicator
// TIER: fast

#include "communicator/device_pieces.h"

#include <gtest/gtest.h>

#include <vector>

#include "communicator/two_levels.h"

namespace tutti {
namespace {

std::byte memory[1 << 16];

Call call_of(Collective collective, std::size_t part, int ranks) {
  const Buffer one(memory, part, DataType::kInt32), all(memory, part * ranks, DataType::kInt32);
  switch (collective) {
    case Collective::kAllReduce:
      return all_reduce(one, one);
    case Collective::kAllGather:
      return all_gather(one, all);
    case Collective::kReduceScatter:
      return reduce_scatter(all, one);
    case Collective::kAllToAll:
      return all_to_all(all, all);
    case Collective::kBroadcast:
      return broadcast(one, one, 1);
    case Collective::kReduce:
      return reduce(one, one, {}, 1);
    case Collective::kGather:
      return gather(one, all, 1);
    case Collective::kScatter:
      return scatter(all, one, 1);
    case Collective::kBarrier:
      return barrier();
    case Collective::kSendRecv:
      return send(one, 1);
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;  // of host memory only
  }
  return barrier();
}

// How often the stretches name each byte of a buffer.
void count(const std::vector<Stretch>& stretches, std::vector<int>& times) {
  for (const Stretch& stretch : stretches) {
    for (std::size_t i = 0; i < stretch.bytes; ++i) ++times.at(stretch.at + i);
  }
}

TEST(Pieces, HoldEveryByteOfTheBuffersOnce) {
  constexpr int kRanks = 3;
  for (int c = 0; c < kCollectives; ++c) {
    for (const std::size_t part : {0, 1, 15, 16, 17, 100, 1000}) {
      for (int rank = 0; rank < kRanks; ++rank) {
        SCOPED_TRACE(std::to_string(c) + " part " + std::to_string(part));
        const Call call = call_of(static_cast<Collective>(c), part, kRanks);
        const Cutting cutting(call, rank, kRanks, 200);
        std::vector<int> inputs(call.input.bytes()), outputs(call.output.bytes());
        for (std::size_t i = 0; i < cutting.pieces(); ++i) {
          const Piece piece = cutting.piece(i);
          count(piece.input, inputs);
          count(piece.output, outputs);
          EXPECT_LE(piece.input_elements * 4, 200u);
          EXPECT_LE(piece.output_elements * 4, 200u);
        }
        const bool from_root =
            call.collective == Collective::kBroadcast || call.collective == Collective::kScatter;
        const bool to_root =
            call.collective == Collective::kReduce || call.collective == Collective::kGather;
        EXPECT_EQ(inputs, std::vector<int>(inputs.size(), !from_root || rank == 1));
        EXPECT_EQ(outputs, std::vector<int>(outputs.size(), !to_root || rank == 1));
      }
    }
  }
}

TEST(Pieces, AreAsManyOnEveryRank) {
  const Call sender = send({memory, 1000, DataType::kInt32}, 1);
  const Call receiver = receive({memory, 1000, DataType::kInt32}, 0);
  EXPECT_EQ(Cutting(sender, 0, 2, 256).pieces(), 16u);
  EXPECT_EQ(Cutting(receiver, 1, 2, 256).pieces(), 16u);
  const Call reduced = call_of(Collective::kReduce, 1000, 2);
  EXPECT_EQ(Cutting(reduced, 0, 2, 256).pieces(), Cutting(reduced, 1, 2, 256).pieces());
}

TEST(Pieces, TakeTheSameElementsOfEveryPart) {
  const Call call = call_of(Collective::kAllGather, 40, 2);
  const Cutting cutting(call, 0, 2, 2 * 64);  // 16 elements of a part
  ASSERT_EQ(cutting.pieces(), 3u);
  const Piece piece = cutting.piece(1);
  EXPECT_EQ(piece.input, (std::vector<Stretch>{{64, 64}}));
  EXPECT_EQ(piece.output, (std::vector<Stretch>{{64, 64}, {160 + 64, 64}}));
  EXPECT_EQ(piece.output_elements, 32u);
}

TEST(Pieces, OfOneAloneAreOneStretch) {
  const Call call = call_of(Collective::kAllToAll, 10, 4);
  const Cutting cutting(call, 2, 4, 1024);
  ASSERT_EQ(cutting.pieces(), 1u);
  EXPECT_EQ(cutting.piece(0).input, (std::vector<Stretch>{{0, 160}}));
}

TEST(Pieces, OfVariableCountsHaveCountsOfTheirOwn) {
  const std::vector<std::size_t> counts = {3, 40, 0};
  const Buffer mine(memory, 40, DataType::kInt32), all(memory, 43, DataType::kInt32);
  const Call call = all_gather_v(mine, all, counts);
  const Cutting cutting(call, 1, 3, 3 * 64);  // 16 elements of a part
  ASSERT_EQ(cutting.pieces(), 3u);
  EXPECT_EQ(cutting.piece(0).counts, (std::vector<std::size_t>{3, 16, 0}));
  EXPECT_EQ(cutting.piece(1).counts, (std::vector<std::size_t>{0, 16, 0}));
  const Piece last = cutting.piece(2);
  EXPECT_EQ(last.counts, (std::vector<std::size_t>{0, 8, 0}));
  EXPECT_EQ(last.output, (std::vector<Stretch>{{(3 + 32) * 4, 32}}));
  const Call piece_call = cutting.call_of(last, memory, memory + 4096);
  EXPECT_EQ(piece_call.input.count, 8u);
  EXPECT_EQ(piece_call.receive_counts.data(), last.counts.data());
}

TEST(Pieces, LeaveGapsBetweenPartsOfAStride) {
  const Call call = call_of(Collective::kAllGather, 20, 2);
  const Cutting cutting({call, /*output_stride=*/50}, 0, 2, 2 * 64);  // 16 elements of a part
  ASSERT_EQ(cutting.pieces(), 2u);
  EXPECT_EQ(cutting.piece(0).output, (std::vector<Stretch>{{0, 64}, {200, 64}}));
  EXPECT_EQ(cutting.piece(1).output, (std::vector<Stretch>{{64, 16}, {264, 16}}));
}

TEST(Pieces, OfNothingAreOne) {
  EXPECT_EQ(Cutting(barrier(), 0, 3, 64).pieces(), 1u);
  EXPECT_EQ(Cutting(call_of(Collective::kAllReduce, 0, 3), 0, 3, 64).pieces(), 1u);
}

TEST(Levels, AreWhereHostsHaveAsManyRanksAndMoreThanOne) {
  EXPECT_FALSE(Levels::of(Group(4), 0).has_value());
  EXPECT_FALSE(Levels::of(Group::on_hosts({0, 1}), 0).has_value());
  EXPECT_FALSE(Levels::of(Group::on_hosts({0, 1, 1}), 0).has_value());
  const std::optional<Levels> levels = Levels::of(Group::on_hosts({0, 1, 1, 0}), 3);
  ASSERT_TRUE(levels.has_value());
  EXPECT_EQ(levels->inside(), (std::vector<int>{0, 3}));
  EXPECT_EQ(levels->rail(), (std::vector<int>{3, 2}));
  EXPECT_FALSE(levels->in_order());
  EXPECT_TRUE(Levels::of(Group::on_hosts({0, 0, 1, 1}), 3)->in_order());
}

std::size_t offset_of(const Buffer& buffer) {
  return static_cast<std::size_t>(static_cast<std::byte*>(buffer.data) - memory);
}

TEST(Levels, CutLargeCallsIntoAPartForEachRailAndARest) {
  const Levels levels = *Levels::of(Group::on_hosts({0, 0, 0, 1, 1, 1}), 4);
  const Buffer buffer(memory, 10'001, DataType::kInt32);
  const LevelSteps steps = *level_steps(all_reduce(buffer, buffer), levels, {});
  constexpr std::size_t kPart = 10'001 / 3 / 16 * 16;  // whole lines
  ASSERT_EQ(steps.first.size(), 2u);
  EXPECT_EQ(steps.first[0].collective, Collective::kReduceScatter);
  EXPECT_EQ(steps.first[0].input.count, 3 * kPart);
  EXPECT_EQ(offset_of(steps.first[0].output), kPart * 4);  // of place 1
  ASSERT_EQ(steps.between.size(), 2u);
  EXPECT_EQ(steps.between[0].call.input.count, kPart);
  EXPECT_EQ(steps.between[1].call.input.count, 10'001 - 3 * kPart);
  EXPECT_EQ(offset_of(steps.between[1].call.output), 3 * kPart * 4);
  ASSERT_EQ(steps.last.size(), 1u);
  EXPECT_EQ(steps.last[0].output.count, 3 * kPart);

  const Buffer small(memory, 4096, DataType::kInt32);
  const LevelSteps whole = *level_steps(all_reduce(small, small), levels, {});
  EXPECT_EQ(whole.first[0].collective, Collective::kAllReduce);
  EXPECT_EQ(whole.between.size(), 1u);
  EXPECT_TRUE(whole.last.empty());
}

TEST(Levels, ScaleOnceWhatIsAveraged) {
  const Levels levels = *Levels::of(Group::on_hosts({0, 0, 1, 1}), 0);
  const Buffer buffer(memory, 100, DataType::kFloat32);
  const LevelSteps steps = *level_steps(all_reduce(buffer, buffer, Reduction::kAvg), levels, {});
  EXPECT_EQ(steps.first[0].op.reduction, Reduction::kPreMulSum);
  EXPECT_EQ(steps.first[0].op.scale, 0.25);
  EXPECT_EQ(steps.between[0].call.op.reduction, Reduction::kSum);
}

}  // namespace
}  // namespace tutti
