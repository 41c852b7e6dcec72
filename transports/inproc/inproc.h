// A transport for tests: the ranks are threads of one process, and the wire is as bad as allowed.
//
// Mapped, it is what shared memory is: puts and signals are done when they return. Unmapped, it is
// what a network is: one delivery thread per sender takes puts and signals to the peers later, in
// order per (sender, peer) and in any interleaving between peers, and reads a put's source only
// then. A rank that changes a source too early is therefore seen to.
//
// Destroying a transport delivers what it still has to deliver, without delay; sources must last
// until then. Windows live until the last transport of their group is gone.
// Free of data races where it is used as transport.h says, so that ThreadSanitizer judges callers.
// Tested by transport_test.cc and inproc_test.cc.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "transports/transport.h"

namespace tutti {

/// What goes wrong, from the moment of the call. Any thread may call.
class InprocFaults {
 public:
  /// Drops everything from one rank to another that is not yet delivered.
  void cut(int from, int to);
  /// The rank counts as ended: check() says so, and nothing leaves it any more. Stores through
  /// map() cannot be stopped.
  void kill(int rank);

  bool drops(int from, int to) const;
  bool killed(int rank) const;

 private:
  mutable std::mutex mutex_;
  std::set<std::pair<int, int>> cut_;
  std::set<int> killed_;
};

struct InprocOptions {
  bool mapped = false;
  std::chrono::microseconds max_delay{0};  // unmapped: each delivery takes 0 to this long
  std::uint64_t seed = 1;                  // of the delays
  InprocFaults* faults = nullptr;          // must outlive the transports
};

/// One transport a rank, in rank order.
std::vector<std::unique_ptr<Transport>> make_inproc_transports(int ranks, std::size_t window_bytes,
                                                               InprocOptions options);

}  // namespace tutti
