// Tests the kernels of Mamba on devices (kernels/device: convolution, time steps, gated norm, both
// scans) against those on the processor.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: address

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "train/kernels/convolution.h"
#include "train/kernels/gated_norm.h"
#include "train/kernels/selective_scan.h"
#include "train/kernels/ssd.h"
#include "train/kernels/time_step.h"
#include "train/on_device.h"

namespace tutti::train {
namespace {

template <class S>
class MambaOnDevice : public testing::Test {
 protected:
  static std::vector<float> random(long count, const char* name) {
    return rounded<S>(numbers<float>(count, name));
  }
};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(MambaOnDevice, Types);

// tokens, channels, taps, strides: more than one tile of channels and of tokens, with packs and
// without; more taps than go at once; fewer tokens than taps.
const ConvolutionShape kConvolutions[] = {
    {150, 264, 4, 272, 264}, {259, 37, 4, 40, 38}, {13, 16, 6, 16, 24},
    {2, 5, 4, 5, 6},         {4, 3, 1, 3, 3},
};

TYPED_TEST(MambaOnDevice, ConvolvesAsOnTheProcessor) {
  using S = TypeParam;
  for (const ConvolutionShape& s : kConvolutions) {
    for (const bool whole : {false, true}) {  // with bias and halo
      SCOPED_TRACE(testing::Message() << s.channels << " " << whole);
      const auto x = this->random(s.tokens * s.input_stride, "x");
      const auto halo = this->random((s.taps - 1) * s.channels, "halo");
      const auto w = this->random(s.channels * s.taps, "w");
      const auto b = this->random(s.channels, "b");
      const auto x_there = on_device<S>(x), halo_there = on_device<S>(halo);
      const auto w_there = on_device<S>(w), b_there = on_device<S>(b);
      const ConvolutionInput<float> in{x.data(), whole ? halo.data() : nullptr, w.data(),
                                       whole ? b.data() : nullptr};
      const ConvolutionInput<OnDevice<S>> in_there{
          x_there.data(), whole ? halo_there.data() : nullptr, w_there.data(),
          whole ? b_there.data() : nullptr};

      std::vector<float> y(s.tokens * s.output_stride);
      auto y_there = on_device<S>(y);
      convolve(s, in.x, in.halo, in.w, in.b, y.data());
      convolve(s, in_there.x, in_there.halo, in_there.w, in_there.b, y_there.data());
      expect_like<S>(y_there, y);

      auto dy = this->random(y.size(), "dy");
      auto dx = this->random(x.size(), "dx");
      auto d_halo = this->random(halo.size(), "d_halo");
      auto dy_there = on_device<S>(dy), dx_there = on_device<S>(dx);
      auto d_halo_there = on_device<S>(d_halo);
      convolve_backward_input(s, in, dy.data(), dx.data(), whole ? d_halo.data() : nullptr);
      convolve_backward_input(s, in_there, dy_there.data(), dx_there.data(),
                              whole ? d_halo_there.data() : nullptr);
      expect_like<S>(dy_there, dy);
      expect_like<S>(dx_there, dx);
      expect_like<S>(d_halo_there, d_halo);

      auto dw = this->random(w.size(), "dw");
      auto db = this->random(b.size(), "db");
      auto dw_there = on_device<float>(dw), db_there = on_device<float>(db);
      convolve_backward_weight(s, dy.data(), in.x, in.halo, dw.data(), whole ? db.data() : nullptr);
      convolve_backward_weight(s, dy_there.data(), in_there.x, in_there.halo, dw_there.data(),
                               whole ? db_there.data() : nullptr);
      expect_like<S>(dw_there, dw);
      expect_like<S>(db_there, db);
    }
  }
}

TYPED_TEST(MambaOnDevice, TakesTimeStepsAsOnTheProcessor) {
  using S = TypeParam;
  for (const TimeStepShape& s :
       {TimeStepShape{70, 24, 32, 0.05, 2.5}, TimeStepShape{3, 5, 7, 0.01, 1.0}}) {
    SCOPED_TRACE(s.width);
    auto raw = this->random(s.tokens * s.raw_stride, "raw");
    raw[0] = -40;
    raw[2] = 30;
    const auto bias = numbers<float>(s.width, "bias");
    const auto raw_there = on_device<S>(raw);
    const auto bias_there = on_device<float>(bias);
    std::vector<float> dt(s.tokens * s.width);
    auto dt_there = on_device<float>(dt);
    time_steps(s, raw.data(), bias.data(), dt.data());
    time_steps(s, raw_there.data(), bias_there.data(), dt_there.data());
    expect_close(looked_at(dt_there), dt, kDeviceTolerance<float>);

    const auto d_dt = numbers<float>(dt.size(), "d_dt");
    const auto d_dt_there = on_device<float>(d_dt);
    std::vector<float> d_raw(raw.size()), d_bias = numbers<float>(s.width, "d_bias");
    auto d_raw_there = on_device<S>(d_raw);
    auto d_bias_there = on_device<float>(d_bias);
    time_steps_backward(s, raw.data(), bias.data(), d_dt.data(), d_raw.data());
    time_steps_backward(s, raw_there.data(), bias_there.data(), d_dt_there.data(),
                        d_raw_there.data());
    expect_like<S>(d_raw_there, d_raw);
    time_steps_backward_bias(s, d_raw.data(), d_bias.data());
    time_steps_backward_bias(s, d_raw_there.data(), d_bias_there.data());
    expect_like<S>(d_bias_there, d_bias);
  }
}

TYPED_TEST(MambaOnDevice, GatesAsOnTheProcessor) {
  using S = TypeParam;
  for (const GateShape& s : {GateShape{40, 24, 32}, GateShape{3, 5, 7}}) {
    SCOPED_TRACE(s.width);
    const auto y = this->random(s.tokens * s.width, "y");
    const auto z = this->random(s.tokens * s.z_stride, "z");
    const auto y_there = on_device<S>(y), z_there = on_device<S>(z);
    std::vector<float> v(y.size());
    auto v_there = on_device<S>(v);
    gate(s, y.data(), z.data(), v.data());
    gate(s, y_there.data(), z_there.data(), v_there.data());
    expect_like<S>(v_there, v);

    auto dy = this->random(y.size(), "dv");  // in place
    std::vector<float> dz(z.size());
    auto dy_there = on_device<S>(dy), dz_there = on_device<S>(dz);
    gate_backward(s, dy.data(), y.data(), z.data(), dy.data(), dz.data());
    gate_backward(s, dy_there.data(), y_there.data(), z_there.data(), dy_there.data(),
                  dz_there.data());
    expect_like<S>(dy_there, dy);
    expect_like<S>(dz_there, dz);
  }
}

TYPED_TEST(MambaOnDevice, NormsGroupsAsOnTheProcessor) {
  using S = TypeParam;
  for (const GroupNormShape& s :
       {GroupNormShape{70, 2, 24, 48, 0.01}, GroupNormShape{3, 3, 5, 5, 0.01}}) {
    SCOPED_TRACE(s.width);
    const long count = s.tokens * s.groups * s.width;
    const auto v = this->random(count, "v");
    const auto w = this->random(s.groups * s.width, "w");
    const auto v_there = on_device<S>(v), w_there = on_device<S>(w);
    std::vector<float> r(s.tokens * s.groups), sums(r.size()), o(count);
    auto r_there = on_device<float>(r), sums_there = on_device<float>(sums);
    auto o_there = on_device<S>(o);
    group_norm_squares(s, v.data(), r.data());
    group_norm_squares(s, v_there.data(), r_there.data());
    expect_close(looked_at(r_there), r, kDeviceTolerance<float>);
    group_norm(s, v.data(), w.data(), r.data(), o.data());
    group_norm(s, v_there.data(), w_there.data(), r_there.data(), o_there.data());
    expect_close(looked_at(r_there), r, kDeviceTolerance<float>);
    expect_like<S>(o_there, o);

    const auto d_o = this->random(count, "d_o");
    const auto d_o_there = on_device<S>(d_o);
    group_norm_backward_sums(s, d_o.data(), v.data(), w.data(), sums.data());
    group_norm_backward_sums(s, d_o_there.data(), v_there.data(), w_there.data(),
                             sums_there.data());
    expect_close(looked_at(sums_there), sums, kDeviceTolerance<float>);
    auto dv = d_o;  // in place
    auto dv_there = on_device<S>(dv);
    group_norm_backward_input(s, {dv.data(), v.data(), w.data(), r.data(), sums.data()}, dv.data());
    group_norm_backward_input(
        s, {dv_there.data(), v_there.data(), w_there.data(), r_there.data(), sums_there.data()},
        dv_there.data());
    expect_like<S>(dv_there, dv);
    auto dw = numbers<float>(w.size(), "dw");
    auto dw_there = on_device<float>(dw);
    group_norm_backward_weight(s, d_o.data(), v.data(), r.data(), dw.data());
    group_norm_backward_weight(s, d_o_there.data(), v_there.data(), r_there.data(),
                               dw_there.data());
    expect_like<S>(dw_there, dw);
  }
}

// The numbers of a scan, here and there: matching arrays of the two types of input and gradients.
struct Numbers {
  std::vector<float> x, dt, b, c, a_log, d;
};
template <class S>
struct NumbersThere {
  Array<OnDevice<S>> x;
  Array<OnDevice<float>> dt;
  Array<OnDevice<S>> b, c;

