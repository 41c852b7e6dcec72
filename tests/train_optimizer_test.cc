// Tests examples/train/optimizer.cc against AdamW written down plainly.
//
// ROOMS: train
// SANITIZERS: none

#include <gtest/gtest.h>

#include <cmath>

#include "train/optimizer.h"
#include "train/random.h"
#include "train_ranks.h"

namespace tutti::train {
namespace {

// Two tensors: one decays.
std::vector<TensorRow> rows() {
  TensorRow weight;
  weight.name = "weight";
  weight.rows = 5;
  weight.columns = 7;
  TensorRow norm = weight;
  norm.name = "norm";
  norm.columns = 1;
  norm.decays = false;
  return {weight, norm};
}

// A number of an element, in [-0.5, 0.5).
double number(const char* name, long element) {
  return RandomStream(1, name).uniform(static_cast<std::uint64_t>(element)) - 0.5;
}

// The paper's algorithm 2 for one element, where the rate multiplies the decay too, as PyTorch's.
struct Plain {
  double weight, m = 0, v = 0;

  void step(const AdamSettings& s, double rate, double decay, double g, int t) {
    m = s.beta1 * m + (1 - s.beta1) * g;
    v = s.beta2 * v + (1 - s.beta2) * g * g;
    const double m_hat = m / (1 - std::pow(s.beta1, t));
    const double v_hat = v / (1 - std::pow(s.beta2, t));
    weight -= rate * (m_hat / (std::sqrt(v_hat) + s.epsilon) + decay * weight);
  }
};

template <class T>
std::vector<T> three_steps(Groups& groups, int zero, const AdamSettings& settings) {
  DataParallel<T> units(lay_out(rows(), 0, 1), groups, {.zero = zero});
  std::vector<T> all(static_cast<std::size_t>(units.layout().size));
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<T>(number("weight", static_cast<long>(i)));
  }
  units.write_weights(all);
  AdamW<T> adam(units, settings);
  for (int t = 1; t <= 3; ++t) {
    for (const Shard& shard : units.shards()) {
      for (long i = shard.begin; i < shard.end; ++i) {
        units.shard_gradients(shard)[i - shard.begin] = static_cast<T>(t * number("gradient", i));
      }
    }
    adam.step(0.01 * t, 0.5);
  }
  EXPECT_EQ(adam.steps(), 3);
  units.share_weights();
  units.read_weights(all);
  return all;
}

template <class T>
void expect_plain(int ranks, int zero, double tolerance) {
  const AdamSettings settings{.beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 0.3};
  on_mesh(mesh_of(ranks, 1, 1, 1), [&](Groups& groups) {
    const std::vector<T> weights = three_steps<T>(groups, zero, settings);
    const Layout layout = lay_out(rows(), 0, 1);
    for (const Placed& placed : layout.tensors) {
      for (long i = placed.offset; i < placed.offset + placed.size(); ++i) {
        Plain plain{number("weight", i)};
        for (int t = 1; t <= 3; ++t) {
          plain.step(settings, 0.01 * t, placed.row.decays ? 0.3 : 0,
                     0.5 * t * number("gradient", i), t);
        }
        EXPECT_NEAR(weights[static_cast<std::size_t>(i)], plain.weight, tolerance);
      }
    }
  });
}

TEST(AdamW, IsThePapersWhateverIsSharded) {
  for (int zero = 0; zero < 4; ++zero) {
    expect_plain<double>(1, zero, 1e-15);
    expect_plain<double>(3, zero, 1e-15);
    expect_plain<float>(2, zero, 1e-6);
  }
}

TEST(AdamW, MomentsAreThoseOfTheShards) {
  on_mesh(mesh_of(3, 1, 1, 1), [&](Groups& groups) {
    DataParallel<float> units(lay_out(rows(), 0, 1), groups, {.zero = 1});
    AdamW<float> adam(units, {});
    std::int64_t count = static_cast<std::int64_t>(adam.first_moments().size());
    EXPECT_EQ(adam.second_moments().size(), adam.first_moments().size());
    EXPECT_LT(count, units.layout().size / 2);
    groups.world.all_reduce(std::span(&count, 1));
    EXPECT_EQ(count, units.layout().size);
  });
}

TEST(Clipping, MakesTheNormTheLimit) {
  AdamSettings settings;
  settings.clip_norm = 2;
  EXPECT_EQ(clip_factor(settings, 2), 1);
  EXPECT_EQ(clip_factor(settings, 8), 0.25);
  settings.clip_norm = 0;
  EXPECT_EQ(clip_factor(settings, 8), 1);
}

RateSchedule rate_of(RateSchedule::Kind kind) {
  return {.kind = kind, .most = 1, .least = 0.2, .warmup = 4, .steps = 20, .decay_share = 0.5};
}

TEST(RateSchedule, WarmsUpInEqualSteps) {
  for (const auto kind : {RateSchedule::Kind::kConstant, RateSchedule::Kind::kLinear,
                          RateSchedule::Kind::kCosine, RateSchedule::Kind::kWarmupStableDecay}) {
    const RateSchedule rate = rate_of(kind);
    EXPECT_DOUBLE_EQ(rate.at(0), 0.25);
    EXPECT_DOUBLE_EQ(rate.at(3), 1);
    EXPECT_DOUBLE_EQ(rate.at(4), 1);
  }
}

TEST(RateSchedule, FallsAsItsKindSays) {
  using enum RateSchedule::Kind;
  EXPECT_DOUBLE_EQ(rate_of(kConstant).at(1000), 1);
  EXPECT_DOUBLE_EQ(rate_of(kLinear).at(12), 0.6);
  EXPECT_DOUBLE_EQ(rate_of(kCosine).at(12), 0.6);
  EXPECT_DOUBLE_EQ(rate_of(kCosine).at(8), 0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2);
  EXPECT_DOUBLE_EQ(rate_of(kWarmupStableDecay).at(10), 1);
  EXPECT_DOUBLE_EQ(rate_of(kWarmupStableDecay).at(15), 1 - 0.8 * std::sqrt(0.5));
  for (const auto kind : {kLinear, kCosine, kWarmupStableDecay}) {
    EXPECT_NEAR(rate_of(kind).at(20), 0.2, 1e-15);
    EXPECT_NEAR(rate_of(kind).at(1000), 0.2, 1e-15);
  }
}

TEST(RateSchedule, MayHaveNoWarmUp) {
  RateSchedule rate = rate_of(RateSchedule::Kind::kLinear);
  rate.warmup = 0;
  EXPECT_DOUBLE_EQ(rate.at(0), 1);
  EXPECT_DOUBLE_EQ(rate.at(10), 0.6);
}

}  // namespace
}  // namespace tutti::train
