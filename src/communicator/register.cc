// Memory that the caller has becomes shared without moving: pages of the heap, with its contents,
// are mapped over it.
//
// The transport has closed the file behind its window. mremap(2) needs none: with an old size of 0
// it maps the pages of a shared mapping a second time.
//
// Tested by register_test.cc.

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "base/check.h"
#include "communicator/impl.h"

namespace tutti {
namespace {

std::string range_text(std::span<const std::byte> memory) {
  char text[64];
  std::snprintf(text, sizeof text, "register_memory: %zu bytes at %p", memory.size(),
                static_cast<const void*>(memory.data()));
  return text;
}

// Memory that is shared already would silently stop being what others have; what cannot be written
// or is not there could not be copied.
Status check_mappings(std::span<const std::byte> memory) {
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return {};  // the caller's word stands
  std::uintptr_t next = reinterpret_cast<std::uintptr_t>(memory.data());  // unknown from here on
  const std::uintptr_t end = next + memory.size();
  std::string found = "none";
  char line[512];
  while (next < end && std::fgets(line, sizeof line, maps) != nullptr) {
    std::uintptr_t first = 0, last = 0;
    char access[5] = "";
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &first, &last, access) != 3) continue;
    if (last <= next) continue;
    if (first > next) break;
    found = access;
    if (found != "rw-p" && found != "rwxp") break;
    next = last;
  }
  std::fclose(maps);
  if (next >= end) return {};
  return {Code::kInvalidArgument, range_text(memory) + ": found memory of kind \"" + found +
                                      "\", expected private memory to read and write (rw-p)"};
}

Status check_registrable(std::span<const std::byte> memory) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (reinterpret_cast<std::uintptr_t>(memory.data()) % page != 0 || memory.size() % page != 0) {
    return {Code::kInvalidArgument,
            range_text(memory) + ": expected multiples of the page size, " + std::to_string(page)};
  }
  return check_mappings(memory);
}

// New private pages at the same address, with what is at `contents`.
Status make_private(std::span<std::byte> memory, const std::byte* contents) {
  void* const fresh = mmap(memory.data(), memory.size(), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (fresh == MAP_FAILED) {
    return {Code::kSystem, range_text(memory) + ": cannot map: " + std::strerror(errno)};
  }
  std::memcpy(memory.data(), contents, memory.size());
  return {};
}

}  // namespace

Result<Memory> Communicator::Impl::register_memory(std::span<std::byte> memory) {
  Result<std::size_t> offset =
      take_heap(range_text(memory), memory.size(), check_registrable(memory));
  if (!offset.ok()) return offset.status();
  std::byte* const piece = heap_at(*offset);
  if (memory.empty()) return Memory(piece, 0, this);

  std::memcpy(piece, memory.data(), memory.size());
  void* const mapped =
      mremap(piece, 0, memory.size(), MREMAP_MAYMOVE | MREMAP_FIXED, memory.data());
  if (mapped == MAP_FAILED) {
    // Peers see at the next call that this rank's buffer is elsewhere: only speed is lost.
    const std::string why = std::strerror(errno);
    (void)make_private(memory, piece);
    give_back(piece, memory.size());
    return {Code::kSystem, range_text(memory) + ": cannot map shared pages over it: " + why};
  }
  executor_->add_alias({memory, piece});
  return Memory(memory.data(), memory.size(), this);
}

std::byte* Communicator::Impl::unregister(std::byte* data, std::size_t bytes) {
  std::byte* const piece = executor_->remove_alias(data);
  if (piece == nullptr) return nullptr;
  if (Status status = make_private({data, bytes}, piece); !status.ok()) {
    // The address would be left empty under a caller who still holds it: a crash, later and worse.
    TUTTI_CHECK(false, "%s", status.message().c_str());
  }
  return piece;
}

}  // namespace tutti
