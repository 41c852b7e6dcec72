// Refuses calls that are wrong on this rank, before anything is issued.
//
// Tested by cuda_executor_test.cc.

#pragma once

#include <cstddef>

#include "device/device.h"
#include "executor/cuda/buffers.h"
#include "executor/cuda/executor.h"

namespace tutti::cuda {

/// What is known of a call that is right.
struct CheckedCall {
  Parts parts;              // of this rank
  Parts most;               // of the rank that has most
  std::size_t element = 1;  // bytes
  bool in_place = false;

  std::size_t part_bytes(const DeviceCall& call) const { return call.count * element; }
};

/// kInvalidArgument or kNotSupported names the argument, and what was expected. Asks the device
/// whose memory a buffer is: once a buffer, twice where it is not one allocation.
Result<CheckedCall> check_call(Device& device, const DeviceCall& call, int rank, int ranks);

}  // namespace tutti::cuda
