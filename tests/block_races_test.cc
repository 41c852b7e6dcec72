// Tests src/studio/interleave.cc, block_races.cc and lower_blocks.cc on thread blocks made by hand.
// ROOMS: studio
// TIER: fast

#include "studio/block_races.h"

#include <gtest/gtest.h>

#include "studio/interleave.h"
#include "studio/lower_blocks.h"

namespace tutti {
namespace {

Cell in(int gpu, int index) { return {gpu, Space::kInput, index}; }
Cell out(int gpu, int index) { return {gpu, Space::kOutput, index}; }
Cell slot(int gpu, int index) { return {gpu, Space::kScratch, index}; }

BlockWork move(int step, std::vector<Cell> sources, Cell target) {
  return {.step = step, .sources = std::move(sources), .target = target};
}
BlockWork say(WorkKind kind, int step, int number, bool relaxed = false) {
  return {.kind = kind, .step = step, .relaxed = relaxed, .number = number};
}
BlockWork packet(WorkKind kind, int step, int number) {
  return {.kind = kind, .step = step, .number = number, .packet = true};
}

// An all_gather of two GPUs, whose lane 0 goes from 0 to 1 and lane 1 back.
BlockProgram program(std::vector<Block> blocks, int events = 0) {
  BlockProgram made;
  made.name = "test";
  made.collective = Collective::kAllGather;
  made.gpus = 2;
  made.scratch_chunks = 2;
  made.lanes = {{0, 1}, {1, 0}};
  made.events = events;
  made.blocks = std::move(blocks);
  return made;
}

std::vector<Turn> order_of(const BlockProgram& program) {
  const Result<std::vector<Turn>> order = interleave(program);
  EXPECT_TRUE(order.ok()) << order.status().message();
  return order.ok() ? *order : std::vector<Turn>{};
}

std::string race(const BlockProgram& program) {
  return find_block_race(program, order_of(program));
}

using enum WorkKind;

TEST(Interleave, WhatTellsGoesBeforeWhatWaits) {
  // On GPU 0 the block that waits comes first in the file.
  const BlockProgram both = program({{0, 0, {say(kTake, 0, 1)}},
                                     {0, 1, {move(0, {in(0, 0)}, slot(1, 0)), say(kGive, 1, 0)}},
                                     {1, 0, {say(kTake, 0, 0), say(kGive, 1, 1)}}});
  const std::vector<Turn> expected = {{1, 0, -1}, {1, 1, -1}, {2, 0, 1}, {2, 1, -1}, {0, 0, 3}};
  EXPECT_EQ(order_of(both), expected);
}

TEST(Interleave, SaysWhoWaitsForEver) {
  const auto error = [](std::vector<Block> blocks, int events) {
    return interleave(program(std::move(blocks), events)).status().message();
  };
  EXPECT_EQ(error({{0, 0, {say(kTake, 4, 1)}}}, 0),
            "deadlock: gpu 0, thread block 0, step 4 waits for ever for gpu 1");
  EXPECT_EQ(
      error({{0, 2, {say(kPass, 0, 0)}}}, 1),
      "deadlock: gpu 0, thread block 2, step 0 waits for ever for another thread block of its "
      "gpu");
  EXPECT_EQ(error({{0, 0, {say(kGive, 7, 0)}}}, 0),
            "gpu 0, thread block 0, step 7 signals gpu 1, which never waits for it");
}

TEST(BlockRaces, SignalsOrderGpus) {
  EXPECT_EQ(race(program({{0, 0, {move(0, {in(0, 0)}, slot(1, 0)), say(kGive, 1, 0)}},
                          {1, 0, {say(kTake, 0, 0), move(1, {slot(1, 0)}, out(1, 0))}}})),
            "");
}

TEST(BlockRaces, ARelaxedSignalShowsNoData) {
  EXPECT_EQ(race(program({{0, 0, {move(0, {in(0, 0)}, slot(1, 0)), say(kGive, 1, 0, true)}},
                          {1, 0, {say(kTake, 0, 0), move(1, {slot(1, 0)}, out(1, 0))}}})),
            "race: gpu 1, thread block 0, step 1 reads s[0] of gpu 1, which gpu 0, thread block 0, "
            "step 0 writes: nothing orders the two");
  // That it has been read may be said so.
  EXPECT_EQ(
      race(program({{0, 0, {move(0, {slot(0, 0)}, out(0, 0)), say(kGive, 1, 0, true)}},
                    {0, 1, {}},
                    {1, 0, {say(kTake, 0, 0), move(1, {in(1, 0)}, slot(0, 0))}}})),
      "gpu 0, thread block 0, step 0 reads s[0] of gpu 0, to which nothing was written before");
}

TEST(BlockRaces, AReadBeforeARelaxedSignalIsOver) {
  const BlockProgram both = program(
      {{0,
        0,
        {move(0, {in(0, 0)}, slot(0, 0)), move(1, {slot(0, 0)}, out(0, 0)), say(kGive, 2, 0)}},
       {1, 0, {say(kTake, 0, 0), move(1, {in(1, 0)}, slot(0, 0))}}});
  EXPECT_EQ(race(both), "");
  BlockProgram relaxed = both;
  relaxed.blocks[0].works[2].relaxed = true;
  EXPECT_EQ(
      race(relaxed),
      "race: gpu 1, thread block 0, step 1 writes s[0] of gpu 0, which gpu 0, thread block 0, "
      "step 0 writes: nothing orders the two");
  // Only read there: being ordered is enough.
  relaxed.blocks[0].works.erase(relaxed.blocks[0].works.begin());
  relaxed.blocks[0].works[0].sources = {in(0, 0)};
  relaxed.blocks[1].works[1].target = in(0, 0);
  EXPECT_EQ(race(relaxed), "");
  relaxed.blocks[1].works.erase(relaxed.blocks[1].works.begin());
  relaxed.blocks[0].works.pop_back();
  EXPECT_EQ(
      race(relaxed),
      "race: gpu 1, thread block 0, step 1 writes i[0] of gpu 0, which gpu 0, thread block 0, "
      "step 1 reads: nothing orders the two");
}

TEST(BlockRaces, ThreadBlocksOfAGpuNeedEvents) {
  const auto blocks = [](bool ordered) {
    std::vector<Block> made = {{0, 0, {move(0, {in(0, 0)}, slot(0, 0)), say(kPost, 0, 0)}},
                               {0, 1, {say(kPass, 0, 0), move(0, {slot(0, 0)}, out(0, 0))}}};
    if (!ordered) made[1].works.erase(made[1].works.begin());
    return made;
  };
  EXPECT_EQ(race(program(blocks(true), 1)), "");
  EXPECT_EQ(race(program(blocks(false), 1)),
            "race: gpu 0, thread block 1, step 0 reads s[0] of gpu 0, which gpu 0, thread block 0, "
            "step 0 writes: nothing orders the two");
}

TEST(BlockRaces, APacketShowsItselfAndNothingElse) {
  const BlockProgram good =
      program({{0, 0, {move(0, {in(0, 0)}, slot(1, 0)), packet(kPost, 0, 0)}},
               {1, 0, {packet(kPass, 0, 0), move(0, {slot(1, 0)}, out(1, 0))}}},
              1);
  EXPECT_EQ(race(good), "");
  BlockProgram bad = good;
  bad.blocks[0].works.insert(bad.blocks[0].works.begin(), move(0, {in(0, 0)}, slot(1, 1)));
  bad.blocks[1].works[1].sources = {slot(1, 1)};
  EXPECT_EQ(race(bad),
            "race: gpu 1, thread block 0, step 0 reads s[1] of gpu 1, which gpu 0, thread block 0, "
            "step 0 writes: nothing orders the two");
}

TEST(BlockRaces, AChannelIsUsedByOneThreadBlockAtATime) {
  const std::vector<Block> blocks = {{0, 0, {say(kGive, 0, 0)}},
                                     {0, 1, {say(kGive, 0, 0)}},
                                     {1, 0, {say(kTake, 0, 0), say(kTake, 1, 0)}}};
  EXPECT_EQ(race(program(blocks)),
            "race: gpu 0, thread block 0, step 0 and gpu 0, thread block 1, step 0 signals on the "
            "same channel: expected one after the other");
}

std::string lowered(const BlockProgram& program, bool copied = false) {
  const Result<Schedule> schedule = lower_blocks(program, order_of(program), copied);
  return schedule.ok() ? dump(*schedule) : schedule.status().message();
}

TEST(LowerBlocks, ASignalStandsForThePutsBeforeIt) {
  const BlockProgram both = program(
      {{0, 0, {move(0, {in(0, 0)}, out(1, 0)), move(0, {in(0, 0)}, slot(1, 1)), say(kGive, 1, 0)}},
       {1, 0, {say(kTake, 0, 0), say(kGive, 1, 1)}},
       {0, 1, {say(kTake, 0, 1)}}});
  EXPECT_EQ(lowered(both),
            "rank 0\n"
            "  put    input[0] -> 1:output[0]\n"
            "  put    input[0] -> 1:scratch[1]\n"
            "  wait   1\n"
            "rank 1\n"
            "  wait   0\n"
            "  wait   0\n"
            "  signal 0\n");
}

TEST(LowerBlocks, PutsOfCopiesLeaveTheirSourcesFree) {
  EXPECT_EQ(lowered(program({{0, 0, {move(0, {in(0, 0)}, slot(1, 0)), say(kGive, 1, 0)}},
                             {1, 0, {say(kTake, 0, 0)}}}),
                    /*copied=*/true),
            "rank 0\n"
            "  copy   input[0] -> scratch[2]\n"
            "  put    scratch[2] -> 1:scratch[0]\n"
            "rank 1\n"
            "  wait   0\n");
}

TEST(LowerBlocks, InputThatIsWrittenToIsOutputInPlaceAndScratchElsewhere) {
  BlockProgram both =
      program({{0, 0, {move(0, {in(0, 0)}, in(0, 0)), move(1, {in(0, 0)}, out(0, 1))}}});
  EXPECT_EQ(lowered(both),
            "rank 0\n"
            "  copy   input[0] -> scratch[2]\n"
            "  copy   scratch[2] -> output[1]\n"
            "rank 1\n");
  both.placement = Placement::kInPlace;
  EXPECT_EQ(lowered(both),
            "rank 0\n"
            "  copy   input[0] -> output[0]\n"
            "  copy   output[0] -> output[1]\n"
            "rank 1\n"
            "  copy   input[0] -> output[1]\n");
}

TEST(LowerBlocks, APutThatNobodyIsToldOfIsAnError) {
  EXPECT_EQ(lowered(program({{0, 0, {move(3, {in(0, 0)}, slot(1, 0))}}})),
            "gpu 0, thread block 0, step 3 writes to gpu 1 and never signals it");
}

}  // namespace
}  // namespace tutti
