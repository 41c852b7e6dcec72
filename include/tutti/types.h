// The words of every call: collective, data type, reduction.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "tutti/api.h"

namespace tutti {

enum class Collective : std::uint8_t {
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kAllToAll,
  kBroadcast,
  kReduce,
  kGather,
  kScatter,
  kBarrier,
  kSendRecv,
  kScan,
  kExclusiveScan,
};
inline constexpr int kCollectives = 12;

/// Of scan and exclusive_scan: from which end ranks are counted.
enum class Direction : std::uint8_t {
  kForward,  // rank 0 comes first
  kReverse,  // rank n-1 comes first, rank 0 last
};

/// Element types. The first twelve have NCCL's numbers (nccl.h, ncclDataType_t).
enum class DataType : std::uint8_t {
  kInt8,
  kUint8,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kFloat16,
  kFloat32,
  kFloat64,
  kBfloat16,
  kFloat8e4m3,  // OCP "FN": no infinity, one NaN pattern; overflow saturates
  kFloat8e5m2,  // OCP: IEEE-like, with infinity; overflow gives infinity
  kInt16,
  kUint16,
};
inline constexpr int kDataTypes = 14;

/// Reductions. The first five have NCCL's numbers.
///
/// Float min and max answer NaN if any operand is NaN, and order -0 below +0 (IEEE 754-2019
/// minimum and maximum). avg divides integers with truncation after summing, and scales floats by
/// 1/ranks before. Bitwise operations take integers only; logical ones answer 0 or 1.
enum class Reduction : std::uint8_t {
  kSum,
  kProd,
  kMax,
  kMin,
  kAvg,
  kPreMulSum,  // the sum of scale * input
  kBitAnd,
  kBitOr,
  kBitXor,
  kLogicalAnd,
  kLogicalOr,
  kLogicalXor,
  kUser,
};
inline constexpr int kReductions = 13;

/// Bytes of an element.
constexpr std::size_t size_of(DataType type) {
  switch (type) {
    case DataType::kInt8:
    case DataType::kUint8:
    case DataType::kFloat8e4m3:
    case DataType::kFloat8e5m2:
      return 1;
    case DataType::kInt16:
    case DataType::kUint16:
    case DataType::kFloat16:
    case DataType::kBfloat16:
      return 2;
    case DataType::kInt32:
    case DataType::kUint32:
    case DataType::kFloat32:
      return 4;
    case DataType::kInt64:
    case DataType::kUint64:
    case DataType::kFloat64:
      return 8;
  }
  return 1;
}
TUTTI_API bool is_float(DataType type);

/// Names as printed and parsed: "all_reduce", "float" (as nccl-tests), "sum".
TUTTI_API std::string_view name(Collective collective);
TUTTI_API std::string_view name(DataType type);
TUTTI_API std::string_view name(Reduction reduction);
TUTTI_API std::optional<Collective> parse_collective(std::string_view text);
TUTTI_API std::optional<DataType> parse_data_type(std::string_view text);
TUTTI_API std::optional<Reduction> parse_reduction(std::string_view text);

/// A reduction that the library does not know, of `count` elements; called from the thread that
/// runs the collective. dst[i] = src[i] op dst[i], where what is in src comes before what is in
/// dst in the order of the ranks. Must be associative; and commutative too, except in scan and
/// exclusive_scan.
using ReduceFunction = void (*)(const void* src, void* dst, std::size_t count, DataType type,
                                void* context);

/// A reduction and its parameters. Implicit from Reduction, so that a call reads
/// `all_reduce(in, out, Reduction::kMax)`.
struct ReduceOp {
  Reduction reduction = Reduction::kSum;
  double scale = 1.0;                 // kPreMulSum
  ReduceFunction function = nullptr;  // kUser
  void* context = nullptr;            // kUser
  // kUser: bytes of what the function takes for an element, as ordered() says.
  std::optional<std::size_t> element_bytes;

  constexpr ReduceOp() = default;
  constexpr ReduceOp(Reduction r) : reduction(r) {}  // NOLINT
  static constexpr ReduceOp pre_mul_sum(double scale) {
    ReduceOp op(Reduction::kPreMulSum);
    op.scale = scale;
    return op;
  }
  static constexpr ReduceOp user(ReduceFunction function, void* context = nullptr) {
    ReduceOp op(Reduction::kUser);
    op.function = function;
    op.context = context;
    return op;
  }

  /// For scan and exclusive_scan: an operation on elements of `element_bytes` bytes, of which the
  /// library knows nothing but that it must not cut them: structs, or rows such as
  /// {decay, state[…]}. Buffers are as many whole elements as they hold, of any type whose size
  /// divides `element_bytes`. `function` gets their number, and addresses aligned to what divides
  /// `element_bytes`, up to 16, where the caller's buffers are.
  static constexpr ReduceOp ordered(std::size_t element_bytes, ReduceFunction function,
                                    void* context = nullptr) {
    ReduceOp op = user(function, context);
    op.element_bytes = element_bytes;
    return op;
  }

  /// The same for elements of type T, of `combine(const T& earlier, T& later)`, which makes
  /// later = earlier op later:
  ///
  ///   struct Affine { float factor, offset; };  // x -> factor * x + offset
  ///   void then(const Affine& earlier, Affine& later) {
  ///     later.offset += later.factor * earlier.offset;
  ///     later.factor *= earlier.factor;
  ///   }
  ///   … ReduceOp::ordered<Affine, then>()
  template <class T, auto combine>
  static constexpr ReduceOp ordered() {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 16);
    return ordered(sizeof(T), [](const void* src, void* dst, std::size_t count, DataType, void*) {
      for (std::size_t i = 0; i < count; ++i) {
        combine(static_cast<const T*>(src)[i], static_cast<T*>(dst)[i]);
      }
    });
  }
};

}  // namespace tutti
