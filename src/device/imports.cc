// Tested by device_test.cc.

#include "device/imports.h"

#include <algorithm>
#include <functional>

#include "base/check.h"

namespace tutti {
namespace {

// The number of a descriptor is another each time an allocation is shared.
bool same_allocation(const SharedMemory& a, const SharedMemory& b) {
  return a.kind == b.kind && a.process == b.process && a.identity == b.identity &&
         a.handle == b.handle && a.bytes == b.bytes;
}

}  // namespace

Result<std::byte*> Imports::open(const SharedMemory& shared, const Map& map) {
  const std::scoped_lock lock(mutex_);
  for (Import& import : imports_) {
    if (!same_allocation(import.shared, shared)) continue;
    ++import.users;
    return import.memory;
  }
  const Result<std::byte*> memory = map(shared);
  if (memory.ok()) imports_.push_back({shared, *memory, 1});
  return memory;
}

void Imports::close(std::byte* memory, const Unmap& unmap) {
  const std::scoped_lock lock(mutex_);
  const auto import = std::find_if(imports_.begin(), imports_.end(),
                                   [&](const Import& one) { return one.memory == memory; });
  TUTTI_CHECK(import != imports_.end(), "%p was not imported", static_cast<void*>(memory));
  if (--import->users > 0) return;
  unmap(import->shared, import->memory);
  imports_.erase(import);
}

void Imports::close_all(const Unmap& unmap) {
  const std::scoped_lock lock(mutex_);
  for (const Import& import : imports_) unmap(import.shared, import.memory);
  imports_.clear();
}

bool Imports::hold(const void* address) const {
  const std::scoped_lock lock(mutex_);
  const auto* const byte = static_cast<const std::byte*>(address);
  const std::less_equal<const std::byte*> not_after;
  return std::any_of(imports_.begin(), imports_.end(), [&](const Import& import) {
    return not_after(import.memory, byte) && !not_after(import.memory + import.shared.bytes, byte);
  });
}

}  // namespace tutti
