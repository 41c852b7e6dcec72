// The one loop of every kernel: any type, any operation, any number of sources and targets.
//
// Written with vector extensions over a unit V, an instruction set's vector: its width, loads,
// stores and the few instructions that have no operator. Each kernels_<isa>.cc defines its unit in
// an unnamed namespace, so that no code compiled for one processor can be linked into another's,
// and instantiates select_kernel() and select_scale().
//
// No product ever feeds a sum, so contraction to fused multiply-adds cannot change a bit. For the
// same reason no standard library template is used here.
// Tested by kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "executor/cpu/float_formats.h"
#include "executor/cpu/kernels_isa.h"

namespace tutti {

#define TUTTI_INLINE [[gnu::always_inline]] static inline

template <class Lane, int kBytes>
struct VectorOf {
  typedef Lane type __attribute__((vector_size(kBytes)));
};
template <class Lane, int kBytes>
using Vector = typename VectorOf<Lane, kBytes>::type;

template <class V>
struct Lanes {
  using U = Vector<std::uint32_t, V::kBytes>;
  using I = Vector<std::int32_t, V::kBytes>;
  using F = Vector<float, V::kBytes>;
};

template <class Lane>
inline constexpr bool kIsFloat = false;
template <>
inline constexpr bool kIsFloat<float> = true;
template <>
inline constexpr bool kIsFloat<double> = true;

// ---- Formats: a vector as it lies in memory (V::Raw) to and from vectors to compute with ----

/// Every NaN becomes one pattern, so that no result depends on the order of an addition's operands.
template <class V, class T>
struct Plain {
  static constexpr int kParts = 1;
  static constexpr std::size_t kElementBytes = sizeof(T);
  using Lane = T;
  using Wide = Vector<T, V::kBytes>;
  using Raw = typename V::Raw;

  TUTTI_INLINE void decode(Raw raw, Wide (&wide)[1]) { wide[0] = (Wide)raw; }
  TUTTI_INLINE Raw encode(const Wide (&wide)[1]) {
    if constexpr (kIsFloat<T>) {
      using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
      using BitsVector = Vector<Bits, V::kBytes>;
      const BitsVector bits = (BitsVector)wide[0];
      return (Raw)(wide[0] != wide[0] ? BitsVector{} + (~Bits{} >> 1) : bits);
    } else {
      return (Raw)wide[0];
    }
  }
};

/// Small floats, widened to fp32. Part k holds the k-th element of every 32-bit lane: taking apart
/// and putting together are shifts, never shuffles.
template <class V, class Format>
struct Small {
  static constexpr int kParts = 32 / Format::kBits;
  static constexpr std::size_t kElementBytes = Format::kBits / 8;
  using Lane = float;
  using L = Lanes<V>;
  using Wide = typename L::F;
  using Raw = typename V::Raw;

  TUTTI_INLINE void decode(Raw raw, Wide (&wide)[kParts]) {
#pragma GCC unroll 4
    for (int k = 0; k < kParts; ++k) {
      wide[k] = Format::template decode<L>((typename L::U)raw >> (k * Format::kBits));
    }
  }
  TUTTI_INLINE Raw encode(const Wide (&wide)[kParts]) {
    typename L::U bits{};
#pragma GCC unroll 4
    for (int k = 0; k < kParts; ++k) {
      bits |= Format::template encode<L>(wide[k]) << (k * Format::kBits);
    }
    return (Raw)bits;
  }
};

/// Binary16 where the processor converts it.
template <class V>
struct HardwareHalf {
  static constexpr int kParts = 2;
  static constexpr std::size_t kElementBytes = 2;
  using Lane = float;
  using Wide = typename Lanes<V>::F;
  using Raw = typename V::Raw;

  TUTTI_INLINE void decode(Raw raw, Wide (&wide)[2]) { V::widen_half(raw, wide); }
  TUTTI_INLINE Raw encode(const Wide (&wide)[2]) {
    using U = typename Lanes<V>::U;
    const Wide nan = (Wide)(U{} + 0x7fffffffu);
    const Wide clean[2] = {wide[0] != wide[0] ? nan : wide[0], wide[1] != wide[1] ? nan : wide[1]};
    return V::narrow_half(clean);
  }
};

template <class V, bool kHardware>
struct HalfOf {
  using type = Small<V, Float16>;
};
template <class V>
struct HalfOf<V, true> {
  using type = HardwareHalf<V>;
};

// ---- Operations, on vectors of `Lane` ----

/// What the first source contributes: itself, unless an operation says otherwise.
struct KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W first(W a) {
    return a;
  }
};

struct Sum : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    return a + b;
  }
};

struct Prod : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    return a * b;
  }
};

