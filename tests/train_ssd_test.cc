// Tests examples/train/kernels/ssd.h: against the recurrence, token by token, and its slopes.
//
// ROOMS: train

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "train/kernels/carry.h"
#include "train/kernels/ssd.h"
#include "train/numbers.h"

namespace tutti::train {
namespace {

template <class T>
struct Values {
  std::vector<T> x, dt, b, c, a_log, d;

  SsdInput<T> input() const {
    return {x.data(), dt.data(), b.data(), c.data(), a_log.data(), d.data()};
  }
  SsdGradients<T> gradients() {
    return {x.data(), dt.data(), b.data(), c.data(), a_log.data(), d.data()};
  }
  std::vector<std::vector<T>*> all() { return {&x, &dt, &b, &c, &a_log, &d}; }
};

template <class T>
Values<T> random_values(const SsdShape& s) {
  Values<T> v;
  v.x = numbers<T>(s.tokens * s.input_stride, "x");
  v.dt = numbers<T>(s.tokens * s.heads, "dt");
  for (T& step : v.dt) step = std::abs(step) / 4 + T(0.01);
  v.b = numbers<T>(s.tokens * s.matrix_stride, "b");
  v.c = numbers<T>(s.tokens * s.matrix_stride, "c");
  v.a_log = numbers<T>(s.heads, "a");
  v.d = numbers<T>(s.heads, "d");
  return v;
}

template <class T>
struct Results {
  std::vector<T> y, final;
};

// The recurrence of the header.
template <class T>
Results<T> plain_ssd(const SsdShape& s, const Values<T>& v, const std::vector<T>& initial) {
  Results<T> r{std::vector<T>(s.tokens * s.heads * s.width), initial};
  for (long t = 0; t < s.tokens; ++t) {
    for (long h = 0; h < s.heads; ++h) {
      const long matrix = t * s.matrix_stride + (s.first_head + h) / s.heads_per_group * s.states;
      const T dt = v.dt[t * s.heads + h];
      const T decay = std::exp(-dt * std::exp(v.a_log[h]));
      for (long p = 0; p < s.width; ++p) {
        const T x = v.x[t * s.input_stride + h * s.width + p];
        T y = v.d[h] * x;
        for (long n = 0; n < s.states; ++n) {
          T& state = r.final[(h * s.width + p) * s.states + n];
          state = decay * state + dt * x * v.b[matrix + n];
          y += state * v.c[matrix + n];
        }
        r.y[(t * s.heads + h) * s.width + p] = y;
      }
    }
  }
  return r;
}

// One shard, and what it keeps.
template <class T>
struct Shard {
  SsdShape shape;
  Values<T> values;
  std::vector<T> y, states, d_states, log_decay;

  Shard(const SsdShape& s, Values<T> v)
      : shape(s),
        values(std::move(v)),
        y(s.tokens * s.heads * s.width),
        states((s.chunks() + 1) * s.state_size()),
        d_states(states.size()),
        log_decay(s.heads) {}

  std::vector<T> last(const std::vector<T>& of) const {
    return {of.end() - shape.state_size(), of.end()};
  }

  // The last state, from zero.
  std::vector<T> begin() {
    ssd_states(shape, values.input(), states.data(), log_decay.data());
    ssd_inside(shape, values.input(), y.data());
    return last(states);
  }
  Results<T> finish(const T* initial) {
    ssd_finish(shape, values.input(), initial, states.data(), y.data());
    return {y, last(states)};
  }

