// Tests src/tuner/predict.cc.
// ROOMS: tuner
// TIER: fast

#include "tuner/predict.h"

#include <gtest/gtest.h>

#include "simulator/simulate.h"

namespace tutti {
namespace {

constexpr Room kRoom{std::size_t{8} << 20, 4096};

Surroundings surroundings(const Group& group, const Model& model = default_model(), int cores = 0) {
  return {.group = group, .model = model, .cores = cores, .room = kRoom};
}

Way way(Collective collective, std::string_view name, Flavor flavor, int lanes = 3) {
  return {find_algorithm(collective, name), flavor, 32 << 10, lanes, false};
}

// Only signals cost anything: what is counted is how many lie one after the other.
Model only_signals() {
  Model model;
  model.rank = {};
  model.near_latency = 1e-6;
  return model;
}

TEST(Predict, CountsSignalsInARow) {
  constexpr std::size_t kOneBlock = 32 << 10;  // others wait for lanes too
  Predictor predictor(surroundings(8, only_signals()));
  const auto seconds = [&](const char* name) {
    return predictor.seconds(way(Collective::kAllReduce, name, Flavor::kStaged), kOneBlock);
  };
  Model none = only_signals();
  none.near_latency = 0;
  EXPECT_EQ(Predictor(surroundings(8, none))
                .seconds(way(Collective::kAllReduce, "ring", Flavor::kStaged), kOneBlock),
            0);
  EXPECT_LT(seconds("one_shot"), seconds("two_shot"));
  EXPECT_LT(seconds("two_shot"), seconds("ring"));
}

TEST(Predict, TellsMoreTimeForMoreBytes) {
  Predictor predictor(surroundings(Group::on_hosts({0, 0, 1, 1})));
  for (const Algorithm& algorithm : catalog()) {
    if (algorithm.collective == Collective::kBarrier || algorithm.pull) continue;
    if (!allows(algorithm, predictor.group_of(algorithm.collective))) continue;
    const Way by{&algorithm, Flavor::kStaged, 32 << 10, 4, false};
    double before = 0;
    for (const std::size_t bytes :
         {std::size_t{64} << 10, std::size_t{1} << 20, std::size_t{32} << 20}) {
      const double seconds = predictor.seconds(by, bytes);
      EXPECT_GT(seconds, before) << algorithm.name << " " << bytes;
      before = seconds;
    }
  }
}

TEST(Predict, RanksThatShareCoresTakeLonger) {
  const Way by = way(Collective::kAllGather, "all_pairs", Flavor::kStaged);
  for (const int ranks : {4, 32}) {
    Predictor apart(surroundings(ranks)), crowded(surroundings(ranks, default_model(), 2));
    EXPECT_GT(crowded.seconds(by, 1 << 20), 1.5 * apart.seconds(by, 1 << 20)) << ranks;
  }
}

// Up to 16 ranks plans are simulated, beyond programs of those that stand for all: no leap between.
TEST(Predict, ManyRanksGoOnAsFewDo) {
  for (const char* name : {"ring", "two_shot"}) {
    const Way by = way(Collective::kAllReduce, name, Flavor::kStaged);
    Predictor few(surroundings(16)), many(surroundings(17));
    const double ratio = many.seconds(by, 1 << 20) / few.seconds(by, 1 << 20);
    EXPECT_GT(ratio, 0.5) << name;
    EXPECT_LT(ratio, 2) << name;
  }
}

TEST(Predict, SaysWhatFits) {
  Predictor predictor(surroundings(4));
  const Way inlined = way(Collective::kAllGather, "all_pairs", Flavor::kInline);
  EXPECT_TRUE(predictor.fits(inlined, 4 * kMostLines * kInlineBytes));
  EXPECT_FALSE(predictor.fits(inlined, 4 * kMostLines * kInlineBytes + 4));
  Surroundings narrow = surroundings(64);
  narrow.room.scratch_bytes = 4096;
  EXPECT_FALSE(Predictor(narrow).fits(way(Collective::kAllReduce, "ring", Flavor::kStaged), 8));
}

TEST(Predict, CountsPeersOnOtherHosts) {
  Predictor predictor(surroundings(Group::on_hosts(regular_hosts(4, 2))));
  const auto peers = [&](const char* name) {
    return predictor.far_peers(way(Collective::kAllReduce, name, Flavor::kStaged));
  };
  EXPECT_EQ(peers("one_shot"), 6);
  EXPECT_EQ(peers("hierarchical_ring"), 1);
}

TEST(Predict, AnotherModelChangesWhatIsToldAtOnce) {
  Predictor predictor(surroundings(2));
  const Way by = way(Collective::kAllReduce, "ring", Flavor::kStaged);
  Model slow = default_model();
  slow.near_latency = 1;
  EXPECT_LT(predictor.seconds(by, 8), 0.1);
  predictor.use(slow);
  EXPECT_GT(predictor.seconds(by, 8), 1);
}

}  // namespace
}  // namespace tutti
