// Tests examples/train/kernels/selective_scan.h: against the recurrence, and its slopes.
//
// ROOMS: train

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "train/kernels/carry.h"
#include "train/kernels/selective_scan.h"
#include "train/numbers.h"

namespace tutti::train {
namespace {

template <class T>
struct Values {
  std::vector<T> x, delta, b, c, a_log, d;

  ScanInput<T> input() const {
    return {x.data(), delta.data(), b.data(), c.data(), a_log.data(), d.data()};
  }
  ScanGradients<T> gradients() {
    return {x.data(), delta.data(), b.data(), c.data(), a_log.data(), d.data()};
  }
  std::vector<std::vector<T>*> all() { return {&x, &delta, &b, &c, &a_log, &d}; }
};

template <class T>
Values<T> random_values(const ScanShape& s) {
  Values<T> v;
  v.x = numbers<T>(s.tokens * s.input_stride, "x");
  v.delta = numbers<T>(s.tokens * s.channels, "delta");
  for (T& step : v.delta) step = std::abs(step) / 4 + T(0.01);
  v.b = numbers<T>(s.tokens * s.matrix_stride, "b");
  v.c = numbers<T>(s.tokens * s.matrix_stride, "c");
  v.a_log = numbers<T>(s.state_size(), "a");
  v.d = numbers<T>(s.channels, "d");
  return v;
}

template <class T>
Values<T> zeros_like(Values<T> values) {
  for (auto* each : values.all()) std::fill(each->begin(), each->end(), T{0});
  return values;
}

template <class T>
struct Results {
  std::vector<T> y, final;
};

// The recurrence of the header.
template <class T>
Results<T> plain_scan(const ScanShape& s, const Values<T>& v, const std::vector<T>& initial) {
  Results<T> r{std::vector<T>(s.tokens * s.channels), initial};
  for (long t = 0; t < s.tokens; ++t) {
    for (long d = 0; d < s.channels; ++d) {
      const T x = v.x[t * s.input_stride + d];
      const T delta = v.delta[t * s.channels + d];
      T& y = r.y[t * s.channels + d];
      y = v.d[d] * x;
      for (long n = 0; n < s.states; ++n) {
        T& h = r.final[d * s.states + n];
        h = std::exp(-delta * std::exp(v.a_log[d * s.states + n])) * h +
            delta * v.b[t * s.matrix_stride + n] * x;
        y += v.c[t * s.matrix_stride + n] * h;
      }
    }
  }
  return r;
}

// One shard, and what it keeps.
template <class T>
struct Shard {
  ScanShape shape;
  Values<T> values;
  std::vector<T> states, log_decay;

  Shard(const ScanShape& s, Values<T> v)
      : shape(s),
        values(std::move(v)),
        states((s.chunks() + 1) * s.state_size()),
        log_decay(s.state_size()) {}

