// How the ranks of a communicator reach each other: memory inside a host, the network between
// hosts.
//
// Tested by hosts_test.cc.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "algorithms/group.h"
#include "bootstrap/bootstrap.h"
#include "transports/heartbeat/heartbeat.h"
#include "transports/transport.h"
#include "transports/ucx/ucx.h"
#include "tutti/options.h"

namespace tutti {

/// What a communicator shares with those split from it. On several hosts connections are made once,
/// and hearts beat once; the last one to end takes them along.
struct SharedNetwork {
  // The heart stops last: goodbyes may overtake data that is still on its way.
  std::shared_ptr<Heartbeat> heartbeat;
  UcxNetwork ucx;             // null: there is one host
  std::vector<int> ranks;     // by rank: its rank in the communicator that began it
  bool shares_cores = false;  // a host has fewer than ranks; some of these do not have them alone
};

struct Connection {
  std::unique_ptr<Transport> transport;
  SharedNetwork network;
  std::string description;  // "shm", "ucx (tcp on e0)", "shm and ucx (tcp on e0)"
};

/// Collective; fails on every rank when it fails on one. `parent`: the network of the communicator
/// that this one is split from, with `ranks` of the new ranks, or an empty one.
Result<Connection> connect(Bootstrap& bootstrap, const Group& group, std::size_t window_bytes,
                           const Options& options, const SharedNetwork& parent, Deadline deadline);

}  // namespace tutti
