// Groups of ranks on several hosts.

#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti::test {

/// "hosts 0 0 1"; "3 ranks" when they share a host.
inline std::string to_text(const Group& group) {
  if (group.hosts.empty()) return std::to_string(group.ranks) + " ranks";
  std::string text = "hosts";
  for (const int host : group.hosts) {
    text += ' ';
    text += std::to_string(host);
  }
  return text;
}

/// So many ranks on each host, host after host.
inline Group on_hosts_of(const std::vector<int>& sizes) {
  std::vector<int> hosts;
  for (std::size_t host = 0; host < sizes.size(); ++host) {
    hosts.insert(hosts.end(), sizes[host], static_cast<int>(host));
  }
  return Group::on_hosts(hosts);
}

/// Groups of first … last ranks on one host; and some of several hosts that are as large.
inline std::vector<Group> groups(int first, int last) {
  static const std::vector<std::vector<int>> kHosts = {
      {0, 1},
      {0, 1, 2},
      {0, 0, 1},
      {0, 0, 1, 1},
      {0, 1, 0, 1},
      {0, 1, 1, 1, 0},
      {0, 1, 2, 3, 4},
      {0, 0, 0, 1, 2, 2},
      {0, 1, 2, 2, 1, 0, 0},
      {0, 1, 2, 3, 4, 5, 6, 7, 0},
  };
  std::vector<Group> all;
  for (int ranks = first; ranks <= last; ++ranks) all.emplace_back(ranks);
  for (const std::vector<int>& hosts : kHosts) {
    const int ranks = static_cast<int>(hosts.size());
    if (first <= ranks && ranks <= last) all.push_back(Group::on_hosts(hosts));
  }
  return all;
}

/// The roots with which the schedules of a collective differ.
inline std::vector<int> roots_of(Collective collective, int ranks) {
  if (is_scan(collective) && ranks > 1) return {0, ranks - 1};
  const bool has_root = collective == Collective::kBroadcast || collective == Collective::kReduce ||
                        collective == Collective::kGather || collective == Collective::kScatter;
  std::vector<int> roots(has_root ? ranks : 1);
  std::iota(roots.begin(), roots.end(), 0);
  return roots;
}

}  // namespace tutti::test
