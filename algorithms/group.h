// What an algorithm knows of those it is for: how many ranks, and which of them share a host.

#pragma once

#include <vector>

namespace tutti {

/// A value. Hosts are numbered 0, 1, … in the order of their lowest ranks.
struct Group {
  int ranks = 1;
  std::vector<int> hosts;   // by rank: the number of its host; empty when there is one host only
  std::vector<int> wanted;  // ranks, in order, whose programs are to be made; empty: those of all

  /// Ranks of one host. Not explicit: to most algorithms a number of ranks is all there is to know.
  Group(int ranks = 1) : ranks(ranks) {}  // NOLINT

  /// `host_of` says for each rank which host it is on, by any numbers.
  static Group on_hosts(const std::vector<int>& host_of);

  int host_of(int rank) const { return hosts.empty() ? 0 : hosts[rank]; }
  int host_count() const;
  int most_ranks_per_host() const;
  int least_ranks_per_host() const;

  /// Those of `wanted`, or all.
  std::vector<int> wanted_ranks() const;

  /// By host: its ranks, in order.
  std::vector<std::vector<int>> by_host() const;

  bool operator==(const Group&) const = default;
};

}  // namespace tutti