  // The last state, from zero.
  std::vector<T> state() {
    std::vector<T> final(shape.state_size());
    scan_state(shape, values.input(), final.data(), log_decay.data());
    return final;
  }
  Results<T> run(const T* initial) {
    std::vector<T> y(shape.tokens * shape.channels);
    scan(shape, values.input(), initial, y.data(), states.data());
    return {y, slice(states, shape.chunks() * shape.state_size(), shape.state_size())};
  }
  // The gradient of the initial state, were the last one unused.
  std::vector<T> backward_state(const std::vector<T>& dy) const {
    std::vector<T> d_initial(shape.state_size());
    scan_backward_state(shape, values.input(), dy.data(), d_initial.data());
    return d_initial;
  }
  // The gradient of the initial state.
  std::vector<T> backward(const std::vector<T>& dy, const T* d_final, Values<T>& gradients) const {
    std::vector<T> d_initial(shape.state_size());
    scan_backward(shape, values.input(), {dy.data(), d_final, states.data()}, gradients.gradients(),
                  d_initial.data());
    return d_initial;
  }
};

// tokens, channels, states, chunk, strides.
const ScanShape kShapes[] = {
    {11, 5, 3, 4, 8, 7},    // part of a block of channels; chunks that do not divide
    {8, 16, 2, 4, 16, 2},   // a block, and chunks that do
    {5, 37, 1, 64, 40, 3},  // more blocks, one chunk
};

template <class T>
class SelectiveScan : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(SelectiveScan, Types);

TYPED_TEST(SelectiveScan, IsTheRecurrence) {
  using T = TypeParam;
  for (const ScanShape& s : kShapes) {
    SCOPED_TRACE(s.tokens);
    Shard<T> shard(s, random_values<T>(s));
    for (const auto& initial : {numbers<T>(s.state_size(), "h"), std::vector<T>(s.state_size())}) {
      const bool zero = initial[0] == 0;
      const auto got = shard.run(zero ? nullptr : initial.data());
      const auto expected = plain_scan(s, shard.values, initial);
      expect_close(got.y, expected.y, kTolerance<T>);
      expect_close(got.final, expected.final, kTolerance<T>);
      if (zero) expect_close(shard.state(), expected.final, kTolerance<T>);
    }
  }
}

TEST(SelectiveScanBackward, IsTheSlope) {
  for (const ScanShape& s : kShapes) {
    SCOPED_TRACE(s.tokens);
    Shard<double> shard(s, random_values<double>(s));
    auto initial = numbers<double>(s.state_size(), "h");
    const auto dy = numbers<double>(s.tokens * s.channels, "dy");
    const auto d_final = numbers<double>(s.state_size(), "dh");
    shard.run(initial.data());
    Values<double> gradients = zeros_like(shard.values);
    soil(gradients.x, s.input_stride, s.channels);
    soil(gradients.delta, 1, 1);
    soil(gradients.b, s.matrix_stride, s.states);
    soil(gradients.c, s.matrix_stride, s.states);
    const auto d_initial = shard.backward(dy, d_final.data(), gradients);

    Values<double> v = shard.values;
    const auto loss = [&] {
      const auto results = plain_scan(s, v, initial);
      return dot(results.y, dy) + dot(results.final, d_final);
    };
    for (std::size_t k = 0; k < v.all().size(); ++k) {
      SCOPED_TRACE(k);
      expect_close(*gradients.all()[k], slopes(loss, *v.all()[k]), 1e-7);
    }
    expect_close(d_initial, slopes(loss, initial), 1e-7);
  }
}

Shard<double> cut(const Shard<double>& whole, long first, long tokens) {
  ScanShape s = whole.shape;
  s.tokens = tokens;
  Values<double> v = whole.values;
  v.x = slice(v.x, first * s.input_stride, tokens * s.input_stride);
  v.delta = slice(v.delta, first * s.channels, tokens * s.channels);
  v.b = slice(v.b, first * s.matrix_stride, tokens * s.matrix_stride);
  v.c = slice(v.c, first * s.matrix_stride, tokens * s.matrix_stride);
  return Shard<double>(s, v);
}

// States go from shard to shard as an exclusive scan makes them: without running a shard twice.
TEST(SelectiveScanShards, MakeWhatTheWholeSequenceMakes) {
  const ScanShape& s = kShapes[0];
  Shard<double> whole(s, random_values<double>(s));
  const auto initial = numbers<double>(s.state_size(), "h");
  const auto d_final = numbers<double>(s.state_size(), "dh");
  const auto dy = numbers<double>(s.tokens * s.channels, "dy");
  const auto expected = whole.run(initial.data());
  Values<double> all = zeros_like(whole.values);
  const auto d_initial = whole.backward(dy, d_final.data(), all);

  for (const std::vector<long>& ends : {std::vector<long>{6, 11}, {1, 8, 11}}) {
    std::vector<Shard<double>> shards;
    std::vector<std::vector<double>> dys;
    std::vector<double> y, state = initial, d_state = d_final;
    for (long first = 0; const long end : ends) {
      Shard<double>& shard = shards.emplace_back(cut(whole, first, end - first));
      dys.push_back(slice(dy, first * s.channels, (end - first) * s.channels));
      auto next = shard.state();
      const auto got = shard.run(state.data());
      carry(s.state_size(), 1, shard.log_decay.data(), state.data(), next.data());
      expect_close(got.final, next, 1e-13);
      state = next;
      y.insert(y.end(), got.y.begin(), got.y.end());
      first = end;
    }
    expect_close(y, expected.y, 1e-13);
    expect_close(state, expected.final, 1e-13);

    Values<double> joined = zeros_like(whole.values);
    long end = s.tokens;
    for (std::size_t i = shards.size(); i-- > 0;) {
      const Shard<double>& shard = shards[i];
      Values<double> gradients = zeros_like(shard.values);
      auto next = shard.backward_state(dys[i]);
      const auto got = shard.backward(dys[i], d_state.data(), gradients);
      carry(s.state_size(), 1, shard.log_decay.data(), d_state.data(), next.data());
      expect_close(got, next, 1e-13);
      d_state = next;
      const long first = end - shard.shape.tokens;
      const auto place = [&](const std::vector<double>& part, long stride,
                             std::vector<double>& into) {
        std::copy(part.begin(), part.end(), into.begin() + first * stride);
      };
      place(gradients.x, s.input_stride, joined.x);
      place(gradients.delta, s.channels, joined.delta);
      place(gradients.b, s.matrix_stride, joined.b);
      place(gradients.c, s.matrix_stride, joined.c);
      for (long k = 0; k < s.state_size(); ++k) joined.a_log[k] += gradients.a_log[k];
      for (long k = 0; k < s.channels; ++k) joined.d[k] += gradients.d[k];
      end = first;
    }
    expect_close(d_state, d_initial, 1e-13);
    for (std::size_t k = 0; k < all.all().size(); ++k) {
      SCOPED_TRACE(k);
      expect_close(*joined.all()[k], *all.all()[k], 1e-12);
    }
  }
}

}  // namespace
}  // namespace tutti::train
