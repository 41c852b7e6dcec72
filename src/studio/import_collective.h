// What MSCCL's and MSCCL++'s names of collectives mean, and how many chunks their buffers have.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tutti/types.h"

namespace tutti {

/// None for a collective that is not imported.
inline std::optional<Collective> imported_collective(std::string_view name) {
  if (name == "allreduce") return Collective::kAllReduce;
  if (name == "allgather") return Collective::kAllGather;
  if (name == "reducescatter" || name == "reduce_scatter") return Collective::kReduceScatter;
  if (name == "alltoall") return Collective::kAllToAll;
  return std::nullopt;
}

inline constexpr const char* kImportedCollectives =
    "allreduce, allgather, reducescatter or alltoall";

/// More is a mistake, or more than can be proved in reasonable time.
inline constexpr int kMostImportedGpus = 1024;
inline constexpr int kMostImportedChunks = 1 << 16;
inline constexpr int kMostImportedBlocks = 1 << 12;
inline constexpr std::size_t kMostImportedWorks = 1 << 22;
inline constexpr std::int64_t kMostImportedCells = 1 << 22;  // chunks of all GPUs' memory

}  // namespace tutti
