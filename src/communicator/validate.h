// Refuses calls that are wrong on this rank, before anything is sent.

#pragma once

#include "device/device_pointers.h"
#include "tutti/status.h"
#include "tutti/tutti.h"

namespace tutti {

/// kInvalidArgument names the value and what was expected.
Status validate(const Call& call, int rank, int ranks);

/// kInvalidArgument where a buffer of a call on the host is memory that only a device reaches.
Status check_on_host(const Call& call, int rank, int ranks, const DevicePointers& pointers);

/// Whether input and output are the same memory in the way the collective allows.
/// REQUIRES: validate() is OK.
bool is_in_place(const Call& call, int rank, int ranks);

/// Bytes from input to output where they are the same memory in that way.
std::ptrdiff_t in_place_distance(const Call& call, int rank, int ranks);

/// Whether this rank's input is read, its output written.
bool reads_input(const Call& call, int rank);
bool writes_output(const Call& call, int rank, int ranks);

}  // namespace tutti
