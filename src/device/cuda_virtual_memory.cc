// Tested by cuda_driver_test.cc.

#include "device/cuda_virtual_memory.h"

#include <cstdint>
#include <numeric>
#include <string>

namespace tutti {
namespace {

driver::Address address_of(const std::byte* memory) {
  return reinterpret_cast<driver::Address>(memory);
}

}  // namespace

bool CudaVirtualMemory::is_there() const {
  return context_.attribute(driver::kVirtualMemorySupported) != 0 &&
         context_.attribute(driver::kPosixFileSupported) != 0;
}

driver::MemoryProperties CudaVirtualMemory::properties() const {
  driver::MemoryProperties wanted;
  wanted.type = driver::kPinnedMemory;
  wanted.handle_types = driver::kPosixFile;
  wanted.location = {driver::kLocationDevice, context_.device()};
  wanted.gpu_direct_rdma_capable =
      context_.attribute(driver::kGpuDirectRdmaWithVirtualMemorySupported) != 0 ? 1 : 0;
  return wanted;
}

Result<std::size_t> CudaVirtualMemory::rounded(std::size_t bytes, std::size_t unit) const {
  const driver::MemoryProperties wanted = properties();
  std::size_t granularity = 0;
  const Status status = context_.outcome_of(
      "cuMemGetAllocationGranularity",
      context_.driver().memory_granularity(&granularity, &wanted, driver::kGranularityRecommended));
  if (!status.ok()) return status;
  const std::size_t step = std::lcm(unit, granularity);
  return (bytes + step - 1) / step * step;
}

Result<driver::Memory> CudaVirtualMemory::create(std::size_t bytes) const {
  const driver::MemoryProperties wanted = properties();
  driver::Memory memory = 0;
  const Status status =
      context_.outcome_of("cuMemCreate of " + std::to_string(bytes) + " bytes",
                          context_.driver().create_memory(&memory, bytes, &wanted, 0));
  if (!status.ok()) return status;
  return memory;
}

Result<CudaVirtualMemory::Mapped> CudaVirtualMemory::allocate(std::size_t bytes) const {
  const Result<std::size_t> all = rounded(bytes);
  if (!all.ok()) return all.status();
  const Result<driver::Memory> memory = create(*all);
  if (!memory.ok()) return memory.status();
  const Result<std::byte*> base = map(*memory, *all);
  context_.driver().release_memory(*memory);  // the mapping keeps it
  if (!base.ok()) return base.status();
  const Mapped mapped = {*base, *all};
  let_peers_access(mapped);
  return mapped;
}

Result<std::byte*> CudaVirtualMemory::map(driver::Memory memory, std::size_t bytes,
                                          std::size_t alignment) const {
  const Driver& driver = context_.driver();
  driver::Address base = 0;
  Status status = context_.outcome_of("cuMemAddressReserve",
                                      driver.reserve_addresses(&base, bytes, alignment, 0, 0));
  if (!status.ok()) return status;
  status = context_.outcome_of("cuMemMap", driver.map_memory(base, bytes, 0, memory, 0));
  if (!status.ok()) {
    driver.free_addresses(base, bytes);
    return status;
  }
  status = let_access(context_.device(), base, bytes);
  auto* const mapped = reinterpret_cast<std::byte*>(base);
  if (status.ok()) return mapped;
  unmap({mapped, bytes});
  return status;
}

Status CudaVirtualMemory::let_access(int ordinal, driver::Address base, std::size_t bytes) const {
  driver::Access access;
  access.location = {driver::kLocationDevice, ordinal};
  access.flags = driver::kReadAndWrite;
  return context_.outcome_of("cuMemSetAccess",
                             context_.driver().set_access(base, bytes, &access, 1));
}

// Peer access that contexts enable is for memory of cuMemAlloc() only. A device that cannot be let
// in here is one that will not reach this one: CudaDevice::reach() says so.
void CudaVirtualMemory::let_peers_access(const Mapped& mapped) const {
  const Driver& driver = context_.driver();
  int devices = 0;
  if (driver.device_count(&devices) != driver::kSuccess) return;
  for (int peer = 0; peer < devices; ++peer) {
    int can = 0;
    if (peer == context_.device()) continue;
    if (driver.can_access_peer(&can, peer, context_.device()) != driver::kSuccess) continue;
    if (can != 0) static_cast<void>(let_access(peer, address_of(mapped.base), mapped.bytes));
  }
}

void CudaVirtualMemory::unmap(const Mapped& mapped) const {
  const Driver& driver = context_.driver();
  driver.unmap_memory(address_of(mapped.base), mapped.bytes);
  driver.free_addresses(address_of(mapped.base), mapped.bytes);
}

Result<Descriptor> CudaVirtualMemory::export_file(const std::byte* base) const {
  driver::Memory memory = 0;
  const Status status =
      context_.outcome_of("cuMemRetainAllocationHandle",
                          context_.driver().memory_behind(&memory, const_cast<std::byte*>(base)));
  if (!status.ok()) return status;
  Result<Descriptor> file = export_file(memory);
  context_.driver().release_memory(memory);
  return file;
}

Result<Descriptor> CudaVirtualMemory::export_file(driver::Memory memory) const {
  int file = -1;
  const Status status =
      context_.outcome_of("cuMemExportToShareableHandle",
                          context_.driver().export_memory(&file, memory, driver::kPosixFile, 0));
  if (!status.ok()) return status;
  return Descriptor(file);
}

Result<driver::Memory> CudaVirtualMemory::import(const Descriptor& file) const {
  driver::Memory memory = 0;
  auto* const handle = reinterpret_cast<void*>(static_cast<std::intptr_t>(file.number()));
  const Status status =
      context_.outcome_of("cuMemImportFromShareableHandle",
                          context_.driver().import_memory(&memory, handle, driver::kPosixFile));
  if (!status.ok()) return status;
  return memory;
}

Result<std::byte*> CudaVirtualMemory::import_file(const Descriptor& file, std::size_t bytes) const {
  const Result<driver::Memory> memory = import(file);
  if (!memory.ok()) return memory.status();
  const Result<std::byte*> base = map(*memory, bytes);
  context_.driver().release_memory(*memory);  // the mapping keeps it
  return base;
}

}  // namespace tutti
