// Which memory of a process belongs to which of its ThreadDevices: what CUDA's driver knows of all
// GPUs of a process. Any number of threads at once. Tested by device_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "device/device.h"
#include "files/descriptor.h"

namespace tutti {

class ThreadMemory {
 public:
  enum class Kind { kDevice, kImport, kPinned };
  /// Who allocated, imported or pinned. Several objects may stand for one device.
  struct Owner {
    const Device* object = nullptr;
    int ordinal = 0;
  };
  /// What one address belongs to.
  struct Region {
    Kind kind = Kind::kDevice;
    Owner owner;
    Allocation allocation;
    int file = -1;  // behind it; none behind memory of the host

    /// "memory of device 1", "memory of the host, pinned".
    std::string to_string() const;
  };

  ThreadMemory() = default;
  ~ThreadMemory();  // REQUIRES: no device uses any of it any more
  ThreadMemory(const ThreadMemory&) = delete;
  ThreadMemory& operator=(const ThreadMemory&) = delete;

  /// Zeroed; whole pages.
  Result<std::byte*> allocate(const Owner& owner, std::size_t bytes);
  /// Memory of another process, that is behind `file`.
  Result<std::byte*> map(const Owner& owner, std::size_t bytes, Descriptor file);
  /// kInvalidArgument when some of it is known already.
  Status pin(const Owner& owner, std::span<std::byte> memory);

  /// All of a file that several devices use, for as long as somebody has it: the same mapping for
  /// all, so that tools which look for races see that it is the same memory.
  struct Whole {
    std::byte* base = nullptr;
    std::size_t bytes = 0;
    Whole(std::byte* at, std::size_t size) : base(at), bytes(size) {}
    ~Whole();
    Whole(const Whole&) = delete;
    Whole& operator=(const Whole&) = delete;
  };
  Result<std::shared_ptr<Whole>> map_whole(const Descriptor& file);

  std::optional<Region> find(const void* address) const;
  /// REQUIRES: starts at `base`. Unmapped, unless it is memory of the host.
  void remove(std::byte* base);
  /// All of an owner's.
  void remove_all(const Device* object);

 private:
  struct Held {
    Region region;
    Descriptor file;
  };
  using Table = std::map<std::uintptr_t, Held>;  // by base

  const Region* find_locked(const void* address) const;
  Result<std::byte*> add(Kind kind, const Owner& owner, std::size_t bytes, Descriptor file);
  static void unmap(const Region& region);

  mutable std::mutex mutex_;
  Table regions_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::weak_ptr<Whole>> wholes_;  // by file
  std::uint64_t identities_ = 0;
};

}  // namespace tutti
