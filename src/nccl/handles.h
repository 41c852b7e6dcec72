// Names for things that callers hold as pointers to types that do not exist.
//
// A handle is a number that is never given twice, spelled as an address that no processor accepts:
// one that has ended, or never was, is not found, and who follows it stops at once instead of
// reading somebody's memory.
//
// Any number of threads. Tested by nccl_arguments_test.cc.

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace tutti::nccl {

template <class Handle, class T>
class Handles {
 public:
  Handle add(std::shared_ptr<T> thing) {
    const std::lock_guard lock(mutex_);
    const Handle handle = reinterpret_cast<Handle>(kNoAddress | ++given_);
    things_.emplace(handle, std::move(thing));
    return handle;
  }

  /// Shared, as another thread may remove it meanwhile; null when it is not, or no longer, there.
  std::shared_ptr<T> find(Handle handle) const {
    const std::lock_guard lock(mutex_);
    const auto found = things_.find(handle);
    return found == things_.end() ? nullptr : found->second;
  }

  std::shared_ptr<T> remove(Handle handle) {
    const std::lock_guard lock(mutex_);
    const auto found = things_.find(handle);
    if (found == things_.end()) return nullptr;
    std::shared_ptr<T> thing = std::move(found->second);
    things_.erase(found);
    return thing;
  }

 private:
  // Not canonical: x86-64 has 47 bits of addresses for programs, 56 with five levels of pages.
  static constexpr std::uintptr_t kNoAddress = std::uintptr_t{0x4e43} << 48;

  mutable std::mutex mutex_;
  std::uintptr_t given_ = 0;
  std::unordered_map<Handle, std::shared_ptr<T>> things_;
};

}  // namespace tutti::nccl
