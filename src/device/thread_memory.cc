// The memory of a device is an anonymous file, mapped: other processes can map it too.
// Tested by device_test.cc.

#include "device/thread_memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace tutti {
namespace {

constexpr std::size_t kLargest = std::size_t{1} << 46;  // an address space has 47 bits

Status failed(const std::string& what, int error) {
  return {Code::kSystem, what + ": " + std::generic_category().message(error)};
}

std::size_t mapped_bytes(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

Result<Descriptor> make_file(std::size_t bytes) {
  Descriptor file(memfd_create("tutti device", MFD_CLOEXEC));
  if (!file.valid()) return failed("memfd_create", errno);
  if (ftruncate(file.number(), static_cast<off_t>(bytes)) != 0) return failed("ftruncate", errno);
  return file;
}

Result<std::byte*> map_file(std::size_t bytes, const Descriptor& file) {
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.number(), 0);
  if (memory == MAP_FAILED) return failed("mmap", errno);
  return static_cast<std::byte*>(memory);
}

}  // namespace

std::string ThreadMemory::Region::to_string() const {
  const std::string device = "device " + std::to_string(owner.ordinal);
  switch (kind) {
    case Kind::kDevice:
      return "memory of " + device;
    case Kind::kImport:
      return "memory of another process, imported by " + device;
    case Kind::kPinned:
      return "memory of the host, pinned by " + device;
  }
  return "";
}

ThreadMemory::~ThreadMemory() {
  for (const auto& [base, held] : regions_) unmap(held.region);
}

Result<std::byte*> ThreadMemory::allocate(const Owner& owner, std::size_t bytes) {
  if (bytes == 0 || bytes > kLargest) {
    return {Code::kInvalidArgument, "cannot allocate " + std::to_string(bytes) +
                                        " bytes, expected 1 to " + std::to_string(kLargest)};
  }
  Result<Descriptor> file = make_file(mapped_bytes(bytes));
  if (!file.ok()) return file.status();
  return add(Kind::kDevice, owner, bytes, std::move(*file));
}

Result<std::byte*> ThreadMemory::map(const Owner& owner, std::size_t bytes, Descriptor file) {
  struct stat status = {};
  if (fstat(file.number(), &status) != 0) return failed("fstat", errno);
  if (bytes == 0 || static_cast<std::size_t>(status.st_size) < bytes) {
    return {Code::kInvalidArgument, "the file shared has " + std::to_string(status.st_size) +
                                        " bytes, expected " + std::to_string(bytes)};
  }
  return add(Kind::kImport, owner, bytes, std::move(file));
}

Result<std::byte*> ThreadMemory::add(Kind kind, const Owner& owner, std::size_t bytes,
                                     Descriptor file) {
  const Result<std::byte*> base = map_file(mapped_bytes(bytes), file);
  if (!base.ok()) return base;
  const std::scoped_lock lock(mutex_);
  const Allocation allocation = {*base, bytes, ++identities_, kind == Kind::kDevice};
  const Region region = {kind, owner, allocation, file.number()};
  regions_[reinterpret_cast<std::uintptr_t>(*base)] = {region, std::move(file)};
  return base;
}

ThreadMemory::Whole::~Whole() { munmap(base, bytes); }

Result<std::shared_ptr<ThreadMemory::Whole>> ThreadMemory::map_whole(const Descriptor& file) {
  struct stat status = {};
  if (fstat(file.number(), &status) != 0) return failed("fstat", errno);
  const std::scoped_lock lock(mutex_);
  std::weak_ptr<Whole>& known = wholes_[{status.st_dev, status.st_ino}];
  if (std::shared_ptr<Whole> whole = known.lock()) return whole;
  const auto bytes = static_cast<std::size_t>(status.st_size);
  const Result<std::byte*> base = map_file(bytes, file);
  if (!base.ok()) return base.status();
  auto whole = std::make_shared<Whole>(*base, bytes);
  known = whole;
  return whole;
}

Status ThreadMemory::pin(const Owner& owner, std::span<std::byte> memory) {
  const std::scoped_lock lock(mutex_);
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
  const Region* known = find_locked(memory.data());
  const auto next = regions_.lower_bound(begin);
  if (next != regions_.end() && next->first - begin < memory.size()) known = &next->second.region;
  if (known != nullptr) {
    return {Code::kInvalidArgument, "the memory to pin is " + known->to_string()};
  }
  const Allocation all = {memory.data(), memory.size(), ++identities_};
  regions_[begin] = {{Kind::kPinned, owner, all, -1}, Descriptor()};
  return {};
}

std::optional<ThreadMemory::Region> ThreadMemory::find(const void* address) const {
  const std::scoped_lock lock(mutex_);
  const Region* const region = find_locked(address);
  return region == nullptr ? std::nullopt : std::optional(*region);
}

const ThreadMemory::Region* ThreadMemory::find_locked(const void* address) const {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  const auto after = regions_.upper_bound(wanted);
  if (after == regions_.begin()) return nullptr;
  const auto& [base, held] = *std::prev(after);
  return wanted - base < held.region.allocation.bytes ? &held.region : nullptr;
}

void ThreadMemory::remove(std::byte* base) {
  const std::scoped_lock lock(mutex_);
  const auto found = regions_.find(reinterpret_cast<std::uintptr_t>(base));
  TUTTI_CHECK(found != regions_.end(), "no memory begins at %p", static_cast<void*>(base));
  unmap(found->second.region);
  regions_.erase(found);
}

void ThreadMemory::remove_all(const Device* object) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(regions_, [&](const Table::value_type& one) {
    const Region& region = one.second.region;
    if (region.owner.object == object) unmap(region);
    return region.owner.object == object;
  });
}

void ThreadMemory::unmap(const Region& region) {
  if (region.kind == Kind::kPinned) return;
  munmap(region.allocation.base, mapped_bytes(region.allocation.bytes));
}

}  // namespace tutti
