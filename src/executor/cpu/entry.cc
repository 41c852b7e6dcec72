// Tested by executor_test.cc and failure_executor_test.cc.

#include "executor/cpu/entry.h"

namespace tutti {

std::uint64_t Site::locate(const void* data, std::size_t bytes) const {
  const std::byte* begin = windows[rank] + layout.heap;
  const std::byte* at = static_cast<const std::byte*>(data);
  for (const auto& [memory, in_window] : aliases) {
    const std::byte* first = memory.data();
    if (at >= first && at + bytes <= first + memory.size()) at = in_window + (at - first);
  }
  if (at < begin || at + bytes > begin + layout.heap_bytes) return 0;
  return static_cast<std::uint64_t>(at - windows[rank]) + 1;
}

}  // namespace tutti
