// The allocations that a rank lets its peers reach. Tested by cuda_p2p_test.cc.

#include "transports/cuda_p2p/registry.h"

#include "base/check.h"

namespace tutti::cuda_p2p {

Registry::Entry& Registry::add(const Allocation& allocation, const SharedMemory& shared) {
  TUTTI_CHECK(!full());
  if (free_.empty()) free_.insert(next_++);
  Entry entry;
  entry.number = free_.extract(free_.begin()).value();
  entry.shared = shared;
  const auto [place, added] = entries_.emplace(key(allocation), entry);
  TUTTI_CHECK(added);
  return place->second;
}

void Registry::remove(const Allocation& allocation) {
  const auto found = entries_.find(key(allocation));
  TUTTI_CHECK(found != entries_.end());
  free_.insert(found->second.number);
  entries_.erase(found);
}

}  // namespace tutti::cuda_p2p