/// Of equal floats, or a NaN and anything, min is the OR of the bits: -0 | +0 is -0, and a NaN's
/// bits with more bits set are a NaN.
template <class W>
TUTTI_INLINE W float_min(W a, W b) {
  using Mask = decltype(a < b);
  return a < b ? a : (b < a ? b : (W)((Mask)a | (Mask)b));
}

struct Min : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    if constexpr (kIsFloat<Lane>) {
      return float_min(a, b);
    } else {
      return a < b ? a : b;
    }
  }
};

struct Max : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    if constexpr (kIsFloat<Lane>) {
      return -float_min(-a, -b);
    } else {
      return a > b ? a : b;
    }
  }
};

struct BitAnd : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    return a & b;
  }
};

struct BitOr : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    return a | b;
  }
};

struct BitXor : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    return a ^ b;
  }
};

/// Logical operations are bitwise ones on the truth of lanes; NaN is true.
template <class Bitwise>
struct Logical {
  template <class Lane, class W>
  TUTTI_INLINE W first(W a) {
    return a != W{} ? W{} + Lane{1} : W{};
  }
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    using Mask = decltype(a != b);
    const Mask truth = Bitwise::template apply<Lane>((Mask)(a != W{}), (Mask)(b != W{}));
    return truth ? W{} + Lane{1} : W{};
  }
};

// ---- Pieces of a vector, for heads and tails ----

/// The first `bytes` of 1 to 7 bytes as a word, zeros above.
TUTTI_INLINE std::uint64_t load_bytes(const std::byte* from, std::size_t bytes) {
  std::uint64_t word = 0;
  const auto* end = reinterpret_cast<const unsigned char*>(from + bytes);
#pragma GCC unroll 3
  for (std::size_t piece = 4; piece > 0; piece /= 2) {
    if ((bytes & piece) == 0) continue;
    end -= piece;
    std::uint64_t part = 0;
    __builtin_memcpy(&part, end, piece);
    word = word << (8 * piece) | part;
  }
  return word;
}

/// The first `bytes` < V::kBytes bytes, zeros above. Through registers: a vector load of what
/// narrow stores have just written would wait for them to leave the store buffer.
template <class V>
TUTTI_INLINE typename V::Raw load_words(const std::byte* from, std::size_t bytes) {
  typename V::Raw raw{};
#pragma GCC unroll 4
  for (std::size_t word = 0; word < V::kBytes / 8; ++word) {
    const std::size_t at = 8 * word;
    if (at + 8 <= bytes) {
      std::uint64_t whole;
      __builtin_memcpy(&whole, from + at, 8);
      raw[word] = whole;
    } else if (at < bytes) {
      raw[word] = load_bytes(from + at, bytes - at);
    }
  }
  return raw;
}

template <class V>
TUTTI_INLINE void store_words(std::byte* to, typename V::Raw raw, std::size_t bytes) {
  const auto* from = reinterpret_cast<const std::byte*>(&raw);
  std::size_t at = 0;
#pragma GCC unroll 6
  for (std::size_t piece = V::kBytes / 2; piece > 0; piece /= 2) {
    if (bytes & piece) {
      __builtin_memcpy(to + at, from + at, piece);
      at += piece;
    }
  }
}

// ---- The loop ----

template <class V, class Format, class Op>
class Reducer {
 public:
  static void run(const Pass& pass) {
    const std::size_t bytes = pass.count * Format::kElementBytes;
    if (bytes < kBytes) {
      if (bytes > 0) piece(pass, 0, bytes);
      return;
    }
    Pass aligned = pass;
    const std::size_t head = bytes >= kAlignFrom ? align(aligned) : 0;
    if (bytes < kAlignFrom) aligned.stream_mask = 0;
    singles(pass, 0, head);
    std::size_t at = head;
    if (pass.source_count == 2 && pass.target_count == 1) at = pairs(aligned, at, bytes);
    for (; at + kUnroll * kBytes <= bytes; at += kUnroll * kBytes) blocks<kUnroll>(aligned, at);
    singles(pass, at, bytes);
    if (aligned.stream_mask != 0) V::fence();
  }

 private:
  static constexpr std::size_t kBytes = V::kBytes;
  static constexpr int kParts = Format::kParts;
  static constexpr std::size_t kUnroll = kParts == 4 ? 2 : 4;
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kAlignFrom = 512;  // bytes; below, aligning costs more than it gives
  using Raw = typename V::Raw;
  using Wide = typename Format::Wide;
  using Lane = typename Format::Lane;

  TUTTI_INLINE bool streams(const Pass& pass, int target) {
    return target < 32 && (pass.stream_mask >> target & 1) != 0;
  }

