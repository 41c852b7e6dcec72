// Tests src/studio/import.cc on files of both formats: what is right is proved, what is wrong is
// told.
// ROOMS: studio
// TIER: fast

#include "studio/import.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "schedule/cost.h"
#include "schedule/verify.h"

namespace tutti {
namespace {

const std::string kFolder = std::filesystem::path(TUTTI_TESTS) / "imports/";

Imported imported(const std::string& file) {
  const Result<Imported> result = import_schedule(kFolder + file);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return result.ok() ? *result : Imported{};
}

// Without the folder.
std::string error(const std::string& file) {
  const Result<Imported> result = import_schedule(kFolder + file);
  EXPECT_FALSE(result.ok()) << file;
  const std::string message = result.status().message();
  return message.substr(std::min(message.size(), kFolder.size()));
}

TEST(Import, ARingOfMscclIsOurRing) {
  for (const int ranks : {4, 8}) {
    const Imported ring = imported("ring_" + std::to_string(ranks) + ".xml");
    EXPECT_EQ(ring.name, "ring_" + std::to_string(ranks));
    EXPECT_EQ(ring.schedule.collective, Collective::kAllReduce);
    EXPECT_EQ(ring.schedule.ranks, ranks);
    EXPECT_EQ(ring.schedule.chunks, ranks);
    EXPECT_EQ(verify(ring.schedule), "");
    EXPECT_TRUE(ring.in_place);
    const Cost cost = tutti::cost(ring.schedule);
    EXPECT_EQ(cost.steps, 2 * (ranks - 1));
    EXPECT_EQ(cost.chunks_sent, 2 * (ranks - 1));
    EXPECT_EQ(cost.chunks_reduced, ranks - 1);
  }
}

TEST(Import, InPlaceFilesBecomeSchedulesThatLeaveTheirInput) {
  for (const char* file : {"ring_4_in_place.xml", "all_reduce_pairs_4.xml"}) {
    const Imported found = imported(file);
    EXPECT_EQ(verify(found.schedule), "") << file;
    EXPECT_EQ(verify(found.schedule, Placement::kInPlace), "") << file;
  }
}

TEST(Import, ThreadBlocksOfAGpuBecomeOneProgram) {
  const Imported gather = imported("all_gather_pairs_4.xml");
  EXPECT_EQ(gather.schedule.collective, Collective::kAllGather);
  EXPECT_EQ(gather.schedule.chunks, 1);
  EXPECT_EQ(tutti::cost(gather.schedule).steps, 1);  // all sends before the first receive
  const Imported reduce = imported("all_reduce_pairs_4.xml");
  EXPECT_EQ(tutti::cost(reduce.schedule).steps, 2);
}

TEST(Import, PlansOfMscclpp) {
  const Imported gather = imported("all_gather_4.json");
  EXPECT_EQ(gather.schedule.collective, Collective::kAllGather);
  EXPECT_TRUE(gather.in_place);
  EXPECT_FALSE(needs_mapped(gather.schedule));

  const Imported reduce = imported("all_reduce_packets_4.json");
  EXPECT_EQ(reduce.schedule.chunks, 4);
  EXPECT_TRUE(reduce.in_place);
  EXPECT_EQ(tutti::cost(reduce.schedule).steps, 2);  // packets: data and signal in one

  // Chunks are halves, as two thread blocks share every operation.
  const Imported scatter = imported("reduce_scatter_4.json");
  EXPECT_EQ(scatter.schedule.chunks, 2);
  EXPECT_TRUE(needs_mapped(scatter.schedule));
}

TEST(Import, WhatIsWrongIsToldBeforeAnythingRuns) {
  EXPECT_EQ(error("wrong_sum.xml"),
            "wrong_sum.xml: the algorithm is wrong: wrong result: output[1] of rank 0 lacks "
            "input[1] of rank 0");
  EXPECT_EQ(error("wrong_race.xml"),
            "wrong_race.xml: gpu 0, thread block 0, step 0 reads s[0] of gpu 0, to which nothing "
            "was written before");
  EXPECT_EQ(error("wrong_deadlock.xml"),
            "wrong_deadlock.xml: deadlock: gpu 0, thread block 0, step 0 waits for ever for gpu 1");
  EXPECT_EQ(error("none.xml"), "none.xml: cannot be read: expected a file of MSCCL or MSCCL++");
  EXPECT_EQ(
      error("make_imports.py"),
      "make_imports.py: expected MSCCL's XML, which begins with <, or MSCCL++'s JSON, with {");
}

}  // namespace
}  // namespace tutti
