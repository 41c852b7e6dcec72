// Tests examples/train/kernels/device/attention.*: on the processor, against kernels/attention.cc.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "train/array.h"
#include "train/gpu_threads.h"
#include "train/kernels/attention.h"
#include "train/kernels/device/attention.h"
#include "train/kernels/elements.h"
#include "train/numbers.h"
#include "train/on_device.h"

namespace tutti::train {
namespace {

template <class T>
Array<T> given_to(const std::vector<float>& values) {
  if constexpr (kOnDevice<T>) {
    return on_device<decltype(T::value)>(values);
  } else {
    Array<T> array;
    array.assign(values);
    return array;
  }
}
template <class T>
std::vector<float> taken_from(const Array<T>& values) {
  if constexpr (kOnDevice<T>) {
    return looked_at(values);
  } else {
    return {values.data(), values.data() + values.size()};
  }
}

// Queries that meet two pieces of keys.
struct Given {
  Given(const HeadShape& shape, Tokens queries, Tokens keys)
      : shape(shape),
        queries(queries),
        first{0, queries.position + 1},  // each query sees its first key
        keys(keys),
        q(numbers<float>(queries.count * shape.query_stride, "q")),
        k0(numbers<float>(first.count * shape.key_stride, "k0")),
        v0(numbers<float>(first.count * shape.key_stride, "v0")),
        k(numbers<float>(keys.count * shape.key_stride, "k")),
        v(numbers<float>(keys.count * shape.key_stride, "v")),
        d_out(numbers<float>(queries.count * shape.heads * shape.width, "d_out")) {}

  void round() {
    for (auto* values : {&q, &k0, &v0, &k, &v, &d_out}) *values = rounded<Bf16>(*values);
  }

  HeadShape shape;
  Tokens queries, first, keys;
  std::vector<float> q, k0, v0, k, v, d_out;
};

struct Attended {
  std::vector<float> out, log_sum, delta, dq, dk, dv;
};

void expect_same(const Attended& got, const Attended& expected, double tolerance) {
  expect_close(got.out, expected.out, tolerance);
  expect_close(got.log_sum, expected.log_sum, tolerance);
  expect_close(got.delta, expected.delta, tolerance);
  expect_close(got.dq, expected.dq, tolerance);
  expect_close(got.dk, expected.dk, tolerance);
  expect_close(got.dv, expected.dv, tolerance);
}

// kernels/attention.h of T.
template <class T>
struct Kernels {
  template <class... Arguments>
  void attend(const Arguments&... arguments) const {
    train::attend<T>(arguments...);
  }
  template <class... Arguments>
  void attend_backward(const Arguments&... arguments) const {
    train::attend_backward<T>(arguments...);
  }
};

template <class T, class Passes = Kernels<T>>
Attended attended(const Given& given, const Passes& passes = {}) {
  const auto& [shape, queries, first, keys, q_given, k0_given, v0_given, k_given, v_given,
               d_out_given] = given;
  const auto q = given_to<T>(q_given);
  const auto k0 = given_to<T>(k0_given);
  const auto v0 = given_to<T>(v0_given);
  const auto k = given_to<T>(k_given);
  const auto v = given_to<T>(v_given);
  const auto d_out = given_to<T>(d_out_given);
  Array<Precise<T>> most(queries.count * shape.heads), sum(most.size()), delta(most.size()), room;
  Array<T> out(d_out.size());
  Precise<T>* seen = Sums<T>::begin(out.data(), static_cast<long>(out.size()), room);
  attend_begin(shape, queries.count, seen, most.data(), sum.data());
  passes.attend(shape, queries, q.data(), first, k0.data(), v0.data(), seen, most.data(),
                sum.data());
  passes.attend(shape, queries, q.data(), keys, k.data(), v.data(), seen, most.data(), sum.data());
  attend_end<T>(shape, queries.count, seen, out.data(), most.data(), sum.data());
  attend_delta<T>(shape, queries.count, out.data(), d_out.data(), delta.data());
  auto dq = given_to<Precise<T>>(std::vector<float>(q.size(), 1));
  auto dk = given_to<Precise<T>>(std::vector<float>(k.size(), 1));
  auto dv = given_to<Precise<T>>(std::vector<float>(v.size(), 1));
  passes.attend_backward(shape, queries, q.data(), keys, k.data(), v.data(), d_out.data(),
                         most.data(), delta.data(), dq.data(), dk.data(), dv.data());
  return {taken_from(out), taken_from(most), taken_from(delta),
          taken_from(dq),  taken_from(dk),   taken_from(dv)};
}

// Pieces of every kind: the diagonal, all keys seen, none, some; widths that do and do not divide.
std::vector<Given> cases() {
  const HeadShape narrow{4, 2, 8, 40, 24};
  const HeadShape odd{3, 1, 5, 15, 5};
  const HeadShape wide{2, 2, 100, 208, 200};
  const HeadShape widest{2, 1, 136, 272, 136};
  return {{narrow, {0, 5}, {0, 5}},  {narrow, {0, 150}, {0, 150}}, {narrow, {200, 70}, {10, 150}},
          {odd, {0, 30}, {30, 20}},  {odd, {90, 40}, {60, 200}},   {wide, {3, 70}, {1, 90}},
          {widest, {0, 37}, {0, 37}}};
}

TEST(DeviceAttention, IsThatOfTheProcessor) {
  for (const Given& given : cases()) {
    SCOPED_TRACE(testing::Message() << given.shape.width << " " << given.keys.position);
    expect_same(attended<OnDevice<float>>(given), attended<float>(given), 1e-5);
  }
}

TEST(DeviceAttention, RoundsToBf16) {
  for (Given given : cases()) {
    SCOPED_TRACE(testing::Message() << given.shape.width << " " << given.keys.position);
    given.round();
    expect_same(attended<OnDevice<Bf16>>(given), attended<float>(given), 1e-2);
  }
}

// What each pass computes with on a GPU.
template <int kWidth>
struct OnTensorCores {
  using S = Bf16;
  template <AttendPass pass>
  using Tiles = TensorTiles<GpuThreadHere, AttendShape<kWidth, pass>>;
};
template <int kWidth>
struct OnPlainCores {
  using S = float;
  template <AttendPass>
  using Tiles = PlainTiles<float, kWidth, PlainTiles<float, kWidth>::kRows, GpuThreadHere>;
};

// The kernels' work, tile by tile, on a GPU's threads as tests have them.
template <class Cores>
struct GpuPasses {
  Manner manner;

