// The kernels of a unit V by type and reduction: what a kernels_<isa>.cc instantiates.
//
// Tested by kernels_test.cc.

#pragma once

#include "executor/cpu/kernels_loops.h"
#include "executor/cpu/kernels_operations.h"
#include "tutti/types.h"

namespace tutti {

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