  // The gradient of the initial state, were the last one unused.
  std::vector<T> begin_backward(const std::vector<T>& dy, Values<T>& gradients) {
    ssd_backward_states(shape, values.input(), dy.data(), d_states.data());
    ssd_backward_inside(shape, values.input(), dy.data(), gradients.gradients());
    return {d_states.begin(), d_states.begin() + shape.state_size()};
  }
  // The gradient of the initial state.
  std::vector<T> finish_backward(const std::vector<T>& dy, const T* d_final, Values<T>& gradients) {
    ssd_backward_finish(shape, values.input(), {dy.data(), states.data(), d_final, d_states.data()},
                        gradients.gradients());
    return {d_states.begin(), d_states.begin() + shape.state_size()};
  }
};

template <class T>
Values<T> zeros_like(const Values<T>& v) {
  Values<T> zeros = v;
  for (auto* each : zeros.all()) std::fill(each->begin(), each->end(), T{0});
  return zeros;
}

// tokens, heads, width, states, groups, heads per group, first head, chunk, strides.
const SsdShape kShapes[] = {
    {11, 3, 3, 2, 3, 2, 1, 4, 10, 7},    // chunks that do not divide; some of some groups' heads
    {12, 4, 2, 3, 2, 2, 0, 4, 8, 6},     // that do
    {3, 2, 1, 1, 1, 2, 0, 8, 2, 1},      // one chunk
    {150, 2, 2, 2, 1, 2, 0, 140, 5, 3},  // bands within a chunk
};

template <class T>
class Ssd : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Ssd, Types);

TYPED_TEST(Ssd, IsTheRecurrence) {
  using T = TypeParam;
  for (const SsdShape& s : kShapes) {
    SCOPED_TRACE(s.tokens);
    Shard<T> shard(s, random_values<T>(s));
    for (const auto& initial : {numbers<T>(s.state_size(), "s"), std::vector<T>(s.state_size())}) {
      shard.begin();
      const auto got = shard.finish(initial[0] == 0 ? nullptr : initial.data());
      const auto expected = plain_ssd(s, shard.values, initial);
      expect_close(got.y, expected.y, kTolerance<T>);
      expect_close(got.final, expected.final, kTolerance<T>);
    }
  }
}

TEST(SsdBackward, IsTheSlope) {
  for (const SsdShape& s : kShapes) {
    SCOPED_TRACE(s.tokens);
    Shard<double> shard(s, random_values<double>(s));
    const auto initial = numbers<double>(s.state_size(), "s");
    const auto dy = numbers<double>(shard.y.size(), "dy");
    const auto d_final = numbers<double>(s.state_size(), "ds");
    shard.begin();
    shard.finish(initial.data());
    Values<double> gradients = zeros_like(shard.values);
    soil(gradients.x, s.input_stride, s.heads * s.width);
    soil(gradients.dt, 1, 1);
    soil(gradients.b, s.matrix_stride, s.groups * s.states);
    soil(gradients.c, s.matrix_stride, s.groups * s.states);
    shard.begin_backward(dy, gradients);
    const auto d_initial = shard.finish_backward(dy, d_final.data(), gradients);

    Values<double> v = shard.values;
    std::vector<double> start = initial;
    const auto loss = [&] {
      const auto results = plain_ssd(s, v, start);
      return dot(results.y, dy) + dot(results.final, d_final);
    };
    for (std::size_t k = 0; k < v.all().size(); ++k) {
      SCOPED_TRACE(k);
      expect_close(*gradients.all()[k], slopes(loss, *v.all()[k]), 1e-7);
    }
    expect_close(d_initial, slopes(loss, start), 1e-7);
  }
}

template <class T>
Shard<T> cut(const Shard<T>& whole, long first, long tokens) {
  SsdShape s = whole.shape;
  s.tokens = tokens;
  Values<T> v = whole.values;
  v.x = slice(v.x, first * s.input_stride, tokens * s.input_stride);
  v.dt = slice(v.dt, first * s.heads, tokens * s.heads);
  v.b = slice(v.b, first * s.matrix_stride, tokens * s.matrix_stride);
  v.c = slice(v.c, first * s.matrix_stride, tokens * s.matrix_stride);
  return Shard<T>(s, v);
}

// What one rank after the other would do: all begin, states go round, all finish.
TEST(SsdShards, MakeWhatTheWholeSequenceMakes) {
  const SsdShape& s = kShapes[3];
  Shard<double> whole(s, random_values<double>(s));
  const auto initial = numbers<double>(s.state_size(), "s");
  const auto d_final = numbers<double>(s.state_size(), "ds");
  const auto dy = numbers<double>(whole.y.size(), "dy");
  whole.begin();
  const auto expected = whole.finish(initial.data());
  Values<double> all = zeros_like(whole.values);
  whole.begin_backward(dy, all);
  const auto d_initial = whole.finish_backward(dy, d_final.data(), all);

  for (const std::vector<long>& ends : {std::vector<long>{60, 150}, {1, 77, 150}}) {
    std::vector<Shard<double>> shards;
    std::vector<std::vector<double>> dys;
    for (long first = 0; const long end : ends) {
      shards.push_back(cut(whole, first, end - first));
      dys.push_back(slice(dy, first * s.heads * s.width, (end - first) * s.heads * s.width));
      first = end;
    }
    const std::size_t n = shards.size();

    std::vector<std::vector<double>> local, gradients_local(n);
    for (auto& shard : shards) local.push_back(shard.begin());
    std::vector<double> state = initial, y;
    for (std::size_t i = 0; i < n; ++i) {
      const auto got = shards[i].finish(state.data());
      carry(s.heads, s.width * s.states, shards[i].log_decay.data(), state.data(), local[i].data());
      state = local[i];
      expect_close(got.final, state, 1e-13);
      y.insert(y.end(), got.y.begin(), got.y.end());
    }
    expect_close(y, expected.y, 1e-13);
    expect_close(state, expected.final, 1e-13);

    std::vector<Values<double>> gradients;
    for (std::size_t i = 0; i < n; ++i) {
      gradients.push_back(zeros_like(shards[i].values));
      gradients_local[i] = shards[i].begin_backward(dys[i], gradients[i]);
    }
    std::vector<double> d_state = d_final;
    for (std::size_t i = n; i-- > 0;) {
      const auto got = shards[i].finish_backward(dys[i], d_state.data(), gradients[i]);
      carry(s.heads, s.width * s.states, shards[i].log_decay.data(), d_state.data(),
            gradients_local[i].data());
      d_state = gradients_local[i];
      expect_close(got, d_state, 1e-13);
    }
    expect_close(d_state, d_initial, 1e-13);
    Values<double> joined = gradients[0];
    for (std::size_t i = 1; i < n; ++i) {
      for (auto [to, from] : {std::pair{&joined.x, &gradients[i].x},
                              {&joined.dt, &gradients[i].dt},
                              {&joined.b, &gradients[i].b},
                              {&joined.c, &gradients[i].c}}) {
        to->insert(to->end(), from->begin(), from->end());
      }
      for (long h = 0; h < s.heads; ++h) {
        joined.a_log[h] += gradients[i].a_log[h];
        joined.d[h] += gradients[i].d[h];
      }
    }
    for (std::size_t k = 0; k < all.all().size(); ++k) {
      SCOPED_TRACE(k);
      expect_close(*joined.all()[k], *all.all()[k], 1e-12);
    }
  }
}

// Decays of e^-30 a token, and time steps of 1/1000: neither overflows nor drowns.
TEST(SsdInFloat, KeepsItsDigitsWhereDecaysAreStrong) {
  const SsdShape s{300, 2, 8, 8, 1, 2, 0, 128, 16, 8};
  Values<double> exact = random_values<double>(s);
  exact.a_log = {std::log(30.0), std::log(1.0)};
  for (long t = 0; t < s.tokens; ++t) {
    exact.dt[2 * t] = 1;
    exact.dt[2 * t + 1] = 1e-3;
  }
  Values<float> rounded;
  for (std::size_t k = 0; k < exact.all().size(); ++k) {
    rounded.all()[k]->assign(exact.all()[k]->begin(), exact.all()[k]->end());
  }
  const auto dy = numbers<double>(s.tokens * s.heads * s.width, "dy");
  const auto run = [&]<class T>(const Values<T>& v) {
    Shard<T> shard(s, v);
    shard.begin();
    shard.finish(nullptr);
    const std::vector<T> d(dy.begin(), dy.end());
    Values<T> gradients = zeros_like(v);
    shard.begin_backward(d, gradients);
    shard.finish_backward(d, nullptr, gradients);
    gradients.d = shard.y;
    return gradients;
  };
  Values<double> expected = run(exact);
  Values<float> got = run(rounded);
  for (std::size_t k = 0; k < expected.all().size(); ++k) {
    SCOPED_TRACE(k);
    const std::vector<double> values(got.all()[k]->begin(), got.all()[k]->end());
    expect_close(values, *expected.all()[k], 2e-5);
  }
}

}  // namespace
}  // namespace tutti::train
