// A group as hosts that are joined by rails.
//
// A rail is one lane between all hosts. There are as many as the largest host has ranks; on each
// host one of its ranks owns a rail, and owns several where the host has fewer ranks than there are
// rails. A rank owns the rail of its own number on its host.

#pragma once

#include <vector>

#include "algorithms/group.h"

namespace tutti {

struct Rails {
  int ranks;
  std::vector<std::vector<int>> hosts;  // by host: its ranks, in order
  int count;

  explicit Rails(const Group& group)
      : ranks(group.ranks), hosts(group.by_host()), count(group.most_ranks_per_host()) {}

  int host_count() const { return static_cast<int>(hosts.size()); }
  int size(int host) const { return static_cast<int>(hosts[host].size()); }
  int place_of_owner(int host, int rail) const { return rail % size(host); }
  int owner(int host, int rail) const { return hosts[host][place_of_owner(host, rail)]; }

  /// By host: the owner of a rail.
  std::vector<int> owners(int rail) const {
    std::vector<int> ranks;
    for (int host = 0; host < host_count(); ++host) ranks.push_back(owner(host, rail));
    return ranks;
  }

  /// Calls visit(host, rail, rank) for each rank and the rail of its own number.
  template <class Visit>
  void for_each_rank(const Visit& visit) const {
    for (int host = 0; host < host_count(); ++host) {
      for (int rail = 0; rail < size(host); ++rail) visit(host, rail, hosts[host][rail]);
    }
  }
};

}  // namespace tutti
