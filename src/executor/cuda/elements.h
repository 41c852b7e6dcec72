// The elements of a pack, as what they are computed with, and back.
//
// The same bits as the kernels of the CPU (executor/cpu/kernels.h): 16- and 8-bit floats widen to
// fp32 and are rounded once at the end; every NaN that is written is the positive one with all
// other bits set; min and max are IEEE 754-2019's; integers wrap. A GPU's instructions convert
// where they give these bits. They do for every widening (exact), and for rounding to fp16, bf16
// and e4m3, but not to e5m2, which they saturate.
//
// PTX ISA, "cvt". Tested by cuda_elements_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "executor/cpu/float_formats.h"
#include "executor/cuda/block.h"
#include "executor/cuda/packs.h"
#include "tutti/types.h"

namespace tutti::cuda {

// ---- one element: bits in the low end of a word, or of two ----

/// Integers up to 32 bits: computed with 32 bits of their sign.
template <class T>
struct NarrowInteger {
  using Value = T;
  using Wide = std::conditional_t<std::is_signed_v<T>, std::int32_t, std::uint32_t>;
  using Bits = std::uint32_t;
  TUTTI_DEVICE static Wide decode(Bits bits) { return static_cast<T>(bits); }
  TUTTI_DEVICE static Bits encode(Wide value) {
    return static_cast<std::make_unsigned_t<T>>(value);
  }
};

template <class T>
struct WideInteger {
  using Value = T;
  using Wide = T;
  using Bits = std::uint64_t;
  TUTTI_DEVICE static Wide decode(Bits bits) { return static_cast<T>(bits); }
  TUTTI_DEVICE static Bits encode(Wide value) { return static_cast<Bits>(value); }
};

template <class T, class BitsOfT>
struct PlainFloat {
  using Value = T;
  using Wide = T;
  using Bits = BitsOfT;
  TUTTI_DEVICE static Wide decode(Bits bits) { return __builtin_bit_cast(T, bits); }
  TUTTI_DEVICE static Bits encode(Wide value) {
    return value != value ? static_cast<Bits>(~Bits{} >> 1) : __builtin_bit_cast(Bits, value);
  }
};

template <class Format>
struct NarrowFloat {
  using Value = Format;
  using Wide = float;
  using Bits = std::uint32_t;
  TUTTI_DEVICE static Wide decode(Bits bits) { return to_float<Format>(bits); }
  TUTTI_DEVICE static Bits encode(Wide value) { return from_float<Format>(value); }
};

#ifdef __CUDA_ARCH__

struct DeviceFloat16 : NarrowFloat<Float16> {
  TUTTI_DEVICE static Wide decode(Bits bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<std::uint16_t>(bits)));
    return value;
  }
  TUTTI_DEVICE static Bits encode(Wide value) {
    std::uint16_t bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
  }
};

struct DeviceBfloat16 : NarrowFloat<Bfloat16> {
  TUTTI_DEVICE static Bits encode(Wide value) {
    std::uint16_t bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
  }
};

/// The upper half of an fp16.
struct DeviceFloat8e5m2 : NarrowFloat<Float8e5m2> {
  TUTTI_DEVICE static Wide decode(Bits bits) { return DeviceFloat16::decode(bits << 8); }
};

#if __CUDA_ARCH__ >= 890
struct DeviceFloat8e4m3 : NarrowFloat<Float8e4m3> {
  TUTTI_DEVICE static Wide decode(Bits bits) {
    std::uint32_t halves;
    const auto pair = static_cast<std::uint16_t>(bits & 0xff);
    asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(halves) : "h"(pair));
    return DeviceFloat16::decode(halves);
  }
  TUTTI_DEVICE static Bits encode(Wide value) {
    std::uint16_t pair;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(value));
    return pair;
  }
};
#else
using DeviceFloat8e4m3 = NarrowFloat<Float8e4m3>;
#endif

#else

using DeviceFloat16 = NarrowFloat<Float16>;
using DeviceBfloat16 = NarrowFloat<Bfloat16>;
using DeviceFloat8e4m3 = NarrowFloat<Float8e4m3>;
using DeviceFloat8e5m2 = NarrowFloat<Float8e5m2>;

#endif

template <DataType kType>
struct ElementOf;
template <>
struct ElementOf<DataType::kInt8> : NarrowInteger<std::int8_t> {};
template <>
struct ElementOf<DataType::kUint8> : NarrowInteger<std::uint8_t> {};
template <>
struct ElementOf<DataType::kInt16> : NarrowInteger<std::int16_t> {};
template <>
struct ElementOf<DataType::kUint16> : NarrowInteger<std::uint16_t> {};
template <>
struct ElementOf<DataType::kInt32> : NarrowInteger<std::int32_t> {};
template <>
struct ElementOf<DataType::kUint32> : NarrowInteger<std::uint32_t> {};
template <>
struct ElementOf<DataType::kInt64> : WideInteger<std::int64_t> {};
template <>
struct ElementOf<DataType::kUint64> : WideInteger<std::uint64_t> {};
template <>
struct ElementOf<DataType::kFloat16> : DeviceFloat16 {};
template <>
struct ElementOf<DataType::kFloat32> : PlainFloat<float, std::uint32_t> {};
template <>
struct ElementOf<DataType::kFloat64> : PlainFloat<double, std::uint64_t> {};
template <>
struct ElementOf<DataType::kBfloat16> : DeviceBfloat16 {};
template <>
struct ElementOf<DataType::kFloat8e4m3> : DeviceFloat8e4m3 {};
template <>
struct ElementOf<DataType::kFloat8e5m2> : DeviceFloat8e5m2 {};

// ---- all elements of a pack ----

/// The elements of a pack of kBytes, widened.
template <DataType kType, int kBytes>
struct Elements {
  using Element = ElementOf<kType>;
  static constexpr int kSize = static_cast<int>(size_of(kType));
  static constexpr int kCount = kBytes / kSize;
  typename Element::Wide values[kCount];

  TUTTI_DEVICE static Elements of(const Pack<kBytes>& pack) {
    Elements elements;
    TUTTI_UNROLL
    for (int i = 0; i < kCount; ++i) elements.values[i] = Element::decode(bits_at(pack, i));
    return elements;
  }

  TUTTI_DEVICE Pack<kBytes> pack() const {
    Pack<kBytes> pack{};
    TUTTI_UNROLL
    for (int i = 0; i < kCount; ++i) put_bits(pack, i, Element::encode(values[i]));
    return pack;
  }

 private:
  using Bits = typename Element::Bits;

  // Of a narrow element, what lies above it is of its neighbours.
  TUTTI_DEVICE static Bits bits_at(const Pack<kBytes>& pack, int i) {
    if constexpr (kSize == 8) {
      return pack.words[2 * i] | static_cast<std::uint64_t>(pack.words[2 * i + 1]) << 32;
    } else {
      return pack.words[i * kSize / 4] >> (i * kSize % 4 * 8);
    }
  }
  TUTTI_DEVICE static void put_bits(Pack<kBytes>& pack, int i, Bits bits) {
    if constexpr (kSize == 8) {
      pack.words[2 * i] = static_cast<std::uint32_t>(bits);
      pack.words[2 * i + 1] = static_cast<std::uint32_t>(bits >> 32);
    } else {
      pack.words[i * kSize / 4] |= bits << (i * kSize % 4 * 8);
    }
  }
};

}  // namespace tutti::cuda
