// A transport of two: ranks of this host through one that maps their memory, all others through
// another.
//
// A rank's window is the same in both: the far transport must have been given the near one's.
// Whoever is found to be lost is reported to everybody. Tested by transport_test.cc and
// hosts_survivors_test.cc.

#pragma once

#include <memory>
#include <vector>

#include "transports/heartbeat/heartbeat.h"
#include "transports/transport.h"

namespace tutti {

struct JointParts {
  std::unique_ptr<Transport> near;
  std::vector<int> near_ranks;  // by rank: its rank in `near`, or -1
  std::unique_ptr<Transport> far;
  std::shared_ptr<Heartbeat> heartbeat;  // shared by all communicators on one network
  std::vector<int> heartbeat_ranks;      // by rank: its rank there
};

std::unique_ptr<Transport> make_joint_transport(JointParts parts);

}  // namespace tutti
