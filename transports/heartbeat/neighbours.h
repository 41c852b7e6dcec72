// Who watches whom: places 2^k apart on a circle.
//
// Symmetric, so that watching and being watched is one exchange; about 2 log2(n) neighbours; and
// news that everybody passes on to all its neighbours reaches everybody within log2(n) hops. Tested
// by heartbeat_watch_test.cc.

#pragma once

#include <vector>

namespace tutti::heartbeat {

/// The places that exchange heartbeats with `place` of `places` on the circle, ascending.
std::vector<int> neighbours(int place, int places);

}  // namespace tutti::heartbeat
