// Tested by group_test.cc.

#include "algorithms/group.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace tutti {

Group Group::on_hosts(const std::vector<int>& host_of) {
  Group group(static_cast<int>(host_of.size()));
  std::map<int, int> numbers;
  for (const int host : host_of) {
    const int next = static_cast<int>(numbers.size());
    group.hosts.push_back(numbers.try_emplace(host, next).first->second);
  }
  if (numbers.size() <= 1) group.hosts.clear();
  return group;
}

int Group::host_count() const {
  return hosts.empty() ? 1 : 1 + *std::max_element(hosts.begin(), hosts.end());
}

std::vector<int> Group::wanted_ranks() const {
  if (!wanted.empty()) return wanted;
  std::vector<int> all(ranks);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::vector<std::vector<int>> Group::by_host() const {
  std::vector<std::vector<int>> members(host_count());
  for (int rank = 0; rank < ranks; ++rank) members[host_of(rank)].push_back(rank);
  return members;
}

int Group::most_ranks_per_host() const {
  std::size_t most = 0;
  for (const std::vector<int>& members : by_host()) most = std::max(most, members.size());
  return static_cast<int>(most);
}

int Group::least_ranks_per_host() const {
  std::size_t least = ranks;
  for (const std::vector<int>& members : by_host()) least = std::min(least, members.size());
  return static_cast<int>(least);
}

}  // namespace tutti
