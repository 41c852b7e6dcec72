// ROOMS: executor
// TIER: fast
// SANITIZERS: address
//
// Tests src/executor/cpu/float_formats.h against a table of every value.

#include "executor/cpu/float_formats.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "small_float_table.h"

namespace tutti {
namespace {

static_assert(to_float<Float16>(0x3c00) == 1.0f);
static_assert(from_float<Float8e4m3>(448.0f) == 0x7e);

struct Float16Case {
  using Format = Float16;
  static SmallFloatTable table() { return float16_table(); }
};
struct Bfloat16Case {
  using Format = Bfloat16;
  static SmallFloatTable table() { return bfloat16_table(); }
};
struct Float8e4m3Case {
  using Format = Float8e4m3;
  static SmallFloatTable table() { return float8e4m3_table(); }
};
struct Float8e5m2Case {
  using Format = Float8e5m2;
  static SmallFloatTable table() { return float8e5m2_table(); }
};

template <class Case>
class FloatFormat : public testing::Test {
 protected:
  static float decode(std::uint32_t bits) { return to_float<typename Case::Format>(bits); }
  static std::uint32_t encode(float value) { return from_float<typename Case::Format>(value); }
  const SmallFloatTable table_ = Case::table();
};

using Cases = testing::Types<Float16Case, Bfloat16Case, Float8e4m3Case, Float8e5m2Case>;
TYPED_TEST_SUITE(FloatFormat, Cases);

TYPED_TEST(FloatFormat, DecodesEveryPattern) {
  for (std::uint32_t bits = 0; bits < 2 * this->table_.sign(); ++bits) {
    const double expected = this->table_.decode(bits);
    const float actual = this->decode(bits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(actual)) << bits;
    } else {
      EXPECT_EQ(actual, expected) << bits;
      EXPECT_EQ(std::signbit(actual), std::signbit(expected)) << bits;
    }
  }
}

TYPED_TEST(FloatFormat, EveryNumberSurvivesARoundTrip) {
  for (std::uint32_t bits = 0; bits < 2 * this->table_.sign(); ++bits) {
    const bool is_nan = std::isnan(this->table_.decode(bits));
    EXPECT_EQ(this->encode(this->decode(bits)), is_nan ? this->table_.nan() : bits) << bits;
  }
}

// Between each two neighbours: the middle goes to the even one, and the fp32 next to the middle to
// the nearer one.
TYPED_TEST(FloatFormat, RoundsToNearestAndTiesToEven) {
  const std::vector<double>& values = this->table_.values();
  for (std::uint32_t i = 0; i + 1 < values.size(); ++i) {
    const float middle = static_cast<float>((values[i] + values[i + 1]) / 2);
    for (const std::uint32_t sign : {0u, this->table_.sign()}) {
      const float signed_middle = sign != 0 ? -middle : middle;
      const float outwards = sign != 0 ? -INFINITY : INFINITY;
      EXPECT_EQ(this->encode(signed_middle), sign | (i + i % 2)) << i;
      EXPECT_EQ(this->encode(std::nextafter(signed_middle, outwards)), sign | (i + 1)) << i;
      EXPECT_EQ(this->encode(std::nextafter(signed_middle, 0.0f)), sign | i) << i;
    }
  }
}

TYPED_TEST(FloatFormat, AgreesWithTheTableOnRandomBits) {
  std::mt19937 random(7);
  for (int i = 0; i < 300000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    ASSERT_EQ(this->encode(value), this->table_.encode(value)) << value;
  }
}

TYPED_TEST(FloatFormat, EveryNanBecomesAllOnes) {
  for (const std::uint32_t bits :
       {0x7fc00000u, 0xffc00000u, 0x7f800001u, 0xff800001u, 0x7fffffffu, 0xffffffffu}) {
    EXPECT_EQ(this->encode(std::bit_cast<float>(bits)), this->table_.nan()) << bits;
  }
}

TEST(Float16Format, OverflowsToInfinityFromTheMiddle) {
  EXPECT_EQ(from_float<Float16>(65519.996f), 0x7bffu);
  EXPECT_EQ(from_float<Float16>(65520.0f), 0x7c00u);
  EXPECT_EQ(from_float<Float16>(-INFINITY), 0xfc00u);
}

TEST(Bfloat16Format, OverflowsToInfinityFromTheMiddle) {
  EXPECT_EQ(from_float<Bfloat16>(std::bit_cast<float>(0x7f7f7fffu)), 0x7f7fu);
  EXPECT_EQ(from_float<Bfloat16>(std::bit_cast<float>(0x7f7f8000u)), 0x7f80u);
}

TEST(Float8e5m2Format, OverflowsToInfinityFromTheMiddle) {
  EXPECT_EQ(from_float<Float8e5m2>(61439.996f), 0x7bu);
  EXPECT_EQ(from_float<Float8e5m2>(61440.0f), 0x7cu);
  EXPECT_EQ(from_float<Float8e5m2>(-INFINITY), 0xfcu);
}

TEST(Float8e4m3Format, SaturatesAndHasNoInfinity) {
  for (const float large : {448.0f, 465.0f, 1e30f, INFINITY}) {
    EXPECT_EQ(from_float<Float8e4m3>(large), 0x7eu) << large;
    EXPECT_EQ(from_float<Float8e4m3>(-large), 0xfeu) << large;
  }
}

}  // namespace
}  // namespace tutti
