// Chooses among the kernels of each instruction set; copies, scales and divides.
//
// Tested by kernels_test.cc.

#include "executor/cpu/kernels.h"

#include <cstring>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/check.h"
#include "executor/cpu/integers.h"
#include "executor/cpu/kernels_isa.h"

namespace tutti {
namespace {

constexpr std::size_t kSmallCopy = 1024;  // bytes; below, memcpy wins

#if defined(__x86_64__)
// Not every compiler's __builtin_cpu_supports() knows the word.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

bool rounds_in_hardware(DataType type) {
  return type == DataType::kBfloat16 && __builtin_cpu_supports("avx512bf16");
}
#endif

Kernel kernel_of(DataType type, Reduction reduction, [[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512 && rounds_in_hardware(type)) return avx512_bf16_kernel(reduction);
  if (isa == Isa::kAvx512) return avx512_kernel(type, reduction);
  if (isa == Isa::kAvx2) return avx2_kernel(type, reduction);
#endif
  return portable_kernel(type, reduction);
}

ScaleKernel scale_of(DataType type) {
#if defined(__x86_64__)
  const Isa isa = detect_isa();
  if (isa == Isa::kAvx512 && rounds_in_hardware(type)) return avx512_bf16_scale();
  if (isa == Isa::kAvx512) return avx512_scale(type);
  if (isa == Isa::kAvx2) return avx2_scale(type);
#endif
  return portable_scale(type);
}

template <class T>
void scale_integers(const std::byte* source, std::byte* target, std::size_t count, double factor) {
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, source + i * sizeof(T), sizeof(T));
    value = to_integer<T>(factor * static_cast<double>(value));
    std::memcpy(target + i * sizeof(T), &value, sizeof(T));
  }
}

template <class T>
void divide_integers(std::byte* target, std::size_t count, std::int64_t divisor) {
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, target + i * sizeof(T), sizeof(T));
    value = divide_integer(value, divisor);
    std::memcpy(target + i * sizeof(T), &value, sizeof(T));
  }
}

// Calls function.operator()<T>() with the C++ type of an integer `type`; false for floats.
template <class Function>
bool with_integer(DataType type, const Function& function) {
  switch (type) {
    case DataType::kInt8:
      return function.template operator()<std::int8_t>(), true;
    case DataType::kUint8:
      return function.template operator()<std::uint8_t>(), true;
    case DataType::kInt16:
      return function.template operator()<std::int16_t>(), true;
    case DataType::kUint16:
      return function.template operator()<std::uint16_t>(), true;
    case DataType::kInt32:
      return function.template operator()<std::int32_t>(), true;
    case DataType::kUint32:
      return function.template operator()<std::uint32_t>(), true;
    case DataType::kInt64:
      return function.template operator()<std::int64_t>(), true;
    case DataType::kUint64:
      return function.template operator()<std::uint64_t>(), true;
    case DataType::kFloat16:
    case DataType::kFloat32:
    case DataType::kFloat64:
    case DataType::kBfloat16:
    case DataType::kFloat8e4m3:
    case DataType::kFloat8e5m2:
      break;
  }
  return false;
}

}  // namespace

Isa detect_isa() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return Isa::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && has_f16c()) return Isa::kAvx2;
#endif
  return Isa::kPortable;
}

Result<Kernel> find_kernel(DataType type, Reduction reduction, Isa isa) {
  if (const Kernel kernel = kernel_of(type, reduction, isa)) return kernel;
  return {Code::kNotSupported,
          "no kernel reduces " + std::string(name(type)) + " with " + std::string(name(reduction))};
}

void copy(const std::byte* source, std::byte* const* targets, int target_count, std::size_t bytes,
          std::uint32_t stream_mask, Isa isa) {
  if (bytes < kSmallCopy || (stream_mask == 0 && target_count == 1)) {
    for (int t = 0; t < target_count; ++t) {
      if (targets[t] != source && bytes > 0) std::memcpy(targets[t], source, bytes);
    }
    return;
  }
  // A reduction of one source is a copy, and reads it once for all targets.
  const Kernel kernel = kernel_of(DataType::kUint8, Reduction::kBitOr, isa);
  kernel({&source, 1, targets, target_count, bytes, stream_mask});
}

void scale(const std::byte* source, std::byte* target, std::size_t count, DataType type,
           double factor) {
  if (const ScaleKernel kernel = scale_of(type)) return kernel(source, target, count, factor);
  const bool integer =
      with_integer(type, [&]<class T>() { scale_integers<T>(source, target, count, factor); });
  TUTTI_CHECK(integer, "type %d", static_cast<int>(type));
}

void divide(std::byte* target, std::size_t count, DataType type, std::int64_t divisor) {
  TUTTI_CHECK(divisor > 0, "divisor %lld", static_cast<long long>(divisor));
  const bool integer =
      with_integer(type, [&]<class T>() { divide_integers<T>(target, count, divisor); });
  TUTTI_CHECK(integer, "%s is divided by scaling", std::string(name(type)).c_str());
}

}  // namespace tutti
