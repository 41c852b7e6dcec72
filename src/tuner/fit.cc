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
constexpr double kHold = 3e-4;    // pull of the start on a number, in misses, for each point
constexpr double kLarge = 0.3;    // misses beyond count by their size only
constexpr double kLongest = 1.0;  // step of a number in a round

// The predictors of points: their schedules are made once, whatever the model.
class Predictors {
 public:
  explicit Predictors(std::span<const Point> points) {
    for (const Point& point : points) {
      const auto same = std::find_if(groups_.begin(), groups_.end(), [&](const Predictor& known) {
        return known.surroundings().group == point.surroundings.group &&
               known.surroundings().cores == point.surroundings.cores &&
               known.surroundings().room == point.surroundings.room;
      });
      group_of_.push_back(static_cast<std::size_t>(same - groups_.begin()));
      if (same == groups_.end()) groups_.emplace_back(point.surroundings);
    }
  }

  // Predicted by measured, of the points that this was made of.
  std::vector<double> ratios(std::span<const Point> points, const Model& model) {
    for (Predictor& group : groups_) group.use(model);
    std::vector<double> ratios;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double seconds = groups_[group_of_[i]].seconds(points[i].way, points[i].bytes);
      ratios.push_back(seconds / points[i].seconds);
    }
    return ratios;
  }

 private:
  std::vector<Predictor> groups_;
  std::vector<std::size_t> group_of_;  // by point
};

class Fitting {
 public:
  Fitting(std::span<const Point> points, const Model& start, ModelField::Topic topic)
      : points_(points), predictors_(points), model_(start), numbers_(fields(model_)) {
    // What is nothing is not known, and stays so.
    std::erase_if(numbers_, [topic](const ModelField& number) {
      return *number.value <= 0 || number.topic != topic;
    });
    for (const ModelField& number : numbers_) start_.push_back(std::log(*number.value));
  }

  Model run() {
    misses_ = miss();
    for (int round = 0; round < kRounds; ++round) {
      if (!improve()) break;
    }
    return model_;
  }

 private:
  using Row = std::vector<double>;

  // Logarithms of predicted by measured.
  Row miss() {
    Row misses;
    for (const double ratio : predictors_.ratios(points_, model_))
      misses.push_back(std::log(ratio));
    return misses;
  }

  double hold() const { return kHold * static_cast<double>(points_.size()); }

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
      sum += hold() * moved * moved;
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
      a[r][r] += hold() + damping;
      a[r][n] -= hold() * moved;
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
  Predictors predictors_;
  Model model_;
  std::vector<ModelField> numbers_;  // of model_
  Row start_;                        // logarithms
  Row misses_;
};

using Topic = ModelField::Topic;

// What a point can tell something about that points of earlier topics cannot.
Topic topic_of(const Point& point) {
  const Surroundings& surroundings = point.surroundings;
  if (surroundings.group.host_count() > 1) return Topic::kFar;
  const bool crowded =
      surroundings.cores > 0 && surroundings.cores < surroundings.group.most_ranks_per_host();
  return crowded ? Topic::kCrowd : Topic::kRank;
}

double badness_of(std::span<const double> ratios) {
  double sum = 0;
  for (const double ratio : ratios) sum += std::abs(std::log(ratio));
  return sum;
}

}  // namespace

// Topic by topic: what ranks cost by themselves is not to be bent by what happens where they share
// cores, nor that by what lies between hosts.
Fit fit(std::span<const Point> points, const Model& start) {
  Model model = start;
  for (const Topic topic : {Topic::kRank, Topic::kCrowd, Topic::kFar}) {
    std::vector<Point> some;
    for (const Point& point : points) {
      if (topic_of(point) == topic) some.push_back(point);
    }
    if (!some.empty()) model = Fitting(some, model, topic).run();
  }
  Fit result{model, Predictors(points).ratios(points, model), 0};
  result.badness = badness_of(result.ratios);
  return result;
}

}  // namespace tutti
