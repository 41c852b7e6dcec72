// The allocations of peers that a rank has opened, each once and closed once.
//
// Tested by cuda_p2p_test.cc.

#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "device/device.h"

namespace tutti::cuda_p2p {

class Imports final {
 public:
  /// `device` must outlive the imports.
  explicit Imports(Device& device) : device_(device) {}
  ~Imports() {
    for (const auto& [from, base] : open_) device_.close_import(base);
  }
  Imports(const Imports&) = delete;
  Imports& operator=(const Imports&) = delete;

  /// The base, as seen here. Closes what had that number before.
  Result<std::byte*> open(int peer, std::uint64_t number, const SharedMemory& shared) {
    close(peer, number);
    const Result<std::byte*> base = device_.import_memory(shared);
    if (base.ok()) open_[{peer, number}] = *base;
    return base;
  }

  /// Nothing, when that is not open: what a rank reaches by address never was.
  void close(int peer, std::uint64_t number) {
    const auto found = open_.find({peer, number});
    if (found == open_.end()) return;
    device_.close_import(found->second);
    open_.erase(found);
  }

 private:
  Device& device_;
  std::map<std::pair<int, std::uint64_t>, std::byte*> open_;
};

}  // namespace tutti::cuda_p2p
