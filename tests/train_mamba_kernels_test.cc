// Tests what stands round the scans of Mamba: convolution.h, time_step.h and gated_norm.h.
//
// ROOMS: train

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "train/kernels/convolution.h"
#include "train/kernels/gated_norm.h"
#include "train/kernels/time_step.h"
#include "train/numbers.h"

namespace tutti::train {
namespace {

double silu(double x) { return x / (1 + std::exp(-x)); }

// tokens, channels, taps, strides: more than a tile of channels; fewer tokens than taps.
const ConvolutionShape kConvolutions[] = {{7, 131, 4, 140, 133}, {2, 5, 4, 5, 6}, {4, 3, 1, 3, 3}};

struct ConvolutionValues {
  std::vector<double> x, halo, w, b;

  explicit ConvolutionValues(const ConvolutionShape& s)
      : x(numbers<double>(s.tokens * s.input_stride, "x")),
        halo(numbers<double>((s.taps - 1) * s.channels, "halo")),
        w(numbers<double>(s.channels * s.taps, "w")),
        b(numbers<double>(s.channels, "b")) {}
  ConvolutionInput<double> input() const { return {x.data(), halo.data(), w.data(), b.data()}; }
};

// The definition of the header, without halo and b where they are empty.
std::vector<double> plain_convolution(const ConvolutionShape& s, const ConvolutionValues& v) {
  std::vector<double> y(s.tokens * s.output_stride);
  for (long t = 0; t < s.tokens; ++t) {
    for (long c = 0; c < s.channels; ++c) {
      double sum = v.b.empty() ? 0 : v.b[c];
      for (long k = 0; k < s.taps; ++k) {
        const long from = t - (s.taps - 1) + k;
        const long before = from + s.taps - 1;
        sum += v.w[c * s.taps + k] * (from >= 0        ? v.x[from * s.input_stride + c]
                                      : v.halo.empty() ? 0
                                                       : v.halo[before * s.channels + c]);
      }
      y[t * s.output_stride + c] = silu(sum);
    }
  }
  return y;
}

TEST(Convolution, IsItsDefinition) {
  for (const ConvolutionShape& s : kConvolutions) {
    ConvolutionValues v(s);
    std::vector<double> y(s.tokens * s.output_stride);
    convolve(s, v.x.data(), v.halo.data(), v.w.data(), v.b.data(), y.data());
    expect_close(y, plain_convolution(s, v), 1e-14);
    v.halo.clear();
    v.b.clear();
    convolve<double>(s, v.x.data(), nullptr, v.w.data(), nullptr, y.data());
    expect_close(y, plain_convolution(s, v), 1e-14);
  }
}

TEST(ConvolutionInFloat, IsThatInDouble) {
  const ConvolutionShape& s = kConvolutions[0];
  const ConvolutionValues v(s);
  const auto x = numbers<float>(v.x.size(), "x");
  const auto halo = numbers<float>(v.halo.size(), "halo");
  const auto w = numbers<float>(v.w.size(), "w");
  const auto b = numbers<float>(v.b.size(), "b");
  std::vector<float> y(s.tokens * s.output_stride);
  convolve(s, x.data(), halo.data(), w.data(), b.data(), y.data());
  expect_close({y.begin(), y.end()}, plain_convolution(s, v), 1e-6);
}

TEST(ConvolutionBackward, IsTheSlope) {
  for (const ConvolutionShape& s : kConvolutions) {
    SCOPED_TRACE(s.channels);
    ConvolutionValues v(s);
    auto dy = numbers<double>(s.tokens * s.output_stride, "dy");
    for (std::size_t i = 0; i < dy.size(); ++i) {
      if (static_cast<long>(i) % s.output_stride >= s.channels) dy[i] = 0;
    }
    const auto loss = [&, dy] { return dot(plain_convolution(s, v), dy); };
    std::vector<double> dx(v.x.size()), d_halo(v.halo.size()), dw(v.w.size()), db(v.b.size());
    convolve_backward_input(s, v.input(), dy.data(), dx.data(), d_halo.data());
    convolve_backward_weight(s, dy.data(), v.x.data(), v.halo.data(), dw.data(), db.data());
    expect_close(dx, slopes(loss, v.x), 1e-7);
    expect_close(d_halo, slopes(loss, v.halo), 1e-7);
    expect_close(dw, slopes(loss, v.w), 1e-7);
    expect_close(db, slopes(loss, v.b), 1e-7);
  }
}

// A shard's halo is the end of the one before; its gradient goes there.
TEST(ConvolutionShards, MakeWhatTheWholeSequenceMakes) {
  const ConvolutionShape& whole = kConvolutions[0];
  const ConvolutionValues v(whole);
  auto dy = numbers<double>(whole.tokens * whole.output_stride, "dy");
  auto dy_part = dy;
  std::vector<double> dx(v.x.size()), d_halo(v.halo.size());
  convolve_backward_input(whole, v.input(), dy.data(), dx.data(), d_halo.data());

  ConvolutionShape first = whole, second = whole;
  first.tokens = 4;
  second.tokens = 3;
  std::vector<double> halo, got(v.x.size()), got_halo(v.halo.size()), sent(v.halo.size());
  for (long t = 1; t < 4; ++t) {
    const auto row = slice(v.x, t * whole.input_stride, whole.channels);
    halo.insert(halo.end(), row.begin(), row.end());
  }
  const long x_at = 4 * whole.input_stride;
  convolve_backward_input(second, {v.x.data() + x_at, halo.data(), v.w.data(), v.b.data()},
                          dy_part.data() + 4 * whole.output_stride, got.data() + x_at, sent.data());
  convolve_backward_input(first, v.input(), dy_part.data(), got.data(), got_halo.data());
  for (long t = 1; t < 4; ++t) {
    for (long c = 0; c < whole.channels; ++c) {
      got[t * whole.input_stride + c] += sent[(t - 1) * whole.channels + c];
    }
  }
  expect_close(got, dx, 1e-14);
  expect_close(got_halo, d_halo, 1e-14);
  expect_close(dy_part, dy, 1e-14);
}

// Four tokens of three heads: a limit below, none, one above; raw numbers far to both sides.
TEST(TimeSteps, AreSoftplusBetweenLimitsAndBackwardItsSlope) {
  const TimeStepShape s{4, 3, 5, 0.05, 2.5};
  std::vector<double> raw = numbers<double>(20, "raw", 2);
  std::vector<double> bias = {-1, 0.5, 3};
  const auto d_dt = numbers<double>(12, "d_dt");
  raw[0] = -40;
  raw[2] = 30;
  std::vector<double> dt(12), d_raw(20), d_bias(3);
  const auto plain = [&] {
    std::vector<double> dt(12);
    for (long i = 0; i < 12; ++i) {
      const double x = raw[i / 3 * 5 + i % 3] + bias[i % 3];
      dt[i] = std::clamp(std::log1p(std::exp(x)), s.lowest, s.highest);
    }
    return dt;
  };
  time_steps(s, raw.data(), bias.data(), dt.data());
  expect_close(dt, plain(), 1e-8);  // the identity above 20
  EXPECT_EQ(dt[0], 0.05);
  EXPECT_EQ(dt[2], 2.5);
  time_steps_backward(s, raw.data(), bias.data(), d_dt.data(), d_raw.data());
  time_steps_backward_bias(s, d_raw.data(), d_bias.data());
  const auto loss = [&] { return dot(plain(), d_dt); };
  expect_close(d_raw, slopes(loss, raw), 1e-8);
  expect_close(d_bias, slopes(loss, bias), 1e-8);
}

// Small steps keep their digits: 1 + e^x alone would not.
TEST(TimeStepsInFloat, AreExactToTheLastPlaces) {
  for (float x = -80; x < 40; x += 0.0137f) {
    const float bias = 0;
    float dt = 0;
    time_steps({1, 1, 1}, &x, &bias, &dt);
    const double exact = std::log1p(std::exp(double{x}));
    ASSERT_NEAR(dt / exact, 1, 4e-7) << x;
  }
}

TEST(Gate, IsItsDefinitionAndBackwardItsSlope) {
  const GateShape s{3, 5, 7};
  auto y = numbers<double>(15, "y");
  auto z = numbers<double>(21, "z");
  const auto dv = numbers<double>(15, "dv");
  const auto plain = [&] {
    std::vector<double> v(15);
    for (long i = 0; i < 15; ++i) v[i] = y[i] * silu(z[i / 5 * 7 + i % 5]);
    return v;
  };
  std::vector<double> v(15), dy(15), dz(21);
  gate(s, y.data(), z.data(), v.data());
  expect_close(v, plain(), 1e-14);
  gate_backward(s, dv.data(), y.data(), z.data(), dy.data(), dz.data());
  const auto loss = [&] { return dot(plain(), dv); };
  expect_close(dy, slopes(loss, y), 1e-8);
  expect_close(dz, slopes(loss, z), 1e-8);
  std::vector<double> in_place = dv;
  gate_backward(s, in_place.data(), y.data(), z.data(), in_place.data(), dz.data());
  EXPECT_EQ(in_place, dy);
}

// Two groups of four columns, of which each of two ranks has a half of each group's.
class GroupNorm : public testing::Test {
 protected:
  static constexpr long kTokens = 3;
  const GroupNormShape whole_{kTokens, 2, 4, 4, 0.01};
  const GroupNormShape half_{kTokens, 2, 2, 4, 0.01};
  std::vector<double> v_ = numbers<double>(24, "v");
  std::vector<double> w_ = numbers<double>(8, "w");
  const std::vector<double> d_o_ = numbers<double>(24, "do");