  /// The bytes before the lead target's next cache line; takes from the mask what cannot stream.
  static std::size_t align(Pass& pass) {
    const int lead = pass.stream_mask != 0 ? __builtin_ctz(pass.stream_mask) : 0;
    std::size_t head = -reinterpret_cast<std::uintptr_t>(pass.targets[lead]) % kLine;
    if (head % Format::kElementBytes != 0) head = 0;
    std::uint32_t mask = 0;
    for (int t = 0; t < pass.target_count; ++t) {
      const auto start = reinterpret_cast<std::uintptr_t>(pass.targets[t]) + head;
      if (streams(pass, t) && start % kLine == 0) mask |= 1u << t;
    }
    pass.stream_mask = mask;
    return head;
  }

  /// [from, to) one vector at a time, cached.
  static void singles(const Pass& pass, std::size_t from, std::size_t to) {
    Pass cached = pass;
    cached.stream_mask = 0;
    for (; from + kBytes <= to; from += kBytes) blocks<1>(cached, from);
    if (from < to) piece(cached, from, to - from);
  }

  /// The common case, two sources and one target, with the pointers in registers. Returns where the
  /// rest begins.
  static std::size_t pairs(const Pass& pass, std::size_t at, std::size_t bytes) {
    const std::byte* const left = pass.sources[0];
    const std::byte* const right = pass.sources[1];
    std::byte* const target = pass.targets[0];
    const bool stream = streams(pass, 0);
    for (; at + kUnroll * kBytes <= bytes; at += kUnroll * kBytes) {
#pragma GCC unroll 4
      for (std::size_t b = at; b < at + kUnroll * kBytes; b += kBytes) {
        Wide sum[kParts];
        begin(V::load(left + b), sum);
        add(V::load(right + b), sum);
        const Raw result = Format::encode(sum);
        stream ? V::stream(target + b, result) : V::store(target + b, result);
      }
    }
    return at;
  }

  template <std::size_t kBlocks>
  TUTTI_INLINE void blocks(const Pass& pass, std::size_t at) {
    Wide sum[kBlocks][kParts];
    const std::byte* source = pass.sources[0] + at;
#pragma GCC unroll 4
    for (std::size_t b = 0; b < kBlocks; ++b) begin(V::load(source + b * kBytes), sum[b]);
    for (int s = 1; s < pass.source_count; ++s) {
      source = pass.sources[s] + at;
#pragma GCC unroll 4
      for (std::size_t b = 0; b < kBlocks; ++b) add(V::load(source + b * kBytes), sum[b]);
    }
    Raw result[kBlocks];
#pragma GCC unroll 4
    for (std::size_t b = 0; b < kBlocks; ++b) result[b] = Format::encode(sum[b]);
    for (int t = 0; t < pass.target_count; ++t) {
      std::byte* target = pass.targets[t] + at;
      if (streams(pass, t)) {
#pragma GCC unroll 4
        for (std::size_t b = 0; b < kBlocks; ++b) V::stream(target + b * kBytes, result[b]);
      } else {
#pragma GCC unroll 4
        for (std::size_t b = 0; b < kBlocks; ++b) V::store(target + b * kBytes, result[b]);
      }
    }
  }

  static void piece(const Pass& pass, std::size_t at, std::size_t bytes) {
    Wide sum[kParts];
    begin(V::load_piece(pass.sources[0] + at, bytes), sum);
    for (int s = 1; s < pass.source_count; ++s) {
      add(V::load_piece(pass.sources[s] + at, bytes), sum);
    }
    const Raw result = Format::encode(sum);
    for (int t = 0; t < pass.target_count; ++t) V::store_piece(pass.targets[t] + at, result, bytes);
  }

  TUTTI_INLINE void begin(Raw raw, Wide (&sum)[kParts]) {
    Format::decode(raw, sum);
#pragma GCC unroll 4
    for (int k = 0; k < kParts; ++k) sum[k] = Op::template first<Lane>(sum[k]);
  }

  TUTTI_INLINE void add(Raw raw, Wide (&sum)[kParts]) {
    Wide wide[kParts];
    Format::decode(raw, wide);
#pragma GCC unroll 4
    for (int k = 0; k < kParts; ++k) sum[k] = Op::template apply<Lane>(sum[k], wide[k]);
  }
};

template <class V, class Format>
void scale_floats(const std::byte* source, std::byte* target, std::size_t count, double factor) {
  using Lane = typename Format::Lane;
  const typename Format::Wide by = typename Format::Wide{} + static_cast<Lane>(factor);
  const auto scaled = [by](typename V::Raw raw) __attribute__((always_inline)) {
    typename Format::Wide wide[Format::kParts];
    Format::decode(raw, wide);
    for (auto& part : wide) part *= by;
    return Format::encode(wide);
  };
  const std::size_t bytes = count * Format::kElementBytes;
  std::size_t at = 0;
  for (; at + V::kBytes <= bytes; at += V::kBytes) {
    V::store(target + at, scaled(V::load(source + at)));
  }
  if (at == bytes) return;
  V::store_piece(target + at, scaled(V::load_piece(source + at, bytes - at)), bytes - at);
}