  explicit NumbersThere(const Numbers& n)
      : x(on_device<S>(n.x)),
        dt(on_device<float>(n.dt)),
        b(on_device<S>(n.b)),
        c(on_device<S>(n.c)) {}
  void expect_like_all(const Numbers& n) const {
    expect_like<S>(x, n.x);
    expect_like<S>(dt, n.dt);
    expect_like<S>(b, n.b);
    expect_like<S>(c, n.c);
  }
};

// tokens, channels, states, chunk, strides: more tiles, with packs and without; chunks that do not
// divide; more states than go at once; one chunk.
const ScanShape kScans[] = {
    {43, 72, 16, 16, 80, 37}, {43, 37, 5, 16, 40, 11}, {9, 40, 19, 4, 40, 20}, {5, 8, 2, 64, 8, 2}};

TYPED_TEST(MambaOnDevice, ScansAsOnTheProcessor) {
  using S = TypeParam;
  for (const ScanShape& s : kScans) {
    SCOPED_TRACE(s.states);
    Numbers n{this->random(s.tokens * s.input_stride, "x"),
              numbers<float>(s.tokens * s.channels, "delta"),
              this->random(s.tokens * s.matrix_stride, "b"),
              this->random(s.tokens * s.matrix_stride, "c"),
              numbers<float>(s.state_size(), "a"),
              numbers<float>(s.channels, "d")};
    for (float& step : n.dt) step = std::abs(step) / 4 + 0.01f;
    const NumbersThere<S> there(n);
    const auto a_log = on_device<float>(n.a_log), d = on_device<float>(n.d);
    const ScanInput<float> in{n.x.data(), n.dt.data(),    n.b.data(),
                              n.c.data(), n.a_log.data(), n.d.data()};
    const ScanInput<OnDevice<S>> in_there{there.x.data(), there.dt.data(), there.b.data(),
                                          there.c.data(), a_log.data(),    d.data()};

    std::vector<float> final(s.state_size()), decay(s.state_size());
    auto final_there = on_device<float>(final), decay_there = on_device<float>(decay);
    scan_state(s, in, final.data(), decay.data());
    scan_state(s, in_there, final_there.data(), decay_there.data());
    expect_close(looked_at(final_there), final, kDeviceTolerance<float>);
    expect_close(looked_at(decay_there), decay, kDeviceTolerance<float>);

    const auto initial = numbers<float>(s.state_size(), "initial");
    const auto initial_there = on_device<float>(initial);
    std::vector<float> y(s.tokens * s.channels), states((s.chunks() + 1) * s.state_size());
    auto y_there = on_device<S>(y);
    auto states_there = on_device<float>(states);
    scan(s, in, nullptr, y.data(), states.data());
    scan(s, in_there, nullptr, y_there.data(), states_there.data());
    expect_like<S>(y_there, y);
    scan(s, in, initial.data(), y.data(), states.data());
    scan(s, in_there, initial_there.data(), y_there.data(), states_there.data());
    expect_like<S>(y_there, y);
    expect_close(looked_at(states_there), states, kDeviceTolerance<float>);

    const auto dy = this->random(y.size(), "dy");
    const auto dy_there = on_device<S>(dy);
    std::vector<float> d_initial(s.state_size());
    auto d_initial_there = on_device<float>(d_initial);
    scan_backward_state(s, in, dy.data(), d_initial.data());
    scan_backward_state(s, in_there, dy_there.data(), d_initial_there.data());
    expect_close(looked_at(d_initial_there), d_initial, kDeviceTolerance<float>);

    Numbers g{n.x,
              n.dt,
              n.b,
              n.c,
              numbers<float>(s.state_size(), "da"),
              numbers<float>(s.channels, "dd")};
    NumbersThere<S> g_there(g);
    auto d_a = on_device<float>(g.a_log), d_d = on_device<float>(g.d);
    const auto d_final = numbers<float>(s.state_size(), "d_final");
    const auto d_final_there = on_device<float>(d_final);
    scan_backward(s, in, {dy.data(), d_final.data(), states.data()},
                  {g.x.data(), g.dt.data(), g.b.data(), g.c.data(), g.a_log.data(), g.d.data()},
                  d_initial.data());
    scan_backward(s, in_there, {dy_there.data(), d_final_there.data(), states_there.data()},
                  {g_there.x.data(), g_there.dt.data(), g_there.b.data(), g_there.c.data(),
                   d_a.data(), d_d.data()},
                  d_initial_there.data());
    g_there.expect_like_all(g);
    expect_like<S>(d_a, g.a_log);
    expect_like<S>(d_d, g.d);
    expect_close(looked_at(d_initial_there), d_initial, kDeviceTolerance<float>);
  }
}

// tokens, heads, width, states, groups, heads per group, first head, chunk, strides: chunks that do
// not divide, more heads than a block has, some of some groups' heads; the same without packs; one
// chunk.
const SsdShape kSsds[] = {{83, 37, 8, 16, 3, 20, 15, 32, 304, 56},
                          {45, 5, 3, 5, 4, 2, 3, 20, 17, 23},
                          {24, 2, 8, 8, 1, 2, 0, 24, 16, 8},
                          {9, 2, 8, 8, 2, 1, 0, 16, 16, 16}};

TYPED_TEST(MambaOnDevice, ScansWithDualityAsOnTheProcessor) {
  using S = TypeParam;
  for (const SsdShape& s : kSsds) {
    SCOPED_TRACE(s.tokens);
    Numbers n{this->random(s.tokens * s.input_stride, "x"),
              numbers<float>(s.tokens * s.heads, "dt"),
              this->random(s.tokens * s.matrix_stride, "b"),
              this->random(s.tokens * s.matrix_stride, "c"),
              numbers<float>(s.heads, "a"),
              numbers<float>(s.heads, "d")};
    for (float& step : n.dt) step = std::abs(step) / 4 + 0.01f;
    const NumbersThere<S> there(n);
    const auto a_log = on_device<float>(n.a_log), d = on_device<float>(n.d);
    const SsdInput<float> in{n.x.data(), n.dt.data(),    n.b.data(),
                             n.c.data(), n.a_log.data(), n.d.data()};
    const SsdInput<OnDevice<S>> in_there{there.x.data(), there.dt.data(), there.b.data(),
                                         there.c.data(), a_log.data(),    d.data()};

    std::vector<float> y(s.tokens * s.heads * s.width), decay(s.heads);
    std::vector<float> states((s.chunks() + 1) * s.state_size());
    auto y_there = on_device<S>(y);
    auto decay_there = on_device<float>(decay), states_there = on_device<float>(states);
    const auto initial = numbers<float>(s.state_size(), "initial");
    const auto initial_there = on_device<float>(initial);
    for (const bool from_zero : {true, false}) {
      ssd_states(s, in, states.data(), decay.data());
      ssd_states(s, in_there, states_there.data(), decay_there.data());
      expect_like<S>(states_there, states);
      expect_close(looked_at(decay_there), decay, kDeviceTolerance<float>);
      ssd_inside(s, in, y.data());
      ssd_inside(s, in_there, y_there.data());
      ssd_finish(s, in, from_zero ? nullptr : initial.data(), states.data(), y.data());
      ssd_finish(s, in_there, from_zero ? nullptr : initial_there.data(), states_there.data(),
                 y_there.data());
      expect_like<S>(y_there, y);
      expect_like<S>(states_there, states);
    }

    const auto dy = this->random(y.size(), "dy");
    const auto dy_there = on_device<S>(dy);
    const auto d_final = numbers<float>(s.state_size(), "d_final");
    const auto d_final_there = on_device<float>(d_final);
    std::vector<float> d_states(states.size());
    auto d_states_there = on_device<float>(d_states);
    ssd_backward_states(s, in, dy.data(), d_states.data());
    ssd_backward_states(s, in_there, dy_there.data(), d_states_there.data());
    expect_like<S>(d_states_there, d_states);

    Numbers g{n.x, n.dt, n.b, n.c, numbers<float>(s.heads, "da"), numbers<float>(s.heads, "dd")};
    NumbersThere<S> g_there(g);
    auto d_a = on_device<float>(g.a_log), d_d = on_device<float>(g.d);
    const SsdGradients<float> out{g.x.data(), g.dt.data(),    g.b.data(),
                                  g.c.data(), g.a_log.data(), g.d.data()};
    const SsdGradients<OnDevice<S>> out_there{g_there.x.data(), g_there.dt.data(), g_there.b.data(),
                                              g_there.c.data(), d_a.data(),        d_d.data()};
    ssd_backward_inside(s, in, dy.data(), out);
    ssd_backward_inside(s, in_there, dy_there.data(), out_there);
    ssd_backward_finish(s, in, {dy.data(), states.data(), d_final.data(), d_states.data()}, out);
    ssd_backward_finish(
        s, in_there,
        {dy_there.data(), states_there.data(), d_final_there.data(), d_states_there.data()},
        out_there);
    g_there.expect_like_all(g);
    expect_like<S>(d_a, g.a_log);
    expect_like<S>(d_d, g.d);
    expect_like<S>(d_states_there, d_states);
  }
}

// Where states are zero, y is D x, rounded once.
TYPED_TEST(MambaOnDevice, RoundsWhatGoesAroundStatesOnce) {
  using S = TypeParam;
  const SsdShape s = kSsds[0];
  const auto x = this->random(s.tokens * s.input_stride, "x");
  const auto d = numbers<float>(s.heads, "d");
  const std::vector<float> dt(s.tokens * s.heads, 0.5f), a(s.heads);
  const std::vector<float> none(s.tokens * s.matrix_stride);
  std::vector<float> expected;
  for (long t = 0; t < s.tokens; ++t) {
    for (long i = 0; i < s.heads * s.width; ++i) {
      expected.push_back(d[i / s.width] * x[t * s.input_stride + i]);
    }
  }
  const auto x_there = on_device<S>(x), none_there = on_device<S>(none);
  const auto dt_there = on_device<float>(dt), a_there = on_device<float>(a),
             d_there = on_device<float>(d);
  const SsdInput<OnDevice<S>> in{x_there.data(),    dt_there.data(), none_there.data(),
                                 none_there.data(), a_there.data(),  d_there.data()};
  auto y = on_device<S>(expected);
  auto states = on_device<float>(std::vector<float>((s.chunks() + 1) * s.state_size()));
  auto decay = on_device<float>(a);
  ssd_states(s, in, states.data(), decay.data());
  ssd_inside(s, in, y.data());
  ssd_finish(s, in, nullptr, states.data(), y.data());
  EXPECT_EQ(looked_at(y), rounded<S>(expected));
}

}  // namespace
}  // namespace tutti::train
