#include "nccl/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "nccl/cuda.h"
#include "nccl/function.h"
#include "nccl/process.h"

namespace tutti::nccl {
namespace {

constexpr std::size_t kPage = NCCL_WIN_REQUIRED_ALIGNMENT;
constexpr std::size_t kMostBytes = std::size_t{1} << 47;  // of addresses that a program has

Result<void*> allocate_on_host(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) return memory;
  return {Code::kSystem, "no memory for " + std::to_string(bytes) + " bytes: " + strerror(errno)};
}

}  // namespace

Result<void*> MemoryBook::allocate(std::size_t bytes) {
  if (bytes > kMostBytes) {
    return {Code::kInvalidArgument,
            "size is " + std::to_string(bytes) + ": expected at most 2^47 bytes"};
  }
  const std::size_t whole = bytes == 0 ? kPage : (bytes + kPage - 1) / kPage * kPage;
  const int device = current_device();
  const Result<void*> memory = device >= 0 ? allocate_on_device(whole) : allocate_on_host(whole);
  if (!memory.ok()) return memory;
  const std::lock_guard lock(mutex_);
  entries_[*memory] = {whole, device};
  return memory;
}

Status MemoryBook::release(void* memory) {
  if (memory == nullptr) return {};
  Entry entry;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(memory);
    if (found == entries_.end()) {
      return {Code::kInvalidArgument,
              "ptr is not from ncclMemAlloc, or was freed: expected what it has given"};
    }
    entry = found->second;
    entries_.erase(found);
  }
  if (entry.device >= 0) return release_on_device(memory, entry.device);
  munmap(memory, entry.bytes);
  return {};
}

}  // namespace tutti::nccl

using namespace tutti;
using namespace tutti::nccl;

namespace {

// What a system without a GPU refuses is not CUDA's doing.
ncclResult_t answer_memory(const char* function, const Status& status) {
  const ncclResult_t code = answer(function, status);
  return code == ncclSystemError && device_count() > 0 ? ncclUnhandledCudaError : code;
}

}  // namespace

NCCL_FUNCTION(ncclResult_t, ncclMemAlloc, (void** ptr, size_t size)) {
  if (ptr == nullptr) return answer("ncclMemAlloc", is_null("ptr", "room for an address"));
  const Result<void*> memory = process().memory.allocate(size);
  *ptr = memory.ok() ? *memory : nullptr;
  return answer_memory("ncclMemAlloc", memory.status());
}

NCCL_FUNCTION(ncclResult_t, ncclMemFree, (void* ptr)) {
  return answer_memory("ncclMemFree", process().memory.release(ptr));
}