  using S = typename Cores::S;
  using T = OnDevice<S>;
  using Sum = OnDevice<float>;

  // f(tiles, first row, head) for each
  template <AttendPass pass, class Function>
  void for_tiles(long heads, long rows, Function f) const {
    using Tiles = typename Cores::template Tiles<pass>;
    for (int head = 0; head < heads; ++head) {
      for (int first = 0; first < rows; first += Tiles::kRows) {
        GpuThreads threads(Tiles::kThreads, Tiles::kSharedBytes, manner);
        threads.run([&](int i) {
          Tiles tiles{GpuThreadHere(threads, i)};
          f(tiles, first, head);
        });
      }
    }
  }

  void attend(const HeadShape& shape, Tokens queries, const T* q, Tokens keys, const T* k,
              const T* v, Sum* out, Sum* most, Sum* sum) const {
    const AttendWork<S> work{pieces_of(shape, queries, q, keys, k, v), plain(out), plain(most),
                             plain(sum)};
    for_tiles<AttendPass::kForward>(shape.heads, queries.count,
                                    [&](auto& tiles, int first, int head) {
                                      attention::attend_tile(work, tiles, first, head);
                                    });
  }
  void attend_backward(const HeadShape& shape, Tokens queries, const T* q, Tokens keys, const T* k,
                       const T* v, const T* d_out, const Sum* log_sum, const Sum* delta, Sum* dq,
                       Sum* dk, Sum* dv) const {
    const AttendBackwardWork<S> work{pieces_of(shape, queries, q, keys, k, v),
                                     plain(d_out),
                                     plain(log_sum),
                                     plain(delta),
                                     plain(dq),
                                     plain(dk),
                                     plain(dv)};
    for_tiles<AttendPass::kQueries>(shape.heads, queries.count,
                                    [&](auto& tiles, int first, int head) {
                                      attention::attend_backward_queries(work, tiles, first, head);
                                    });
    for_tiles<AttendPass::kKeys>(shape.kv_heads, keys.count, [&](auto& tiles, int first, int head) {
      attention::attend_backward_keys(work, tiles, first, head);
    });
  }
};

// More rows than a tile has, and than pass at once; heads that share keys.
TEST(DeviceAttention, IsThatOfTheProcessorOnTensorCores) {
  Given narrow({2, 1, 64, 136, 64}, {0, 130}, {0, 130});
  Given wide({2, 1, 104, 208, 112}, {90, 40}, {10, 100});
  narrow.round();
  wide.round();
  expect_same(attended<OnDevice<Bf16>>(narrow, GpuPasses<OnTensorCores<64>>{Manner::kLateAndFirst}),
              attended<float>(narrow), 1e-2);
  expect_same(attended<OnDevice<Bf16>>(wide, GpuPasses<OnTensorCores<128>>{Manner::kEarlyAndLast}),
              attended<float>(wide), 1e-2);
}

TEST(DeviceAttention, IsThatOfTheProcessorOnPlainCores) {
  const Given narrow({2, 1, 13, 30, 13}, {3, 70}, {1, 80});
  const Given wide({1, 1, 70, 70, 70}, {3, 40}, {1, 40});
  expect_same(attended<OnDevice<float>>(narrow, GpuPasses<OnPlainCores<64>>{Manner::kLateAndFirst}),
              attended<float>(narrow), 1e-5);
  expect_same(attended<OnDevice<float>>(wide, GpuPasses<OnPlainCores<128>>{Manner::kEarlyAndLast}),
              attended<float>(wide), 1e-5);
}

}  // namespace
}  // namespace tutti::train
