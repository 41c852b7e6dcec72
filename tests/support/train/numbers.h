// Vectors of numbers for tests of kernels: random ones, comparison, slopes.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "train/random.h"

namespace tutti::train {

template <class T>
std::vector<T> numbers(long count, const char* name, double scale = 1) {
  const RandomStream random(1, name);
  std::vector<T> numbers(count);
  for (long i = 0; i < count; ++i) numbers[i] = static_cast<T>(scale * random.normal(i));
  return numbers;
}

template <class T>
void expect_close(const std::vector<T>& got, const std::vector<T>& expected, double tolerance) {
  double largest = 0;
  for (const T value : expected) largest = std::max(largest, std::abs(double{value}));
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], expected[i], tolerance * largest) << i;
  }
}

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 2e-5 : 1e-13;

/// The numeric derivative of f at x, in double.
template <class Function>
double slope(Function f, std::vector<double> x, std::size_t i) {
  constexpr double kStep = 1e-6;
  const double at = x[i];
  x[i] = at + kStep;
  const double up = f(x);
  x[i] = at - kStep;
  return (up - f(x)) / (2 * kStep);
}

/// The derivatives of f(), which reads x, by each number of x.
template <class Function>
std::vector<double> slopes(Function f, std::vector<double>& x) {
  std::vector<double> result;
  const std::vector<double> at = x;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const auto moved = [&](const std::vector<double>& other) {
      x = other;
      return f();
    };
    result.push_back(slope(moved, at, i));
  }
  x = at;
  return result;
}

/// What a kernel is to overwrite: rows of `stride`, of which it sets `columns`.
inline void soil(std::vector<double>& rows, long stride, long columns) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<long>(i) % stride < columns) rows[i] = 7;
  }
}

template <class T>
std::vector<T> slice(const std::vector<T>& v, long first, long count) {
  return {v.begin() + first, v.begin() + first + count};
}

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace tutti::train
