#include "train/kernels/device/elements.h"

#include <numeric>

namespace tutti::train {
namespace {

template <class S>
Rows<S> plain(Rows<OnDevice<S>> rows) {
  return {train::plain(rows.data), rows.stride};
}
template <class S>
Rows<const S> plain(Rows<const OnDevice<S>> rows) {
  return {train::plain(rows.data), rows.stride};
}

template <class From, class To>
void copy(long rows, long width, Rows<const From> from, Rows<To> to) {
  const auto pieces =
      cut<kPack<To>>(rows, width, {operand(from.data, from.stride), operand(to.data, to.stride)});
  launch(pieces.blocks(rows), CopyRows<From, To>{pieces, from, to});
}

template <class S, class X>
void add_up(long rows, long width, Rows<const X> x, Rows<const S> y, Rows<X> sum) {
  const auto pieces = cut<kPack<S>>(
      rows, width,
      {operand(x.data, x.stride), operand(y.data, y.stride), operand(sum.data, sum.stride)});
  launch(pieces.blocks(rows), AddRows<S, X>{pieces, x, y, sum});
}

// Answers how many parts there are, at most `most`.
template <bool kSquares>
long sum_parts(long count, const float* values, long most, float* parts) {
  using Kernel = SumParts<kSquares>;
  const auto pieces = cut<Kernel::kWide>(1, count, {operand(values)});
  const long blocks = smaller(ceil_divide(pieces.count(), Kernel::kThreads), most);
  launch(blocks, Kernel{pieces, values, parts});
  return blocks;
}

double sum_of_parts(const float* parts, long count) {
  std::vector<float> read(static_cast<std::size_t>(count));
  accelerator().read(read.data(), parts, read.size() * sizeof(float));
  return std::accumulate(read.begin(), read.end(), 0.0);
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                                   \
  template <>                                                                                 \
  void add(long count, const OnDevice<S>* x, const OnDevice<S>* y, OnDevice<S>* sum) {        \
    add_up<S, S>(1, count, {plain(x)}, {plain(y)}, {plain(sum)});                             \
  }                                                                                           \
  template <>                                                                                 \
  void copy_rows(long rows, long width, Rows<const OnDevice<S>> from, Rows<OnDevice<S>> to) { \
    copy(rows, width, plain(from), plain(to));                                                \
  }                                                                                           \
  template <>                                                                                 \
  void add_rows(long rows, long width, Rows<const OnDevice<S>> from, Rows<OnDevice<S>> to) {  \
    const Rows<S> sum = plain(to);                                                            \
    add_up<S, S>(rows, width, {sum.data, sum.stride}, plain(from), sum);                      \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

template <>
void narrow(long rows, long width, Rows<const OnDevice<float>> from, Rows<OnDevice<Bf16>> to) {
  copy(rows, width, plain(from), plain(to));
}

template <>
void widen(long count, const OnDevice<Bf16>* from, OnDevice<float>* to) {
  copy<Bf16, float>(1, count, {plain(from), count}, {plain(to), count});
}
template <>
void add(long count, const OnDevice<float>* x, const OnDevice<Bf16>* y, OnDevice<float>* sum) {
  add_up<Bf16, float>(1, count, {plain(x)}, {plain(y)}, {plain(sum)});
}

template <>
double sum_of(long count, const OnDevice<float>* values) {
  constexpr long kMost = 256;
  auto* parts = static_cast<float*>(accelerator().room(kMost * sizeof(float)));
  return sum_of_parts(parts, sum_parts<false>(count, plain(values), kMost, parts));
}

template <>
double SquareSum<OnDevice<float>>::sum() {
  here_ += sum_of_parts(plain(there_.data()), added_);
  added_ = 0;
  return here_;
}

template <>
void SquareSum<OnDevice<float>>::add(long count, const OnDevice<float>* values) {
  there_.resize(kMost);
  if (added_ + kMostAtOnce > kMost) sum();
  added_ += sum_parts<true>(count, plain(values), kMostAtOnce, plain(there_.data()) + added_);
}

}  // namespace tutti::train
