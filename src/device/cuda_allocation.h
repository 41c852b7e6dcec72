// What CUDA knows of an address. Tested by cuda_driver_test.cc.

#pragma once

#include "device/cuda_context.h"
#include "device/device.h"

namespace tutti {

struct CudaAllocation {
  enum class Kind {
    kPlain,    // cuMemAlloc, cudaMalloc
    kVirtual,  // cuMemCreate: the piece that was mapped at once; expandable segments have several
    kPool,     // cuMemAllocAsync, cudaMallocAsync
  };
  Kind kind = Kind::kPlain;
  bool can_be_exported = false;  // its kind's way
  Allocation allocation;
};

/// kInvalidArgument, saying what it is, when it is no memory of this device.
Result<CudaAllocation> cuda_allocation_of(const CudaContext& context, const void* address);

}  // namespace tutti
