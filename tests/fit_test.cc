// Tests src/tuner/fit.cc: a model that made measurements is found again, by what it tells.
// ROOMS: tuner
// TIER: fast

#include "tuner/fit.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tutti {
namespace {

constexpr Room kRoom{std::size_t{8} << 20, 1024};

// Calls of all kinds among two and four ranks, with what `model` says they take.
std::vector<Point> points(const Model& model, std::size_t first_bytes) {
  std::vector<Point> all;
  for (const int ranks : {2, 4}) {
    Predictor truth({ranks, model, /*cores=*/2, kRoom});
    for (const Algorithm& algorithm : catalog()) {
      if (algorithm.collective != Collective::kAllReduce || !allows(algorithm, ranks)) continue;
      for (std::size_t bytes = first_bytes; bytes < std::size_t{64} << 20; bytes *= 8) {
        const Way way{&algorithm, Flavor::kStaged, 32 << 10, 3, bytes > 8 << 20};
        all.push_back({truth.surroundings(), way, bytes, truth.seconds(way, bytes)});
      }
    }
  }
  return all;
}

Model another_machine() {
  Model model = default_model();
  model.near_latency *= 3;
  model.rank.write_peer = {2e-10, 3e-10, 5e-10};
  model.rank.read_user.memory *= 2;
  model.rank.turn *= 2;
  return model;
}

TEST(Fit, TellsWhatItWasFittedTo) {
  const std::vector<Point> measured = points(another_machine(), 8);
  for (const double ratio : fit(measured, default_model()).ratios) {
    EXPECT_NEAR(ratio, 1, 0.1);
  }
}

TEST(Fit, TellsWhatItHasNotSeen) {
  const Model found = fit(points(another_machine(), 8), default_model()).model;
  double worst = 0;
  for (const Point& point : points(another_machine(), 100)) {
    Surroundings surroundings = point.surroundings;
    surroundings.model = found;
    const double told = Predictor(surroundings).seconds(point.way, point.bytes);
    worst = std::max(worst, std::abs(std::log(told / point.seconds)));
  }
  EXPECT_LT(worst, 0.4);
}

TEST(Fit, LeavesAloneWhatPointsSayNothingAbout) {
  const Model found = fit(points(another_machine(), 8), default_model()).model;
  EXPECT_EQ(found.far, default_model().far);
  EXPECT_EQ(found.host_port, default_model().host_port);
}

// One point in ten disturbed tenfold changes little.
TEST(Fit, MindsOutliersLittle) {
  std::vector<Point> measured = points(another_machine(), 8);
  for (std::size_t i = 0; i < measured.size(); i += 10) measured[i].seconds *= 10;
  const std::vector<double> ratios = fit(measured, default_model()).ratios;
  int near = 0;
  for (const double ratio : ratios) near += std::abs(ratio - 1) < 0.15;
  EXPECT_GE(near, static_cast<int>(ratios.size()) * 8 / 10);
}

}  // namespace
}  // namespace tutti
