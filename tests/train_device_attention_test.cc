// Tests examples/train/kernels/device/attention.*: on the processor, against kernels/attention.cc.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "train/array.h"
#include "train/kernels/attention.h"
#include "train/kernels/elements.h"
#include "train/numbers.h"

namespace tutti::train {
namespace {

Array<OnDevice<float>> on_device(const std::vector<float>& values) {
  Array<OnDevice<float>> result;
  upload<OnDevice<float>>(values, result);
  return result;
}

// As S holds them, from and to floats.
template <class S>
Array<OnDevice<S>> narrowed(const std::vector<float>& values) {
  if constexpr (std::is_same_v<S, float>) {
    return on_device(values);
  } else {
    const Array<OnDevice<float>> wide = on_device(values);
    Array<OnDevice<S>> result(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) result[i].value = S(values[i]);
    return result;
  }
}
template <class S>
std::vector<float> widened(const Array<OnDevice<S>>& values) {
  std::vector<float> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    result[i] = static_cast<float>(values[i].value);
  }
  return result;
}

// The results of T's kernels, as floats, for queries that meet two pieces of keys.
struct Attended {
  std::vector<float> out, log_sum, delta, dq, dk, dv;
};

// What they work on, each as S would hold it.
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

  template <class S>
  void round() {
    for (auto* values : {&q, &k0, &v0, &k, &v, &d_out}) *values = widened(narrowed<S>(*values));
  }

  HeadShape shape;
  Tokens queries, first, keys;
  std::vector<float> q, k0, v0, k, v, d_out;
};

Attended on_processor(const Given& given) {
  const auto& [shape, queries, first, keys, q, k0, v0, k, v, d_out] = given;
  const long results = queries.count * shape.heads;
  std::vector<float> sum(results);
  Attended a{std::vector<float>(d_out.size()), std::vector<float>(results),
             std::vector<float>(results),      std::vector<float>(q.size(), 1),
             std::vector<float>(k.size(), 1),  std::vector<float>(v.size(), 1)};
  attend_begin(shape, queries.count, a.out.data(), a.log_sum.data(), sum.data());
  attend(shape, queries, q.data(), first, k0.data(), v0.data(), a.out.data(), a.log_sum.data(),
         sum.data());
  attend(shape, queries, q.data(), keys, k.data(), v.data(), a.out.data(), a.log_sum.data(),
         sum.data());
  attend_end(shape, queries.count, a.out.data(), a.out.data(), a.log_sum.data(), sum.data());
  attend_delta(shape, queries.count, a.out.data(), d_out.data(), a.delta.data());
  attend_backward(shape, queries, q.data(), keys, k.data(), v.data(), d_out.data(),
                  a.log_sum.data(), a.delta.data(), a.dq.data(), a.dk.data(), a.dv.data());
  return a;
}

template <class S>
Attended on_device(const Given& given) {
  using T = OnDevice<S>;
  const HeadShape& shape = given.shape;
  const long count = given.queries.count;
  const auto q = narrowed<S>(given.q);
  const auto k0 = narrowed<S>(given.k0);
  const auto v0 = narrowed<S>(given.v0);
  const auto k = narrowed<S>(given.k);
  const auto v = narrowed<S>(given.v);
  const auto d_out = narrowed<S>(given.d_out);
  Array<Precise<T>> most(count * shape.heads), sum(most.size()), delta(most.size());
  Array<T> out(d_out.size());
  Array<Precise<T>> room;
  Precise<T>* seen = Sums<T>::begin(out.data(), static_cast<long>(out.size()), room);
  attend_begin<Precise<T>>(shape, count, seen, most.data(), sum.data());
  attend<T>(shape, given.queries, q.data(), given.first, k0.data(), v0.data(), seen, most.data(),
            sum.data());
  attend<T>(shape, given.queries, q.data(), given.keys, k.data(), v.data(), seen, most.data(),
            sum.data());
  attend_end<T>(shape, count, seen, out.data(), most.data(), sum.data());
  attend_delta<T>(shape, count, out.data(), d_out.data(), delta.data());
  auto dq = on_device(std::vector<float>(q.size(), 1));
  auto dk = on_device(std::vector<float>(k.size(), 1));
  auto dv = on_device(std::vector<float>(v.size(), 1));
  attend_backward<T>(shape, given.queries, q.data(), given.keys, k.data(), v.data(), d_out.data(),
                     most.data(), delta.data(), dq.data(), dk.data(), dv.data());
  return {widened(out), widened(most), widened(delta), widened(dq), widened(dk), widened(dv)};
}

void expect_same(const Attended& got, const Attended& expected, double tolerance) {
  expect_close(got.out, expected.out, tolerance);
  expect_close(got.log_sum, expected.log_sum, tolerance);
  expect_close(got.delta, expected.delta, tolerance);
  expect_close(got.dq, expected.dq, tolerance);
  expect_close(got.dk, expected.dk, tolerance);
  expect_close(got.dv, expected.dv, tolerance);
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
    expect_same(on_device<float>(given), on_processor(given), 1e-5);
  }
}

TEST(DeviceAttention, RoundsToBf16) {
  for (Given given : cases()) {
    SCOPED_TRACE(testing::Message() << given.shape.width << " " << given.keys.position);
    given.round<Bf16>();
    expect_same(on_device<Bf16>(given), on_processor(given), 1e-2);
  }
}

}  // namespace
}  // namespace tutti::train
