// The allocations that a rank lets its peers reach, each under a number, and how often it was asked
// to.
//
// An allocation is known by its base and its identity, so that another one which later lies at the
// same address is not mistaken for it. Numbers are used again. Tested by cuda_p2p_test.cc.

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "device/device.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda_p2p {

class Registry final {
 public:
  struct Entry {
    std::uint64_t number = 0;
    SharedMemory shared;
    int users = 0;  // 0: not yet, or no longer, what all peers reach
  };

  /// Null when it is not there.
  Entry* find(const Allocation& allocation) {
    const auto found = entries_.find(key(allocation));
    return found == entries_.end() ? nullptr : &found->second;
  }

  bool full() const { return free_.empty() && next_ == cuda::kMostShared; }
  /// REQUIRES: not full, and not there.
  Entry& add(const Allocation& allocation, const SharedMemory& shared);
  void remove(const Allocation& allocation);

  const auto& entries() const { return entries_; }

 private:
  using Key = std::pair<std::byte*, std::uint64_t>;
  static Key key(const Allocation& allocation) { return {allocation.base, allocation.identity}; }

  std::map<Key, Entry> entries_;
  std::set<std::uint64_t> free_;
  std::uint64_t next_ = cuda::kOwnBoard + 1;
};

}  // namespace tutti::cuda_p2p
