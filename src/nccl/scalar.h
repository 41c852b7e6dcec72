// The factor of a pre-multiplied sum, as NCCL is given it: an element of a type, somewhere.
//
// Tested by nccl_test.cc.

#pragma once

#include "tutti/types.h"

namespace tutti::nccl {

/// An operation that ncclRedOpCreatePreMulSum() has made.
struct PreMulSum {
  DataType type = DataType::kFloat32;
  double factor = 1;              // when `address` is null
  const void* address = nullptr;  // read when the collective runs

  double value() const;
};

/// The number in an element; 64-bit integers beyond 2^53 are rounded.
double read_element(const void* address, DataType type);

}  // namespace tutti::nccl
