// The words of every call: collective, data type, reduction.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

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
};
inline constexpr int kCollectives = 10;

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

/// dst[i] = dst[i] op src[i] for a reduction that the library does not know. Must be associative
/// and commutative; called from the thread that runs the collective.
using ReduceFunction = void (*)(const void* src, void* dst, std::size_t count, DataType type,
                                void* context);

/// A reduction and its parameters. Implicit from Reduction, so that a call reads
/// `all_reduce(in, out, Reduction::kMax)`.
struct ReduceOp {
  Reduction reduction = Reduction::kSum;
  double scale = 1.0;                 // kPreMulSum
  ReduceFunction function = nullptr;  // kUser
  void* context = nullptr;            // kUser

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
};

}  // namespace tutti
