// Memory of a device that a window has beside it, for calls on such memory: laid out as the window
// is from its scratch memory on, so that what lies at an offset there has its like in the annex.
//
// Peers put into it (transport.h); inside it only the device copies.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tutti/status.h"

namespace tutti {

/// Copies within memory that the processor may not reach. One thread at a time.
class DeviceCopier {
 public:
  virtual ~DeviceCopier() = default;

  /// Begins a copy, of what peers have put there too; copies are made in the order begun. Answers
  /// its number: they grow.
  virtual Result<std::uint64_t> copy(std::byte* target, const std::byte* source,
                                     std::size_t bytes) = 0;
  /// Whether it is made, and those before it.
  virtual bool copied(std::uint64_t number) = 0;
};

struct Annex {
  std::span<std::byte> memory;     // empty: none
  std::size_t first = 0;           // the offset in the window that its first byte is like
  DeviceCopier* copier = nullptr;  // outlives the executor

  bool contains(const void* address) const {
    const auto* byte = static_cast<const std::byte*>(address);
    return !memory.empty() && byte >= memory.data() && byte < memory.data() + memory.size();
  }
  std::byte* at(std::size_t offset) const { return memory.data() + (offset - first); }
};

}  // namespace tutti
