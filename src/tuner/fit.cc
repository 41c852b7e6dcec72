// Gauss-Newton in the logarithms of the numbers, damped (Levenberg, Quarterly of Applied
// Mathematics 2, 1944), with weights that fall with the miss (Huber, Annals of Mathematical
// Statistics 35, 1964).

#include "tuner/fit.h"

#include <algorithm>
#include <cmath>

namespace tutti {
namespace {

constexpr int kRounds = 12;
constexpr double kStep = 0.05;    // of a logarithm, to see what a number does
constexpr double kHold = 0.02;    // pull of the start, per number, in points of a miss
constexpr double kLarge = 0.3;    // misses beyond count by their size only
constexpr double kLongest = 1.0;  // step of a number in a round

class Fitting {
 public:
  Fitting(std::span<const Point> points, const Model& start)
      : points_(points), model_(start), numbers_(fields(model_)) {
    // What is nothing is not known, and stays so.
    std::erase_if(numbers_, [](const ModelField& number) { return *number.value <= 0; });
    for (const ModelField& number : numbers_) start_.push_back(std::log(*number.value));
    for (const Point& point : points) {
      // Casts are made once: only the model changes.
      Surroundings surroundings = point.surroundings;
      const auto same = std::find_if(groups_.begin(), groups_.end(), [&](const auto& known) {
        return known.surroundings().group == surroundings.group &&
               known.surroundings().cores == surroundings.cores &&
               known.surroundings().room == surroundings.room;
      });
      group_of_.push_back(static_cast<std::size_t>(same - groups_.begin()));
      if (same == groups_.end()) groups_.emplace_back(surroundings);
    }
  }

  Fit run() {
    misses_ = miss();
    for (int round = 0; round < kRounds; ++round) {
      if (!improve()) break;
    }
    Fit result{model_, {}, badness(misses_)};
    for (const double miss : misses_) result.ratios.push_back(std::exp(miss));
    return result;
  }

 private:
  using Row = std::vector<double>;

  // Logarithms of predicted by measured.
  Row miss() {
    for (Predictor& group : groups_) group.use(model_);
    Row misses;
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const Point& point = points_[i];
      misses.push_back(
          std::log(groups_[group_of_[i]].seconds(point.way, point.bytes) / point.seconds));
    }
    return misses;
  }

  static double weight(double miss) {
    return std::abs(miss) <= kLarge ? 1 : kLarge / std::abs(miss);
  }

  double badness(const Row& misses) const {
    double sum = 0;
    for (const double miss : misses) {
      const double size = std::abs(miss);
      sum += size <= kLarge ? size * size : kLarge * (2 * size - kLarge);
    }
    for (std::size_t n = 0; n < numbers_.size(); ++n) {
      const double moved = std::log(*numbers_[n].value) - start_[n];
      sum += kHold * moved * moved;
    }
    return sum;
  }

  // How each point's miss changes with each number.
  std::vector<Row> slopes() {
    std::vector<Row> slopes;
    for (const ModelField& number : numbers_) {
      const double kept = *number.value;
      *number.value = kept * std::exp(kStep);
      Row moved = miss();
      *number.value = kept;
      for (std::size_t i = 0; i < moved.size(); ++i) moved[i] = (moved[i] - misses_[i]) / kStep;
      slopes.push_back(std::move(moved));
    }
    return slopes;
  }

  // A step that makes it better; false where none does.
  bool improve() {
    const std::vector<Row> by_number = slopes();
    const double before = badness(misses_);
    std::vector<double> kept;
    for (const ModelField& number : numbers_) kept.push_back(*number.value);
    for (double damping = 1e-3; damping < 1e4; damping *= 10) {
      const Row step = solve(by_number, damping);
      for (std::size_t n = 0; n < numbers_.size(); ++n) {
        *numbers_[n].value = kept[n] * std::exp(std::clamp(step[n], -kLongest, kLongest));
      }
      Row misses = miss();
      if (badness(misses) < before * (1 - 1e-4)) {
        misses_ = std::move(misses);
        return true;
      }
    }
    for (std::size_t n = 0; n < numbers_.size(); ++n) *numbers_[n].value = kept[n];
    return false;
  }

  // The normal equations of the step.
  Row solve(const std::vector<Row>& by_number, double damping) const {
    const std::size_t n = numbers_.size();
    std::vector<Row> a(n, Row(n + 1, 0));
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t i = 0; i < misses_.size(); ++i) {
        const double w = weight(misses_[i]) * by_number[r][i];
        for (std::size_t c = 0; c < n; ++c) a[r][c] += w * by_number[c][i];
        a[r][n] -= w * misses_[i];
      }
      const double moved = std::log(*numbers_[r].value) - start_[r];
      a[r][r] += kHold + damping;
      a[r][n] -= kHold * moved;
    }
    return eliminate(std::move(a));
  }

  // Gauss; the matrix is symmetric and positive, so that no pivoting is needed.
  static Row eliminate(std::vector<Row> a) {
    const std::size_t n = a.size();
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t below = r + 1; below < n; ++below) {
        const double factor = a[below][r] / a[r][r];
        for (std::size_t c = r; c <= n; ++c) a[below][c] -= factor * a[r][c];
      }
    }
    Row x(n);
    for (std::size_t r = n; r-- > 0;) {
      double sum = a[r][n];
      for (std::size_t c = r + 1; c < n; ++c) sum -= a[r][c] * x[c];
      x[r] = sum / a[r][r];
    }
    return x;
  }

  const std::span<const Point> points_;
  Model model_;
  std::vector<ModelField> numbers_;  // of model_
  Row start_;                        // logarithms
  std::vector<Predictor> groups_;
  std::vector<std::size_t> group_of_;  // by point
  Row misses_;
};

}  // namespace

Fit fit(std::span<const Point> points, const Model& start) { return Fitting(points, start).run(); }

}  // namespace tutti
