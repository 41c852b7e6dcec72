// Tested by topology_join_test.cc.

#include <algorithm>

#include "topology/place_rank.h"
#include "tutti/topology.h"

namespace tutti {

Topology join(const std::vector<Topology>& parts) {
  Topology all;
  for (const Topology& part : parts) {
    for (const TopologyHost& host : part.hosts) {
      const auto is_same = [&](const TopologyHost& other) {
        return !host.id.empty() && other.id == host.id;
      };
      const auto known = std::find_if(all.hosts.begin(), all.hosts.end(), is_same);
      if (known == all.hosts.end()) {
        all.hosts.push_back(host);
      } else {
        copy_ranks(host, *known);
      }
    }
  }
  return all;
}

}  // namespace tutti
