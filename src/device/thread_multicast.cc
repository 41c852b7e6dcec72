// Tested by cuda_multicast_test.cc.

#include "device/thread_multicast.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <string>
#include <system_error>

namespace tutti {
namespace {

constexpr std::size_t kPage = 4096;

Status failed(const std::string& what) {
  return {Code::kSystem, what + ": " + std::generic_category().message(errno)};
}

Status invalid(const std::string& text) { return {Code::kInvalidArgument, text}; }

}  // namespace

// The first page of the file. Devices take the next number each, and then write their own entry.
struct ThreadMulticast::Header {
  std::size_t bytes;  // of a device, whole pages
  int devices;
  std::atomic<int> joining;
  std::atomic<int> joined;
  Uuid uuids[ThreadMulticastMembers::kMost];
};

ThreadMulticast::Header& ThreadMulticast::header() const {
  return *reinterpret_cast<Header*>(file_->base);
}

Result<Descriptor> ThreadMulticast::make(std::size_t bytes, int devices) {
  if (devices < 1 || devices > ThreadMulticastMembers::kMost) {
    return invalid("multicast among " + std::to_string(devices) + " devices: expected 1 to " +
                   std::to_string(ThreadMulticastMembers::kMost));
  }
  const std::size_t of_each = (bytes + kPage - 1) / kPage * kPage;
  const std::size_t all = kPage + of_each * static_cast<std::size_t>(devices);
  Descriptor file(memfd_create("tutti multicast", MFD_CLOEXEC));
  if (!file.valid()) return failed("memfd_create");
  if (ftruncate(file.number(), static_cast<off_t>(all)) != 0) return failed("ftruncate");
  const Header header{.bytes = of_each, .devices = devices, .joining = 0, .joined = 0, .uuids = {}};
  if (pwrite(file.number(), &header, sizeof header, 0) != sizeof header) return failed("pwrite");
  return file;
}

Result<std::unique_ptr<DeviceMulticast>> ThreadMulticast::join(ThreadMemory& memory,
                                                               const Descriptor& file,
                                                               const Uuid& device) {
  static_assert(sizeof(Header) <= kPage);
  Result<std::shared_ptr<ThreadMemory::Whole>> mapped = memory.map_whole(file);
  if (!mapped.ok()) return mapped.status();
  std::unique_ptr<ThreadMulticast> mine(new ThreadMulticast(std::move(*mapped)));
  Header& header = mine->header();
  mine->member_ = header.joining.fetch_add(1);
  if (mine->member_ >= header.devices) {
    return invalid("all " + std::to_string(header.devices) + " devices have joined already");
  }
  header.uuids[mine->member_] = device;
  header.joined.fetch_add(1);  // pairs with bind()'s load: entries are complete
  return std::unique_ptr<DeviceMulticast>(std::move(mine));
}

Status ThreadMulticast::bind() {
  const Header& shared = header();
  if (shared.joined.load() != shared.devices) {
    return invalid("memory is bound before all devices have joined");
  }
  // By the devices' identifiers, so that sums do not depend on who has joined first.
  std::map<Uuid, std::byte*> memory;
  for (int member = 0; member < shared.devices; ++member) {
    memory[shared.uuids[member]] =
        file_->base + kPage + static_cast<std::size_t>(member) * shared.bytes;
  }
  if (memory.size() != static_cast<std::size_t>(shared.devices)) {
    return invalid("a device has joined twice");
  }
  for (const auto& [uuid, base] : memory) members_.memory[members_.count++] = base;
  own_ = memory[shared.uuids[member_]];
  return {};
}

MulticastMemory ThreadMulticast::memory() const {
  auto* const members = const_cast<ThreadMulticastMembers*>(&members_);  // an address, no memory
  return {own_, reinterpret_cast<std::byte*>(members), header().bytes};
}

}  // namespace tutti
