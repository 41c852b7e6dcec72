// Tested by cuda_driver_test.cc.

#include "device/cuda_memory.h"

#include <unistd.h>

#include <cstring>

#include "base/check.h"
#include "device/cuda_allocation.h"
#include "device/cuda_multicast.h"
#include "device/hexadecimal.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeToClear = 60s;
constexpr std::size_t kLargest = std::size_t{1} << 47;  // so that rounding up stays a number

driver::Address address_of(const std::byte* memory) {
  return reinterpret_cast<driver::Address>(memory);
}

}  // namespace

CudaMemory::CudaMemory(const CudaContext& context, const CudaStreams& streams)
    : context_(context),
      streams_(streams),
      virtual_memory_(context),
      makes_virtual_(virtual_memory_.is_there()) {}

CudaMemory::~CudaMemory() {
  const SetupContext current(context_);
  imports_.close_all([&](const SharedMemory& shared, std::byte* mapped) { unmap(shared, mapped); });
  for (const auto& [memory, own] : owned_) give_back(memory, own);
}

Result<std::byte*> CudaMemory::allocate(std::size_t bytes) {
  if (bytes == 0 || bytes > kLargest) {
    return {Code::kInvalidArgument, "cannot allocate " + std::to_string(bytes) +
                                        " bytes, expected 1 to " + std::to_string(kLargest)};
  }
  const SetupContext current(context_);
  Own own;
  const Result<std::byte*> memory = obtain(bytes, own);
  if (!memory.ok()) return memory;
  if (Status status = clear(*memory, own.bytes); !status.ok()) {
    give_back(*memory, own);
    return status;
  }
  const std::scoped_lock lock(mutex_);
  owned_[*memory] = own;
  return memory;
}

Result<std::byte*> CudaMemory::obtain(std::size_t bytes, Own& own) const {
  if (makes_virtual_) {
    const Result<CudaVirtualMemory::Mapped> mapped = virtual_memory_.allocate(bytes);
    if (!mapped.ok()) return mapped.status();
    own = {mapped->bytes, true};
    return mapped->base;
  }
  driver::Address base = 0;
  const Status status = context_.outcome_of("cuMemAlloc of " + std::to_string(bytes) + " bytes",
                                            context_.driver().allocate(&base, bytes));
  if (!status.ok()) return status;
  own = {bytes, false};
  return reinterpret_cast<std::byte*>(base);
}

void CudaMemory::give_back(std::byte* memory, const Own& own) const {
  if (own.is_virtual) {
    virtual_memory_.unmap({memory, own.bytes});
  } else {
    context_.driver().free(address_of(memory));
  }
}

// In a stream that waits for no other, as a default stream would; and that takes none of the GPU's
// few queues for longer.
Status CudaMemory::clear(std::byte* memory, std::size_t bytes) const {
  const Result<Stream> stream = streams_.make_stream();
  if (!stream.ok()) return stream.status();
  Status status = streams_.zero(*stream, memory, bytes);
  if (status.ok()) status = streams_.synchronize(*stream, kTimeToClear);
  streams_.end_stream(*stream);
  return status;
}

void CudaMemory::release(std::byte* memory) {
  const SetupContext current(context_);
  std::unique_lock lock(mutex_);
  const auto owned = owned_.find(memory);
  TUTTI_CHECK(owned != owned_.end(), "%p was not allocated here", static_cast<void*>(memory));
  const Own own = owned->second;
  owned_.erase(owned);
  lock.unlock();
  const Result<Allocation> allocation = allocation_of(memory);
  if (allocation.ok()) exports_.withdraw_all(allocation->identity);
  give_back(memory, own);
}

Result<Allocation> CudaMemory::allocation_of(const void* address) const {
  if (imports_.hold(address)) {
    return {Code::kInvalidArgument, hexadecimal(address) +
                                        " is memory of another process, imported by device " +
                                        std::to_string(context_.ordinal())};
  }
  // Whether memory is virtual is asked by a function that the driver might refuse during captures.
  const SetupContext current(context_);
  const Result<CudaAllocation> found = cuda_allocation_of(context_, address);
  if (!found.ok()) return found.status();
  return found->allocation;
}

Result<SharedMemory> CudaMemory::share(const Allocation& allocation) {
  const SetupContext current(context_);
  const Result<CudaAllocation> found = cuda_allocation_of(context_, allocation.base);
  if (!found.ok()) return found.status();
  if (found->allocation != allocation) {
    return {Code::kInvalidArgument, "the allocation at " + hexadecimal(allocation.base) +
                                        " has ended: there is another at its address"};
  }
  switch (found->kind) {
    case CudaAllocation::Kind::kPlain:
      if (found->can_be_exported) return share_by_handle(allocation);
      return {Code::kNotSupported, "this driver gives no handles (CUDA IPC) of memory of device " +
                                       std::to_string(context_.ordinal())};
    case CudaAllocation::Kind::kPool:
      return {Code::kNotSupported,
              "memory of a pool (cudaMallocAsync) is not shared between processes; expected "
              "cudaMalloc, or cuMemCreate with a file descriptor as handle"};
    case CudaAllocation::Kind::kVirtual:
      break;
  }
  if (!found->can_be_exported) {
    return {Code::kNotSupported,
            "the memory was made (cuMemCreate) without a file descriptor as handle, so that it "
            "cannot be shared between processes"};
  }
  Result<Descriptor> file = virtual_memory_.export_file(allocation.base);
  if (!file.ok()) return file.status();
  return exports_.add(allocation, std::move(*file));
}

