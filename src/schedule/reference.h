// The obviously right way to run a schedule: one step at a time, in one thread, on plain memory.
//
// Slow on purpose; every executor is compared with it, bit by bit.

#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "schedule/schedule.h"

namespace tutti {

/// target = sources[0] op sources[1] op …, all of `bytes` bytes. `target` may equal a source.
using Combine = std::function<void(std::span<const std::byte* const> sources, std::byte* target,
                                   std::size_t bytes)>;

/// Runs the schedule on all ranks. inputs[r] has chunks_of(…, kInput, r) * chunk_bytes bytes.
/// Returns the outputs, one per rank, likewise sized; bytes never written are 0xEE.
/// REQUIRES: verify(schedule) == "".
std::vector<std::vector<std::byte>> execute_reference(
    const Schedule& schedule, const std::vector<std::vector<std::byte>>& inputs,
    std::size_t chunk_bytes, const Combine& combine);

}  // namespace tutti