  std::vector<double> plain() const {
    std::vector<double> o(24);
    for (long n = 0; n < 6; ++n) {
      double squares = 0;
      for (long i = 0; i < 4; ++i) squares += v_[4 * n + i] * v_[4 * n + i];
      for (long i = 0; i < 4; ++i) {
        o[4 * n + i] = v_[4 * n + i] / std::sqrt(squares / 4 + 0.01) * w_[n % 2 * 4 + i];
      }
    }
    return o;
  }

  // Columns of a rank, of [rows, 4].
  static std::vector<double> part(const std::vector<double>& all, int rank) {
    std::vector<double> part;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (static_cast<int>(i % 4 / 2) == rank) part.push_back(all[i]);
    }
    return part;
  }

  struct Gradients {
    std::vector<double> dv, dw;
  };
  Gradients backward(const GroupNormShape& s, const GroupNormBackward<double>& b) const {
    const std::size_t count = s.tokens * s.groups * s.width;
    Gradients g{std::vector<double>(count), std::vector<double>(s.groups * s.width)};
    group_norm_backward_input(s, b, g.dv.data());
    group_norm_backward_weight(s, b.d_o, b.v, b.r, g.dw.data());
    return g;
  }
};

TEST_F(GroupNorm, IsItsDefinitionAndBackwardItsSlope) {
  std::vector<double> r(6), o(24), sums(6);
  group_norm_squares(whole_, v_.data(), r.data());
  group_norm(whole_, v_.data(), w_.data(), r.data(), o.data());
  expect_close(o, plain(), 1e-14);
  group_norm_backward_sums(whole_, d_o_.data(), v_.data(), w_.data(), sums.data());
  const auto gradients =
      backward(whole_, {d_o_.data(), v_.data(), w_.data(), r.data(), sums.data()});
  const auto loss = [&] { return dot(plain(), d_o_); };
  expect_close(gradients.dv, slopes(loss, v_), 1e-8);
  expect_close(gradients.dw, slopes(loss, w_), 1e-8);
}

TEST_F(GroupNorm, OfRanksThatShareGroupsIsThatOfOne) {
  std::vector<double> r(6), o(24), sums(6);
  group_norm_squares(whole_, v_.data(), r.data());
  group_norm(whole_, v_.data(), w_.data(), r.data(), o.data());
  group_norm_backward_sums(whole_, d_o_.data(), v_.data(), w_.data(), sums.data());
  const auto expected =
      backward(whole_, {d_o_.data(), v_.data(), w_.data(), r.data(), sums.data()});

  std::vector<double> all_squares(6), all_sums(6);
  for (int rank = 0; rank < 2; ++rank) {
    std::vector<double> mine(6);
    group_norm_squares(half_, part(v_, rank).data(), mine.data());
    for (int i = 0; i < 6; ++i) all_squares[i] += mine[i];
    group_norm_backward_sums(half_, part(d_o_, rank).data(), part(v_, rank).data(),
                             part(w_, rank).data(), mine.data());
    for (int i = 0; i < 6; ++i) all_sums[i] += mine[i];
  }
  for (int rank = 0; rank < 2; ++rank) {
    const auto v = part(v_, rank), w = part(w_, rank), d_o = part(d_o_, rank);
    std::vector<double> mine = all_squares, o_part(12);
    group_norm(half_, v.data(), w.data(), mine.data(), o_part.data());
    expect_close(o_part, part(o, rank), 1e-14);
    const auto gradients =
        backward(half_, {d_o.data(), v.data(), w.data(), mine.data(), all_sums.data()});
    expect_close(gradients.dv, part(expected.dv, rank), 1e-14);
    expect_close(gradients.dw, part(expected.dw, rank), 1e-14);
  }
}

}  // namespace
}  // namespace tutti::train
