// The transport between ranks of one host: memory that all of them map.
//
// A put is a memcpy and a signal a store, done when they return; flush has nothing to do, and
// map(peer) is never nullptr. Ranks may be processes, threads of one process, or both. Nothing has
// a name in any file system, and nothing is left behind however the ranks end.
//
// A page of a window belongs to the NUMA node of whoever touches it first.
// Tested by transport_test.cc and shm_test.cc.

#pragma once

#include <cstddef>
#include <memory>

#include "bootstrap/bootstrap.h"
#include "transports/transport.h"

namespace tutti {

/// Collective. A window is address space until it is touched: it may be larger than memory.
/// Fails on every rank when it fails on one, naming it: kNotSupported when ranks are on different
/// hosts, kMismatch when they ask for different windows, kSystem with the sizes asked for.
/// `bootstrap` is not used after the return, and for at most kShmAllGathers before.
inline constexpr int kShmAllGathers = 2;
Result<std::unique_ptr<Transport>> make_shm_transport(Bootstrap& bootstrap,
                                                      std::size_t window_bytes, Deadline deadline);

}  // namespace tutti