Result<SharedMemory> CudaMemory::share_by_handle(const Allocation& allocation) const {
  driver::IpcHandle handle = {};
  const Status status = context_.outcome_of(
      "cuIpcGetMemHandle", context_.driver().export_ipc(&handle, address_of(allocation.base)));
  if (!status.ok()) return status;
  SharedMemory shared;
  shared.kind = SharedMemory::Kind::kHandle;
  shared.process = getpid();
  static_assert(sizeof shared.handle == sizeof handle.bytes);
  std::memcpy(shared.handle.data(), handle.bytes, sizeof handle.bytes);
  shared.bytes = allocation.bytes;
  shared.identity = allocation.identity;
  return shared;
}

void CudaMemory::withdraw(const SharedMemory& shared) { exports_.withdraw(shared); }

Result<std::byte*> CudaMemory::import_memory(const SharedMemory& shared) {
  const SetupContext current(context_);
  return imports_.open(shared, [&](const SharedMemory& one) { return map(one); });
}

void CudaMemory::close_import(std::byte* memory) {
  const SetupContext current(context_);
  imports_.close(memory,
                 [&](const SharedMemory& shared, std::byte* mapped) { unmap(shared, mapped); });
}

Result<std::byte*> CudaMemory::map(const SharedMemory& shared) const {
  switch (shared.kind) {
    case SharedMemory::Kind::kNone:
      break;
    case SharedMemory::Kind::kFile: {
      const Result<Descriptor> file = file_behind(shared);
      if (!file.ok()) return file.status();
      return virtual_memory_.import_file(*file, shared.bytes);
    }
    case SharedMemory::Kind::kHandle: {
      driver::IpcHandle handle = {};
      std::memcpy(handle.bytes, shared.handle.data(), sizeof handle.bytes);
      driver::Address base = 0;
      const Status status = context_.outcome_of(
          "cuIpcOpenMemHandle of memory of process " + std::to_string(shared.process),
          context_.driver().open_ipc(&base, handle, driver::kLazyPeerAccess));
      if (!status.ok()) return status;
      return reinterpret_cast<std::byte*>(base);
    }
  }
  return {Code::kInvalidArgument, "there is no shared memory to import: of no kind"};
}

void CudaMemory::unmap(const SharedMemory& shared, std::byte* memory) const {
  if (shared.kind == SharedMemory::Kind::kFile) {
    virtual_memory_.unmap({memory, shared.bytes});
  } else {
    context_.driver().close_ipc(address_of(memory));
  }
}

Result<SharedMemory> CudaMemory::make_multicast(std::size_t bytes, int devices) {
  const SetupContext current(context_);
  Result<Descriptor> file = CudaMulticast::make(context_, bytes, devices);
  if (!file.ok()) return file.status();
  return exports_.add({.bytes = bytes}, std::move(*file));
}

Result<std::unique_ptr<DeviceMulticast>> CudaMemory::join_multicast(
    const SharedMemory& shared) const {
  const SetupContext current(context_);
  const Result<Descriptor> file = file_behind(shared);
  if (!file.ok()) return file.status();
  return CudaMulticast::join(context_, *file, shared.bytes);
}

Result<std::byte*> CudaMemory::pin(std::span<std::byte> memory) const {
  if (memory.empty()) return {Code::kInvalidArgument, "there is no memory to pin: 0 bytes"};
  const SetupContext current(context_);
  const Driver& driver = context_.driver();
  Status status =
      context_.outcome_of("cuMemHostRegister of " + std::to_string(memory.size()) + " bytes",
                          driver.host_register(memory.data(), memory.size(),
                                               driver::kHostPortable | driver::kHostDeviceMap));
  if (!status.ok()) return status;
  driver::Address seen = 0;
  status = context_.outcome_of("cuMemHostGetDevicePointer",
                               driver.host_device_address(&seen, memory.data(), 0));
  if (status.ok()) return reinterpret_cast<std::byte*>(seen);
  driver.host_unregister(memory.data());
  return status;
}

void CudaMemory::unpin(std::byte* host_memory) const {
  const SetupContext current(context_);
  context_.driver().host_unregister(host_memory);  // fails once the device is broken
}

}  // namespace tutti
