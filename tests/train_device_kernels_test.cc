// Tests the kernels of examples/train/kernels/device that every model uses, against those of floats
// in this process.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: address

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "train/kernels/adam.h"
#include "train/kernels/cross_entropy.h"
#include "train/kernels/elements.h"
#include "train/kernels/embedding.h"
#include "train/kernels/norm.h"
#include "train/kernels/rope.h"
#include "train/kernels/swiglu.h"
#include "train/on_device.h"
#include "train/residual.h"

namespace tutti::train {
namespace {

// Numbers on the device, `skipped` after the beginning of an allocation, between others that nobody
// is to touch.
template <class S>
class DeviceNumbers {
 public:
  explicit DeviceNumbers(std::vector<float> numbers, long skipped = 0) : skipped_(skipped) {
    numbers.insert(numbers.begin(), skipped, kOther);
    numbers.insert(numbers.end(), kAfter, kOther);
    memory_ = on_device<S>(numbers);
  }

  OnDevice<S>* data() { return memory_.data() + skipped_; }
  std::vector<float> read() const {
    const std::vector<float> all = looked_at(memory_);
    const long count = static_cast<long>(all.size()) - skipped_ - kAfter;
    EXPECT_EQ(slice(all, 0, skipped_), std::vector<float>(skipped_, kOther));
    EXPECT_EQ(slice(all, skipped_ + count, kAfter), std::vector<float>(kAfter, kOther));
    return slice(all, skipped_, count);
  }

 private:
  static constexpr float kOther = 77;
  static constexpr long kAfter = 9;

  long skipped_;
  Array<OnDevice<S>> memory_;
};

template <class S>
class DeviceKernels : public testing::Test {
 protected:
  static constexpr double kNear = kDeviceTolerance<S>;

