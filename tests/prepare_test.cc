// Tests src/communicator/prepare.cc and shape.cc: every call is cut into blocks that cover it and
// fit the memory there is, up to 2^40 bytes and for more ranks than a test could start.
//
// ROOMS: communicator
// TIER: fast
// SANITIZERS: none

#include "communicator/prepare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "algorithms/catalog.h"
#include "groups.h"

namespace tutti {
namespace {

constexpr std::size_t kMost = std::size_t{1} << 40;

/// A rank of many, with no memory behind it: preparing touches none.
class FakeSite {
 public:
  FakeSite(int rank, int ranks, std::size_t scratch_bytes) {
    site_.layout = WindowLayout(ranks, scratch_bytes, 0);
    site_.rank = rank;
    site_.ranks = ranks;
    site_.windows.assign(ranks, window_);
  }
  const Site& site() const { return site_; }

 private:
  std::byte window_[64];
  Site site_;
};

bool has_parts_in(Collective c) {
  return c == Collective::kReduceScatter || c == Collective::kAllToAll || c == Collective::kScatter;
}
bool has_parts_out(Collective c) {
  return c == Collective::kAllGather || c == Collective::kAllToAll || c == Collective::kGather;
}

// Memory at addresses where there is none.
Call call_of(Collective collective, DataType type, std::size_t part, int ranks) {
  Call call;
  call.collective = collective;
  call.input = {reinterpret_cast<void*>(std::uintptr_t{1} << 42),
                part * (has_parts_in(collective) ? ranks : 1), type};
  call.output = {reinterpret_cast<void*>(std::uintptr_t{1} << 44),
                 part * (has_parts_out(collective) ? ranks : 1), type};
  return call;
}

// Chunks follow each other without gaps and end where the buffer ends.
void expect_cover(const Extents& extents, int chunks, int parts, std::size_t part) {
  for (int p = 0; p < parts; ++p) {
    std::size_t next = p * part;
    for (int c = 0; c < chunks; ++c) {
      const int index = p * chunks + c;
      const std::size_t length = extents.length(index, 0);
      if (length == 0) continue;
      ASSERT_EQ(extents.offset(index), next);
      ASSERT_LE(length, extents.piece());
      next += length;
    }
    ASSERT_EQ(next, (p + 1) * part);
  }
}

void expect_sound(const Job& job, const Call& call, const Site& site) {
  const Variant& v = job.staged;
  const Plan& plan = *v.plan;
  const std::size_t element = size_of(job.type);
  const std::size_t piece = std::max(v.input_extents.piece(), v.output_extents.piece());
  ASSERT_GE(v.tile, 1u);
  ASSERT_GE(v.blocks * v.tile, piece);
  ASSERT_TRUE(v.blocks == 1 || (v.blocks - 1) * v.tile < piece) << "a block too many";
  ASSERT_GE(v.lanes, 1);
  ASSERT_LE(v.lanes, kMostLanes);
  const std::size_t stride = (v.tile * element + 63) / 64 * 64;
  ASSERT_LE(2 * stride * plan.scratch_chunks, site.layout.scratch_bytes);
  ASSERT_LE(2 * plan.lines * kLineBytes, site.layout.line_bytes);
  const int in_parts = has_parts_in(call.collective) ? site.ranks : 1;
  const int out_parts = has_parts_out(call.collective) ? site.ranks : 1;
  expect_cover(v.input_extents, plan.chunks, in_parts, call.input.count / in_parts);
  expect_cover(v.output_extents, plan.chunks, out_parts, call.output.count / out_parts);
}

std::string text(const Algorithm& algorithm, const Group& group) {
  return std::string(name(algorithm.collective)) + " " + std::string(algorithm.name) + ", " +
         test::to_text(group);
}

Options forcing(const Algorithm& algorithm) {
  Options options;
  options.algorithm = std::string(name(algorithm.collective)) + ":" + std::string(algorithm.name);
  return options;
}

TEST(Prepare, CutsEveryCountSoundlyByEveryAlgorithm) {
  for (const Algorithm& algorithm : catalog()) {
    const Collective collective = algorithm.collective;
    if (collective == Collective::kBarrier || collective == Collective::kSendRecv) continue;
    for (const Group& group : {Group(1), Group(2), Group(3), Group(7), Group(16),
                               test::on_hosts_of({3, 1, 2}), test::on_hosts_of({4, 4, 4, 4})}) {
      if (!allows(algorithm, group)) continue;
      SCOPED_TRACE(text(algorithm, group));
      const int ranks = group.ranks;
      const FakeSite fake(ranks - 1, ranks, 8 << 20);
      Preparer preparer(fake.site(), {forcing(algorithm), Isa::kPortable, group});
      for (const DataType type : {DataType::kUint8, DataType::kFloat64}) {
        const std::size_t most = kMost / size_of(type) / ranks;
        for (const std::size_t part :
             {std::size_t{0}, std::size_t{1}, std::size_t{997}, (std::size_t{1} << 31) / ranks + 1,
              (std::size_t{1} << 33) / ranks + 1, most - 1, most}) {
          // Thinking about many ranks takes its time.
          if (ranks > 7 && part != 997 && part != most) continue;
          const Call call = call_of(collective, type, part, ranks);
          Result<Job*> job = preparer.prepare(call, false);
          ASSERT_TRUE(job.ok()) << job.status().to_string();
          expect_sound(**job, call, fake.site());
        }
      }
    }
  }
}

// Many ranks, little scratch, many lanes: either it fits or the error says what would.
TEST(Prepare, NamesTheScratchThatIsMissing) {
  int refused = 0, taken = 0;
  for (const Algorithm& algorithm : catalog()) {
    const Collective collective = algorithm.collective;
    if (collective == Collective::kBarrier || collective == Collective::kSendRecv) continue;
    for (const Group& group : {Group(40), Group(200), test::on_hosts_of(std::vector(5, 8))}) {
      if (!allows(algorithm, group)) continue;
      SCOPED_TRACE(text(algorithm, group));
      const int ranks = group.ranks;
      const FakeSite fake(1, ranks, 64 << 10);
      Options options = forcing(algorithm);
      options.lanes = 16;
      Preparer preparer(fake.site(), {options, Isa::kPortable, group});
      for (const std::size_t part : {1, 100, 100'000}) {
        const Call call = call_of(collective, DataType::kFloat64, part, ranks);
        Result<Job*> job = preparer.prepare(call, false);
        if (job.ok()) {
          ++taken;
          expect_sound(**job, call, fake.site());
          continue;
        }
        ++refused;
        const std::string message = job.status().message();
        EXPECT_EQ(job.status().code(), Code::kNotSupported);
        EXPECT_TRUE(message.starts_with("scratch_bytes: 65536: expected at least ")) << message;
        EXPECT_NE(message.find("among 200 ranks"), std::string::npos) << message;
      }
    }
  }
  EXPECT_GT(taken, 150);
  EXPECT_GT(refused, 0);
}

TEST(Prepare, TakesManyRanksWithTheDefaults) {
  for (const Collective collective : {Collective::kAllReduce, Collective::kAllToAll,
                                      Collective::kReduceScatter, Collective::kReduce}) {
    const int ranks = 256;
    const FakeSite fake(1, ranks, Options().scratch_bytes);
    Preparer preparer(fake.site(), {Options(), Isa::kPortable});
    for (const std::size_t part : {1, 100, 100'000}) {
      const Call call = call_of(collective, DataType::kFloat32, part, ranks);
      Result<Job*> job = preparer.prepare(call, false);
      ASSERT_TRUE(job.ok()) << job.status().to_string();
      expect_sound(**job, call, fake.site());
    }
  }
}

TEST(Extents, OfCountsPerRankReach2To40) {
  const std::vector<std::size_t> counts = {kMost / 2, 0, kMost / 4, kMost / 4 - 1, 1};
  const Extents packed = Extents::packed(counts);
  EXPECT_EQ(packed.piece(), kMost / 2);
  EXPECT_EQ(packed.offset(2), kMost / 2);
  EXPECT_EQ(packed.offset(4) + packed.length(4, 0), kMost);
  const Extents mine = Extents::of_rank(counts);
  EXPECT_EQ(mine.offset(3), 0u);
  EXPECT_EQ(mine.length(0, 3), kMost / 4 - 1);
}

// The memory of a remembered call is taken from the new one, and nothing else changes.
TEST(Recall, FindsTheJobOfTheSameShapeOnly) {
  const FakeSite fake(0, 2, 1 << 20);
  Preparer preparer(fake.site(), {Options(), Isa::kPortable});
  const Call call = call_of(Collective::kAllReduce, DataType::kFloat32, 100, 2);
  EXPECT_EQ(preparer.recall(call, false), nullptr);
  ASSERT_TRUE(preparer.prepare(call, false).ok());
  Call moved = call;
  moved.input.data = static_cast<std::byte*>(moved.output.data) + 4096;
  Job* job = preparer.recall(moved, false);
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->input, moved.input.data);
  EXPECT_EQ(preparer.recall(call, true), nullptr) << "memory that peers reach";

  std::vector<Call> others(9, call);
  others[0].collective = Collective::kReduce;
  others[1].op.reduction = Reduction::kMax;
  others[2].op.scale = 2;
  others[3].op.context = &others;
  others[4].input.type = others[4].output.type = DataType::kInt32;
  others[5].input.count = others[5].output.count = 101;
  others[6].input.data = others[6].output.data;  // in place
  others[7].variable = true;
  others[8].output.data = nullptr;
  for (const Call& other : others) {
    EXPECT_EQ(preparer.recall(other, false), nullptr) << &other - others.data();
  }
}

}  // namespace
}  // namespace tutti