// ---- The tables ----

/// The kernel of one type. `Signed`: the format whose order max and min follow, where integers
/// otherwise share the unsigned one. Null where bitwise operations have no meaning.
template <class V, class Format, class Signed, bool kBitwise>
Kernel select_reduction(Reduction reduction) {
  switch (reduction) {
    case Reduction::kSum:
    case Reduction::kAvg:
    case Reduction::kPreMulSum:
      return &Reducer<V, Format, Sum>::run;
    case Reduction::kProd:
      return &Reducer<V, Format, Prod>::run;
    case Reduction::kMax:
      return &Reducer<V, Signed, Max>::run;
    case Reduction::kMin:
      return &Reducer<V, Signed, Min>::run;
    case Reduction::kBitAnd:
      if constexpr (kBitwise) return &Reducer<V, Format, BitAnd>::run;
      break;
    case Reduction::kBitOr:
      if constexpr (kBitwise) return &Reducer<V, Format, BitOr>::run;
      break;
    case Reduction::kBitXor:
      if constexpr (kBitwise) return &Reducer<V, Format, BitXor>::run;
      break;
    case Reduction::kLogicalAnd:
      return &Reducer<V, Format, Logical<BitAnd>>::run;
    case Reduction::kLogicalOr:
      return &Reducer<V, Format, Logical<BitOr>>::run;
    case Reduction::kLogicalXor:
      return &Reducer<V, Format, Logical<BitXor>>::run;
    case Reduction::kUser:
      break;
  }
  return nullptr;
}

template <class V, class Format>
Kernel select_float(Reduction reduction) {
  return select_reduction<V, Format, Format, false>(reduction);
}

template <class V, class Unsigned, class Ordered = Unsigned>
Kernel select_integer(Reduction reduction) {
  return select_reduction<V, Plain<V, Unsigned>, Plain<V, Ordered>, true>(reduction);
}

template <class V>
Kernel select_kernel(DataType type, Reduction reduction) {
  switch (type) {
    case DataType::kInt8:
      return select_integer<V, std::uint8_t, std::int8_t>(reduction);
    case DataType::kUint8:
      return select_integer<V, std::uint8_t>(reduction);
    case DataType::kInt16:
      return select_integer<V, std::uint16_t, std::int16_t>(reduction);
    case DataType::kUint16:
      return select_integer<V, std::uint16_t>(reduction);
    case DataType::kInt32:
      return select_integer<V, std::uint32_t, std::int32_t>(reduction);
    case DataType::kUint32:
      return select_integer<V, std::uint32_t>(reduction);
    case DataType::kInt64:
      return select_integer<V, std::uint64_t, std::int64_t>(reduction);
    case DataType::kUint64:
      return select_integer<V, std::uint64_t>(reduction);
    case DataType::kFloat16:
      return select_float<V, typename HalfOf<V, V::kConvertsHalf>::type>(reduction);
    case DataType::kFloat32:
      return select_float<V, Plain<V, float>>(reduction);
    case DataType::kFloat64:
      return select_float<V, Plain<V, double>>(reduction);
    case DataType::kBfloat16:
      return select_float<V, Small<V, Bfloat16>>(reduction);
    case DataType::kFloat8e4m3:
      return select_float<V, Small<V, Float8e4m3>>(reduction);
    case DataType::kFloat8e5m2:
      return select_float<V, Small<V, Float8e5m2>>(reduction);
  }
  return nullptr;
}

/// Null for integers.
template <class V>
ScaleKernel select_scale(DataType type) {
  switch (type) {
    case DataType::kFloat16:
      return &scale_floats<V, typename HalfOf<V, V::kConvertsHalf>::type>;
    case DataType::kFloat32:
      return &scale_floats<V, Plain<V, float>>;
    case DataType::kFloat64:
      return &scale_floats<V, Plain<V, double>>;
    case DataType::kBfloat16:
      return &scale_floats<V, Small<V, Bfloat16>>;
    case DataType::kFloat8e4m3:
      return &scale_floats<V, Small<V, Float8e4m3>>;
    case DataType::kFloat8e5m2:
      return &scale_floats<V, Small<V, Float8e5m2>>;
    case DataType::kInt8:
    case DataType::kUint8:
    case DataType::kInt16:
    case DataType::kUint16:
    case DataType::kInt32:
    case DataType::kUint32:
    case DataType::kInt64:
    case DataType::kUint64:
      break;
  }
  return nullptr;
}

}  // namespace tutti