  static std::vector<float> numbers(long count, const char* name) {
    return rounded<S>(train::numbers<float>(count, name));
  }
};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(DeviceKernels, Types);

// Rows of packs, rows that do not divide, rows shorter than a pack, and numbers after the aligned.
struct Place {
  long width;
  long skipped;
};
constexpr Place kPlaces[] = {{64, 0}, {37, 0}, {3, 0}, {40, 0}, {40, 1}, {2088, 0}};

TYPED_TEST(DeviceKernels, ElementsAreTheHosts) {
  using S = TypeParam;
  for (const auto& [width, skipped] : kPlaces) {
    SCOPED_TRACE(testing::Message() << width << " " << skipped);
    const long count = 3 * width;
    const auto x = this->numbers(count, "x");
    const auto y = this->numbers(count, "y");
    std::vector<float> sum(count);
    add(count, x.data(), y.data(), sum.data());
    DeviceNumbers<S> x_there(x, skipped), y_there(y, skipped), sum_there(y, skipped);
    add(count, x_there.data(), y_there.data(), sum_there.data());
    EXPECT_EQ(sum_there.read(), rounded<S>(sum));

    // Rows of another distance, of numbers that begin elsewhere.
    const long stride = width + 8;
    const auto wide = this->numbers(3 * stride, "wide");
    for (const long other : {skipped, skipped + 3}) {
      DeviceNumbers<S> from(wide, other);
      std::vector<float> to = y;
      copy_rows(3, width, {wide.data(), stride}, Rows<float>{to.data(), width});
      copy_rows(3, width, {from.data(), stride}, Rows{y_there.data(), width});
      EXPECT_EQ(y_there.read(), to);
      add_rows(3, width, {wide.data(), stride}, Rows<float>{to.data(), width});
      add_rows(3, width, {from.data(), stride}, Rows{y_there.data(), width});
      EXPECT_EQ(y_there.read(), rounded<S>(to));
    }
  }
}

TEST(DeviceWiden, IsExact) {
  for (const auto& [width, skipped] : kPlaces) {
    const auto x = rounded<Bf16>(numbers<float>(3 * width, "x"));
    DeviceNumbers<Bf16> from(x, skipped);
    DeviceNumbers<float> to(std::vector<float>(x.size()), skipped);
    widen(3 * width, from.data(), to.data());
    EXPECT_EQ(to.read(), x);
  }
}

TEST(DeviceNarrow, RoundsToNearest) {
  for (const auto& [width, skipped] : kPlaces) {
    const auto x = numbers<float>(3 * width, "x");
    DeviceNumbers<float> from(x, skipped);
    DeviceNumbers<Bf16> to(std::vector<float>(x.size()), skipped);
    narrow<OnDevice<Bf16>>(3 * width, from.data(), to.data());
    EXPECT_EQ(to.read(), rounded<Bf16>(x));
  }
}

TEST(DeviceSums, AreTheHosts) {
  SquareSum<float> squares;
  SquareSum<OnDevice<float>> squares_there;
  for (const long count : {0L, 1L, 5L, 1000L, 300001L}) {
    const auto x = numbers<float>(count, "x");
    DeviceNumbers<float> there(x, count % 2);
    const double sum = sum_of(count, x.data());
    EXPECT_NEAR(sum_of(count, there.data()), sum, 1e-6 * static_cast<double>(count));
    for (int times = 0; times < 3; ++times) {
      squares.add(count, x.data());
      squares_there.add(count, there.data());
    }
  }
  EXPECT_NEAR(squares_there.sum() / squares.sum(), 1, 1e-6);
  EXPECT_EQ(squares_there.sum(), squares_there.sum());
}

// More than there is room for on the device.
TEST(DeviceSums, OfManyParts) {
  SquareSum<OnDevice<float>> squares;
  DeviceNumbers<float> two({2});
  for (int i = 0; i < 70000; ++i) squares.add(1, two.data());
  EXPECT_EQ(squares.sum(), 280000);
}

// What is computed with, and what the residual stream is kept in.
template <class Compute, class Stream>
struct NormTypes {
  using S = Compute;
  using X = Stream;
};
template <class Both>
class DeviceNorm : public testing::Test {};
using AllNormTypes =
    testing::Types<NormTypes<float, float>, NormTypes<Bf16, Bf16>, NormTypes<Bf16, float>>;
TYPED_TEST_SUITE(DeviceNorm, AllNormTypes);

TYPED_TEST(DeviceNorm, IsTheHosts) {
  using S = typename TypeParam::S;
  using X = typename TypeParam::X;
  const long tokens = 67;  // more than a tile of sums down columns
  for (const auto& [width, skipped] : kPlaces) {
    SCOPED_TRACE(testing::Message() << width << " " << skipped);
    const auto x = rounded<X>(numbers<float>(tokens * width, "x"));
    const auto w = rounded<S>(numbers<float>(width, "w"));
    const auto dy = rounded<S>(numbers<float>(tokens * width, "dy"));
    std::vector<float> y(x.size()), r(tokens);
    auto dx = rounded<X>(numbers<float>(tokens * width, "dx"));
    auto dw = numbers<float>(width, "dw");
    DeviceNumbers<X> x_there(x), dx_there(dx);
    DeviceNumbers<S> w_there(w, skipped), dy_there(dy), y_there(y);
    DeviceNumbers<float> r_there(r), dw_there(dw, skipped);
    rms_norm(tokens, width, 0.01, x.data(), w.data(), y.data(), r.data());
    rms_norm(tokens, width, 0.01, x_there.data(), w_there.data(), y_there.data(), r_there.data());
    expect_close(y_there.read(), y, kDeviceTolerance<S>);
    expect_close(r_there.read(), r, 1e-5);
    rms_norm_backward_input(tokens, width, dy.data(), x.data(), w.data(), r.data(), dx.data());
    rms_norm_backward_input(tokens, width, dy_there.data(), x_there.data(), w_there.data(),
                            r_there.data(), dx_there.data());
    expect_close(dx_there.read(), dx, kDeviceTolerance<X>);
    rms_norm_backward_weight(tokens, width, dy.data(), x.data(), r.data(), dw.data());
    rms_norm_backward_weight(tokens, width, dy_there.data(), x_there.data(), r_there.data(),
                             dw_there.data());
    expect_close(dw_there.read(), dw, 1e-5);
  }
}

TYPED_TEST(DeviceNorm, OfASumIsThatOfWhatIsWritten) {
  using S = typename TypeParam::S;
  using X = typename TypeParam::X;
  const long tokens = 3;
  for (const auto& [width, skipped] : kPlaces) {
    SCOPED_TRACE(testing::Message() << width << " " << skipped);
    const long count = tokens * width;
    const auto x = rounded<X>(numbers<float>(count, "x"));
    const auto more = rounded<S>(numbers<float>(count, "more"));
    DeviceNumbers<X> x_there(x, skipped), sum(x, skipped), added(x);
    DeviceNumbers<S> more_there(more, skipped), w(rounded<S>(numbers<float>(width, "w")));
    DeviceNumbers<S> y(more), normed(more, skipped);
    DeviceNumbers<float> r(std::vector<float>(tokens, 0)), scale(std::vector<float>(tokens, 0));
    add(count, x_there.data(), more_there.data(), added.data());
    rms_norm(tokens, width, 0.01, added.data(), w.data(), normed.data(), scale.data());
    add_rms_norm(tokens, width, 0.01, x_there.data(), more_there.data(), w.data(), sum.data(),
                 y.data(), r.data());
    EXPECT_EQ(sum.read(), added.read());
    expect_close(y.read(), normed.read(), kDeviceTolerance<S>);
    expect_close(r.read(), scale.read(), 1e-6);
  }
}

// Of which a stream in bf16 would see none.
TEST(DeviceStream, KeepsSmallSums) {
  constexpr long kTokens = 3, kWidth = 40;
  Group alone;
  ResidualStream<OnDevice<Bf16>, OnDevice<float>> stream(alone, false, kTokens, kWidth, 0.01);
  const float small = 0x1p-10F;
  DeviceNumbers<float> x(std::vector<float>(kTokens * kWidth, 1)), y(x.read()), z(x.read());
  DeviceNumbers<Bf16> inner(std::vector<float>(kTokens, small)), w(std::vector<float>(kWidth, 1));
  Array<OnDevice<float>> r;
  Array<OnDevice<Bf16>> normed;
  stream.add_rows(1, inner.data(), w.data(), x.data(), y.data());
  stream.norm(y.data(), w.data(), r, normed);
  stream.add_rows(1, inner.data(), w.data(), y.data(), z.data());
  stream.settle();
  EXPECT_EQ(y.read(), std::vector<float>(kTokens * kWidth, 1 + small));
  EXPECT_EQ(z.read(), std::vector<float>(kTokens * kWidth, 1 + 2 * small));
}

TYPED_TEST(DeviceKernels, RotationIsTheHosts) {
  using S = TypeParam;
  for (const long half : {1L, 3L, 8L, 20L}) {
    SCOPED_TRACE(half);
    const auto frequencies = rope_frequencies(RopeConfig{}, 2 * half, 30);
    const auto table = RopeTable<float>::make(frequencies, 30);
    const auto table_there = RopeTable<OnDevice<S>>::make(frequencies, 30);
    const Turned turned{7, 11, 3, 8 * half + 16};
    for (const int direction : {1, -1}) {
      auto tokens = this->numbers(turned.count * turned.stride, "tokens");
      DeviceNumbers<S> there(tokens);
      rotate(table, turned, direction, tokens.data());
      rotate(table_there, turned, direction, there.data());
      expect_close(there.read(), tokens, this->kNear);
    }
  }
}

TYPED_TEST(DeviceKernels, SwiGluIsTheHosts) {
  using S = TypeParam;
  const long tokens = 5;
  for (const auto& [width, skipped] : kPlaces) {
    SCOPED_TRACE(testing::Message() << width << " " << skipped);
    auto gate_up = this->numbers(tokens * 2 * width, "gate_up");
    gate_up[0] = -100;
    const auto da = this->numbers(tokens * width, "da");
    std::vector<float> a(da.size());
    DeviceNumbers<S> gate_up_there(gate_up, skipped), da_there(da, skipped), a_there(a, skipped);
    swiglu(tokens, width, gate_up.data(), a.data());
    swiglu(tokens, width, gate_up_there.data(), a_there.data());
    expect_close(a_there.read(), a, this->kNear);
    swiglu_backward(tokens, width, da.data(), gate_up.data(), gate_up.data());
    swiglu_backward(tokens, width, da_there.data(), gate_up_there.data(), gate_up_there.data());
    expect_close(gate_up_there.read(), gate_up, this->kNear);
  }
}

TYPED_TEST(DeviceKernels, EmbeddingIsTheHosts) {
  using S = TypeParam;
  const std::vector<std::int32_t> words{12, 10, 30, 12, 9, 14, 12, 15, 10, 0};
  for (const auto& [width, skipped] : kPlaces) {
    SCOPED_TRACE(testing::Message() << width << " " << skipped);
    const EmbeddingShape shape{static_cast<long>(words.size()), width, 5, 10};
    const auto table = this->numbers(shape.words * width, "table");
    auto y = this->numbers(shape.tokens * width, "y");
    auto d_table = numbers<float>(shape.words * width, "d_table");
    DeviceNumbers<S> table_there(table, skipped), y_there(y);
    DeviceNumbers<float> d_table_there(d_table, skipped);
    embed_backward(shape, words.data(), y.data(), d_table.data());
    embed_backward(shape, words.data(), y_there.data(), d_table_there.data());
    EXPECT_EQ(d_table_there.read(), d_table);
    embed(shape, words.data(), table.data(), y.data());
    embed(shape, words.data(), table_there.data(), y_there.data());
    EXPECT_EQ(y_there.read(), y);
  }
}

TYPED_TEST(DeviceKernels, EmbedOneTokenWhereverItsRowBegins) {
  using S = TypeParam;
  constexpr long kWidth = 17;
  for (std::int32_t word = 0; word < 5; ++word) {
    const EmbeddingShape shape{.tokens = 1, .width = kWidth, .words = 5};
    const auto table = this->numbers(shape.words * kWidth, "table");
    auto y = this->numbers(kWidth, "y");
    auto d_table = numbers<float>(shape.words * kWidth, "d_table");
    DeviceNumbers<S> table_there(table), y_there(y);
    DeviceNumbers<float> d_table_there(d_table);
    embed_backward(shape, &word, y.data(), d_table.data());
    embed_backward(shape, &word, y_there.data(), d_table_there.data());
    EXPECT_EQ(d_table_there.read(), d_table);
    embed(shape, &word, table.data(), y.data());
    embed(shape, &word, table_there.data(), y_there.data());
    EXPECT_EQ(y_there.read(), y);
  }
}

// Columns that divide and that do not, with padding, without words, of the first rank and others.
TYPED_TEST(DeviceKernels, CrossEntropyIsTheHosts) {
  using S = TypeParam;
  const std::vector<std::int32_t> labels{3, kIgnored, 40, 25, 7, 75, 1000};
  for (const LogitsShape& shape : {LogitsShape{7, 48, 48, 0},
                                   {7, 48, 41, 0},
                                   {7, 57, 50, 25},
                                   {7, 3, 2, 3},
                                   {7, 16, 0, 40},
                                   {7, 1001, 1000, 0}}) {
    SCOPED_TRACE(testing::Message() << shape.columns << " " << shape.words);
    auto logits = this->numbers(shape.tokens * shape.columns, "logits");
    std::vector<float> most(shape.tokens), sums(2 * shape.tokens), losses(shape.tokens);
    DeviceNumbers<S> logits_there(logits);
    DeviceNumbers<float> most_there(most), sums_there(sums), losses_there(losses);
    largest_logits(shape, logits.data(), most.data());
    largest_logits(shape, logits_there.data(), most_there.data());
    EXPECT_EQ(most_there.read(), most);
    if (shape.words == 0) most.assign(shape.tokens, 0.5f);
    DeviceNumbers<float> top(most);
    sum_logits(shape, logits.data(), labels.data(), most.data(), sums.data());
    sum_logits(shape, logits_there.data(), labels.data(), top.data(), sums_there.data());
    expect_close(sums_there.read(), sums, 1e-5);
    for (long t = 0; t < shape.tokens; ++t) sums[2 * t] += 1;
    DeviceNumbers<float> of_all(sums);
    for (const double scale : {0.0, 0.125}) {
      cross_entropy(shape, logits.data(), labels.data(), most.data(), sums.data(), scale,
                    losses.data());
      cross_entropy(shape, logits_there.data(), labels.data(), top.data(), of_all.data(), scale,
                    losses_there.data());
      expect_close(losses_there.read(), losses, 1e-5);
      expect_close(logits_there.read(), scale == 0 ? logits : rounded<S>(logits), this->kNear);
    }
  }
}

TYPED_TEST(DeviceKernels, AdamIsTheHosts) {
  using S = TypeParam;
  AdamStep step;
  step.factor = 0.5;
  step.kept = 0.99;
  step.rate = 0.01;
  step.second_scale = 3;
  for (const auto& [count, skipped] : kPlaces) {
    SCOPED_TRACE(testing::Message() << count << " " << skipped);
    const auto gradient = numbers<float>(count, "gradient");
    auto first = numbers<float>(count, "first");
    auto second = numbers<float>(count, "second");
    for (float& number : second) number *= number;
    auto weight = numbers<float>(count, "weight");
    DeviceNumbers<float> gradient_there(gradient, skipped), first_there(first, skipped);
    DeviceNumbers<float> second_there(second, skipped + 4), weight_there(weight, skipped);
    DeviceNumbers<S> rounded_there(weight, skipped);
    adamw(step, count, gradient.data(), first.data(), second.data(), weight.data(), weight.data());
    adamw(step, count, gradient_there.data(), first_there.data(), second_there.data(),
          weight_there.data(), rounded_there.data());
    expect_close(first_there.read(), first, 1e-6);
    expect_close(second_there.read(), second, 1e-6);
    expect_close(weight_there.read(), weight, 1e-6);
    if (std::is_same_v<S, Bf16>) {
      EXPECT_EQ(rounded_there.read(), rounded<S>(weight_there.read()));
    }
  }
}

}  // namespace
}  // namespace tutti::train
