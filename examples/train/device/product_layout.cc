#include "train/device/product_layout.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "train/failure.h"

namespace tutti::train {
namespace {

// Of a matrix that has so many rows and columns once it is transposed.
ColumnMatrix column_major(const DeviceMatrix& matrix, long rows, long columns, const char* name) {
  if (matrix.transposed) std::swap(rows, columns);
  if (rows > 1 && matrix.stride < columns) {
    throw Failure("product of matrices: rows of " + std::string(name) + " are " +
                  std::to_string(matrix.stride) + " elements apart: expected at least " +
                  std::to_string(columns));
  }
  return {matrix.data,
          matrix.is_bf16,
          columns,
          rows,
          std::max(matrix.stride, columns),  // of a single row any stride will do
          matrix.transposed,
          matrix.step};
}

void check(const DeviceProduct& p) {
  if (p.k <= 0) {
    throw Failure("product of matrices: k " + std::to_string(p.k) + ": expected at least 1");
  }
  if (p.a.is_bf16 != p.b.is_bf16 || (p.c.is_bf16 && !p.a.is_bf16)) {
    throw Failure(
        "product of matrices: expected factors of one type, and a result of theirs or float");
  }
}

}  // namespace

unsigned alignment_of(const ColumnMatrix& matrix, long count) {
  constexpr unsigned kMost = 256;
  const long apart = count > 1 ? matrix.step * (matrix.is_bf16 ? 2 : 4) : 0;
  const auto bits =
      reinterpret_cast<std::uintptr_t>(matrix.data) | static_cast<std::uintptr_t>(apart) | kMost;
  return 1u << std::countr_zero(bits);
}

ColumnProduct column_major(const DeviceProduct& p) {
  check(p);
  return {.m = p.n,
          .n = p.m,
          .k = p.k,
          .a = column_major(p.b, p.k, p.n, "b"),
          .b = column_major(p.a, p.m, p.k, "a"),
          .c = column_major(p.c, p.m, p.n, "c"),
          .count = p.count};
}

}  // namespace tutti::train
