// Tests src/cli/numbers.cc.
//
// ROOMS: cli base
// TIER: fast

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "cli/numbers.h"

namespace tutti::cli {
namespace {

TEST(CliNumbers, DecodeFloatsAsTheProcessorDoes) {
  for (const std::uint32_t bits : {0u, 1u, 0x3f800000u, 0xbf800001u, 0x7f7fffffu, 0x007fffffu}) {
    EXPECT_EQ(decode(DataType::kFloat32, bits), static_cast<double>(std::bit_cast<float>(bits)));
  }
  for (const double value : {0.0, 1.0, -1.5, 3e300, 5e-324}) {
    EXPECT_EQ(decode(DataType::kFloat64, std::bit_cast<std::uint64_t>(value)), value);
  }
}

TEST(CliNumbers, DecodeWellKnownNarrowValues) {
  EXPECT_EQ(decode(DataType::kFloat16, 0x3c00), 1.0);
  EXPECT_EQ(decode(DataType::kFloat16, 0x7bff), 65504.0);
  EXPECT_EQ(decode(DataType::kBfloat16, 0xc040), -3.0);
  EXPECT_EQ(decode(DataType::kFloat8e4m3, 0x7e), 448.0);
  EXPECT_EQ(decode(DataType::kFloat8e4m3, 0x01), std::ldexp(1.0, -9));
  EXPECT_EQ(decode(DataType::kFloat8e5m2, 0x7b), 57344.0);
  EXPECT_TRUE(std::isinf(decode(DataType::kFloat8e5m2, 0x7c)));
  EXPECT_TRUE(std::isnan(decode(DataType::kFloat8e4m3, 0xff)));
}

TEST(CliNumbers, EncodeIsTheInverseForEveryNarrowValue) {
  for (const DataType type :
       {DataType::kFloat16, DataType::kBfloat16, DataType::kFloat8e4m3, DataType::kFloat8e5m2}) {
    const std::uint64_t values = std::uint64_t{1} << 8 * size_of(type);
    for (std::uint64_t bits = 0; bits < values; ++bits) {
      const double value = decode(type, bits);
      if (!std::isfinite(value)) continue;
      ASSERT_EQ(encode(type, value), bits) << name(type);
    }
  }
}

TEST(CliNumbers, LoadExtendsTheSignOfSignedTypesOnly) {
  const std::byte bytes[2] = {std::byte{0xfe}, std::byte{0xff}};
  EXPECT_EQ(load_bits(bytes, DataType::kInt16), static_cast<std::uint64_t>(-2));
  EXPECT_EQ(load_bits(bytes, DataType::kUint16), 0xfffeu);
  EXPECT_EQ(load_bits(bytes, DataType::kInt8), static_cast<std::uint64_t>(-2));
}

}  // namespace
}  // namespace tutti::cli
