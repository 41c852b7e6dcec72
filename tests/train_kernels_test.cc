// Tests examples/train/kernels against their definitions.
//
// ROOMS: train

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "train/kernels/attention.h"
#include "train/kernels/cross_entropy.h"
#include "train/kernels/elements.h"
#include "train/kernels/embedding.h"
#include "train/kernels/matmul.h"
#include "train/kernels/norm.h"
#include "train/kernels/rope.h"
#include "train/kernels/swiglu.h"
#include "train/kernels/vectors.h"
#include "train/numbers.h"
#include "train/plain_attention.h"

namespace tutti::train {
namespace {

TEST(Exponential, IsWithinTwoUnitsOfTheLastPlace) {
  for (float x = -86.9f; x < 87.9f; x += 0.00173f) {
    const double exact = std::exp(double{x});
    ASSERT_NEAR(exponential(x) / exact, 1, 2.5e-7) << x;
  }
  EXPECT_EQ(exponential(-1e30f), 0);
  EXPECT_EQ(exponential(0.0f), 1);
}

template <class T>
class Kernels : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Kernels, Types);

// Pieces of every kind: the diagonal, all keys seen, none, some.
TYPED_TEST(Kernels, AttentionIsItsDefinition) {
  using T = TypeParam;
  const HeadShape shape{4, 2, 8, 64, 40};
  for (const auto& [queries, keys] : {std::pair{Tokens{0, 5}, Tokens{0, 5}},
                                      {Tokens{0, 200}, Tokens{0, 200}},
                                      {Tokens{300, 70}, Tokens{10, 150}},
                                      {Tokens{0, 30}, Tokens{30, 20}},
                                      {Tokens{90, 40}, Tokens{60, 300}}}) {
    SCOPED_TRACE(testing::Message() << queries.position << " " << keys.position);
    const auto q = numbers<T>(queries.count * shape.query_stride, "q");
    const auto k = numbers<T>(keys.count * shape.key_stride, "k");
    const auto v = numbers<T>(keys.count * shape.key_stride, "v");
    const long results = queries.count * shape.heads;
    std::vector<T> out(results * shape.width), most(results), sum(results);
    std::vector<T> plain_out(out), plain_most(most), plain_sum(sum);
    attend_begin(shape, queries.count, out.data(), most.data(), sum.data());
    plain::attend_begin(shape, queries.count, plain_out.data(), plain_most.data(),
                        plain_sum.data());
    // Each query sees its own key, so that no sum is empty.
    const Tokens first{0, queries.position + 1};
    const auto k0 = numbers<T>(first.count * shape.key_stride, "k0");
    const auto v0 = numbers<T>(first.count * shape.key_stride, "v0");
    attend(shape, queries, q.data(), first, k0.data(), v0.data(), out.data(), most.data(),
           sum.data());
    plain::attend(shape, queries, q.data(), first, k0.data(), v0.data(), plain_out.data(),
                  plain_most.data(), plain_sum.data());
    attend(shape, queries, q.data(), keys, k.data(), v.data(), out.data(), most.data(), sum.data());
    plain::attend(shape, queries, q.data(), keys, k.data(), v.data(), plain_out.data(),
                  plain_most.data(), plain_sum.data());
    attend_end(shape, queries.count, out.data(), out.data(), most.data(), sum.data());
    plain::attend_end(shape, queries.count, plain_out.data(), plain_most.data(), plain_sum.data());
    expect_close(out, plain_out, kTolerance<T>);
    expect_close(most, plain_most, kTolerance<T>);

    const auto d_out = numbers<T>(out.size(), "d_out");
    std::vector<T> delta(results), plain_delta(results);
    attend_delta(shape, queries.count, out.data(), d_out.data(), delta.data());
    plain::attend_delta(shape, queries.count, plain_out.data(), d_out.data(), plain_delta.data());
    std::vector<T> dq(q.size()), dk(k.size()), dv(v.size());
    std::vector<T> plain_dq(dq), plain_dk(dk), plain_dv(dv);
    attend_backward(shape, queries, q.data(), keys, k.data(), v.data(), d_out.data(), most.data(),
                    delta.data(), dq.data(), dk.data(), dv.data());
    plain::attend_backward(shape, queries, q.data(), keys, k.data(), v.data(), d_out.data(),
                           plain_most.data(), plain_delta.data(), plain_dq.data(), plain_dk.data(),
                           plain_dv.data());
    expect_close(dq, plain_dq, kTolerance<T>);
    expect_close(dk, plain_dk, kTolerance<T>);
    expect_close(dv, plain_dv, kTolerance<T>);
  }
}

TYPED_TEST(Kernels, LinearIsItsDefinition) {
  using T = TypeParam;
  const Linear shape{5, 7, 3};
  const auto x = numbers<T>(35, "x");
  const auto w = numbers<T>(21, "w");
  const auto dy = numbers<T>(15, "dy");
  std::vector<T> y(15), dx(35), dw(21, T{1}), ey(15), edx(35), edw(21, T{1});
  for (int t = 0; t < 5; ++t) {
    for (int o = 0; o < 3; ++o) {
      for (int i = 0; i < 7; ++i) {
        ey[t * 3 + o] += x[t * 7 + i] * w[o * 7 + i];
        edx[t * 7 + i] += dy[t * 3 + o] * w[o * 7 + i];
        edw[o * 7 + i] += dy[t * 3 + o] * x[t * 7 + i];
      }
    }
  }
  linear(shape, x.data(), w.data(), y.data());
  linear_backward_input(shape, dy.data(), w.data(), dx.data());
  linear_backward_weight(shape, dy.data(), x.data(), dw.data());
  expect_close(y, ey, kTolerance<T>);
  expect_close(dx, edx, kTolerance<T>);
  expect_close(dw, edw, kTolerance<T>);
}

TEST(RmsNorm, IsItsDefinitionAndBackwardItsSlope) {
  const auto x = numbers<double>(21, "x");
  const auto w = numbers<double>(7, "w");
  const auto dy = numbers<double>(21, "dy");
  const auto run = [&](const std::vector<double>& x, const std::vector<double>& w) {
    std::vector<double> y(21), r(3);
    rms_norm(3, 7, 0.01, x.data(), w.data(), y.data(), r.data());
    return std::pair{y, r};
  };
  const auto [y, r] = run(x, w);
  for (int t = 0; t < 3; ++t) {
    double squares = 0;
    for (int i = 0; i < 7; ++i) squares += x[t * 7 + i] * x[t * 7 + i];
    for (int i = 0; i < 7; ++i) {
      EXPECT_NEAR(y[t * 7 + i], x[t * 7 + i] / std::sqrt(squares / 7 + 0.01) * w[i], 1e-14);
    }
  }
  std::vector<double> sum(21), all(21), again(21), r_again(3);
  add(21, x.data(), dy.data(), sum.data());
  add_rms_norm(3, 7, 0.01, x.data(), dy.data(), w.data(), all.data(), again.data(), r_again.data());
  EXPECT_EQ(all, sum);
  EXPECT_EQ(again, run(sum, w).first);

  std::vector<double> dx(21), dw(7);
  rms_norm_backward_input(3, 7, dy.data(), x.data(), w.data(), r.data(), dx.data());
  rms_norm_backward_weight(3, 7, dy.data(), x.data(), r.data(), dw.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(dx[i], slope([&](const auto& x) { return dot(run(x, w).first, dy); }, x, i), 1e-8);
  }
  for (std::size_t i = 0; i < w.size(); ++i) {
    EXPECT_NEAR(dw[i], slope([&](const auto& w) { return dot(run(x, w).first, dy); }, w, i), 1e-8);
  }
}

TEST(Swiglu, IsItsDefinitionAndBackwardItsSlope) {
  const auto x = numbers<double>(20, "x");
  const auto da = numbers<double>(10, "da");
  const auto run = [](const std::vector<double>& x) {
    std::vector<double> a(10);
    swiglu(2, 5, x.data(), a.data());
    return a;
  };
  EXPECT_NEAR(run(x)[7], x[12] / (1 + std::exp(-x[12])) * x[17], 1e-14);
  std::vector<double> dx(20);
  swiglu_backward(2, 5, da.data(), x.data(), dx.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(dx[i], slope([&](const auto& x) { return dot(run(x), da); }, x, i), 1e-8);
  }
  std::vector<double> in_place = x;
  swiglu_backward(2, 5, da.data(), in_place.data(), in_place.data());
  EXPECT_EQ(in_place, dx);
}

// Two ranks have 3 and 2 words of 5, and a column of padding.
TEST(CrossEntropy, OfPartsIsThatOfTheWholeAndBackwardItsSlope) {
  const std::vector<std::int32_t> labels = {4, kIgnored, 0};
  const auto logits = numbers<double>(15, "logits", 3);
  const auto loss_of = [&](const std::vector<double>& logits) {
    double loss = 0;
    for (int t = 0; t < 3; ++t) {
      double sum = 0;
      for (int i = 0; i < 5; ++i) sum += std::exp(logits[t * 5 + i]);
      if (labels[t] >= 0) loss += std::log(sum) - logits[t * 5 + labels[t]];
    }
    return loss;
  };
  const LogitsShape shapes[] = {{3, 3, 3, 0}, {3, 3, 2, 3}};
  std::vector<double> parts[2], most(3, -1e300), sums(6);
  for (int rank = 0; rank < 2; ++rank) {
    for (int t = 0; t < 3; ++t) {
      for (int i = 0; i < 3; ++i) {
        parts[rank].push_back(i < shapes[rank].words ? logits[t * 5 + 3 * rank + i] : 1e9);
      }
    }
    std::vector<double> mine(3);
    largest_logits(shapes[rank], parts[rank].data(), mine.data());
    for (int t = 0; t < 3; ++t) most[t] = std::max(most[t], mine[t]);
  }
  for (int rank = 0; rank < 2; ++rank) {
    std::vector<double> mine(6);
    sum_logits(shapes[rank], parts[rank].data(), labels.data(), most.data(), mine.data());
    for (int i = 0; i < 6; ++i) sums[i] += mine[i];
  }
  for (int rank = 0; rank < 2; ++rank) {
    std::vector<double> losses(3);
    cross_entropy(shapes[rank], parts[rank].data(), labels.data(), most.data(), sums.data(), 2.0,
                  losses.data());
    EXPECT_NEAR(sum_of(3, losses.data()), loss_of(logits), 1e-12);
    for (int t = 0; t < 3; ++t) {
      for (int i = 0; i < 3; ++i) {
        const double expected =
            i < shapes[rank].words ? 2 * slope(loss_of, logits, t * 5 + 3 * rank + i) : 0;
        EXPECT_NEAR(parts[rank][t * 3 + i], expected, 1e-8);
      }
    }
  }
}

TEST(Embedding, TakesRowsAndAddsGradientsToThem) {
  const std::vector<std::int32_t> tokens = {3, 0, 2, 3};
  const std::vector<double> table = {20, 21, 30, 31};  // words 2 and 3
  std::vector<double> y(8);
  embed({4, 2, 2, 2}, tokens.data(), table.data(), y.data());
  EXPECT_EQ(y, (std::vector<double>{30, 31, 0, 0, 20, 21, 30, 31}));
  std::vector<double> d_table(4);
  const std::vector<double> dy = {1, 2, 3, 4, 5, 6, 7, 8};
  embed_backward({4, 2, 2, 2}, tokens.data(), dy.data(), d_table.data());
  EXPECT_EQ(d_table, (std::vector<double>{5, 6, 8, 10}));
}

TEST(Rope, TurnsPairsByTheirAngleAndBack) {
  const auto frequencies = rope_frequencies({}, 4, 16);
  EXPECT_NEAR(frequencies[1], 0.01, 1e-15);
  const auto table = RopeTable<double>::make(frequencies, 16);
  std::vector<double> token = {1, 2, 3, 4};
  rotate(table, {5, 1, 1, 0}, 1, token.data());
  EXPECT_NEAR(token[0], std::cos(5.0) - 3 * std::sin(5.0), 1e-14);
  EXPECT_NEAR(token[2], 3 * std::cos(5.0) + std::sin(5.0), 1e-14);
  rotate(table, {5, 1, 1, 0}, -1, token.data());
  expect_close(token, {1, 2, 3, 4}, 1e-14);
}

// Llama 3.1's own numbers: factor 8, low 1, high 4, original length 8192, theta 500,000.
TEST(Rope, ScalingKeepsFastTurnsAndSlowsTheOthers) {
  const RopeConfig config{"llama3", 500000, 8, 1, 4, 8192};
  const auto plain = rope_frequencies({"default", 500000}, 128, 8192);
  const auto scaled = rope_frequencies(config, 128, 8192);
  EXPECT_EQ(scaled.front(), plain.front());
  EXPECT_NEAR(scaled.back(), plain.back() / 8, 1e-18);
  RopeConfig linear{"linear", 10000, 4};
  EXPECT_NEAR(rope_frequencies(linear, 8, 64)[0], 0.25, 1e-15);
  RopeConfig dynamic{"dynamic", 10000, 2};
  dynamic.original_positions = 64;
  EXPECT_EQ(rope_frequencies(dynamic, 8, 64), rope_frequencies({}, 8, 64));
  EXPECT_LT(rope_frequencies(dynamic, 8, 128)[1], rope_frequencies({}, 8, 64)[1]);
}

}  // namespace
}  // namespace tutti::train
