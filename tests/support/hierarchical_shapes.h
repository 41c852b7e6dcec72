// What must hold for every hierarchical algorithm, whatever hosts there are.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "algorithms/catalog.h"
#include "algorithms/crossing.h"
#include "groups.h"
#include "schedule/verify.h"

namespace tutti::test {

/// Every algorithm that needs several hosts, with the first and last rank and one in between as
/// roots where there is one.
inline void for_each_hierarchical(
    const Group& group, const std::function<void(const Algorithm&, const Schedule&)>& visit) {
  for (const Algorithm& algorithm : catalog()) {
    if (allows(algorithm, 2) || !allows(algorithm, group)) continue;
    visit(algorithm, algorithm.make(group, 0));
    const bool rooted = algorithm.collective == Collective::kBroadcast ||
                        algorithm.collective == Collective::kReduce;
    if (!rooted) continue;
    visit(algorithm, algorithm.make(group, group.ranks - 1));
    if (group.ranks > 2) visit(algorithm, algorithm.make(group, group.ranks / 2));
  }
}

/// All numbers of ranks on 2 … most_hosts hosts, in falling order; ranks follow each other on a
/// host, or, with `scattered`, are dealt out at random.
inline std::vector<Group> shapes_of_hosts(int most_hosts, int most_ranks, bool scattered = false) {
  std::vector<Group> all;
  std::vector<int> sizes;
  std::mt19937 random(1);
  const std::function<void(int)> extend = [&](int most) {
    if (sizes.size() > 1) {
      all.push_back(on_hosts_of(sizes));
      if (scattered) {
        std::vector<int> hosts = all.back().hosts;
        std::shuffle(hosts.begin(), hosts.end(), random);
        all.back() = Group::on_hosts(hosts);
      }
    }
    if (static_cast<int>(sizes.size()) == most_hosts) return;
    for (int size = most; size > 0; --size) {
      sizes.push_back(size);
      extend(size);
      sizes.pop_back();
    }
  };
  extend(most_ranks);
  return all;
}

inline std::string where(const Algorithm& algorithm, const Group& group, int root) {
  return std::string(name(algorithm.collective)) + " " + std::string(algorithm.name) + ", " +
         to_text(group) + ", root " + std::to_string(root);
}

inline void expect_right(const Group& group) {
  for_each_hierarchical(group, [&](const Algorithm& algorithm, const Schedule& schedule) {
    EXPECT_EQ(verify(schedule), "") << where(algorithm, group, schedule.root);
    EXPECT_FALSE(needs_mapped(schedule)) << where(algorithm, group, schedule.root);
    if (!algorithm.in_place) return;
    EXPECT_EQ(verify(schedule, Placement::kInPlace), "") << where(algorithm, group, schedule.root);
  });
}

// ---- what crosses between hosts

/// How the hosts of a rail talk to each other: messages after each other at most, and how many of
/// them one talks to.
struct RailCost {
  int crossings;
  int peers;
};

inline RailCost rail_cost(std::string_view algorithm, int hosts) {
  const int up = std::bit_width(static_cast<unsigned>(hosts - 1));  // log2, rounded up
  const int down = std::bit_width(static_cast<unsigned>(hosts)) - 1;
  const std::string_view between = algorithm.substr(algorithm.find('_') + 1);
  if (between == "ring") return {hosts - 1, 2};
  if (between == "binomial" || between == "dissemination" || between == "bruck")
    return {up, 2 * up};
  if (between == "doubling") return up == down ? RailCost{up, up} : RailCost{down + 2, down + 1};
  return {1, hosts - 1};
}

/// By host: how many ranks it has.
inline std::vector<int> sizes_of(const Group& group) {
  std::vector<int> sizes;
  for (const auto& ranks : group.by_host()) sizes.push_back(static_cast<int>(ranks.size()));
  return sizes;
}

/// The chunks that a host must send and receive at least, where that is not up to the algorithm.
struct LeastTraffic {
  std::optional<int> sent;
  std::optional<int> received;
};

inline LeastTraffic least_traffic(const Group& group, const Schedule& schedule, int host) {
  const std::vector<int> sizes = sizes_of(group);
  const int hosts = static_cast<int>(sizes.size()), others = group.ranks - sizes[host];
  const int home = group.host_of(schedule.root), whole = schedule.chunks;
  switch (schedule.collective) {
    case Collective::kAllReduce: {
      const int part = 2 * (hosts - 1) * whole / hosts;
      return {part, part};
    }
    case Collective::kAllGather:
      return {std::nullopt, others};
    case Collective::kReduceScatter:
      return {others, std::nullopt};
    case Collective::kAllToAll:
      return {others * sizes[host], others * sizes[host]};
    case Collective::kBroadcast:
      return {std::nullopt, host == home ? 0 : whole};
    case Collective::kReduce:
      return {host == home ? 0 : whole, std::nullopt};
    case Collective::kBarrier:
      return {0, 0};
    case Collective::kGather:
    case Collective::kScatter:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;
  }
  return {};
}

/// Those whose few crossings cost more bytes than the least.
inline bool trades_bytes_for_crossings(std::string_view algorithm, int hosts) {
  return hosts > 2 && (algorithm == "hierarchical_doubling" ||
                       algorithm == "hierarchical_one_shot" || algorithm == "hierarchical_bruck");
}

inline void expect_crossings_as_said(const Group& group) {
  const std::vector<int> sizes = sizes_of(group);
  const int hosts = static_cast<int>(sizes.size());
  const int most = *std::max_element(sizes.begin(), sizes.end());
  for_each_hierarchical(group, [&](const Algorithm& algorithm, const Schedule& schedule) {
    SCOPED_TRACE(where(algorithm, group, schedule.root));
    const Crossing crossed = crossing(schedule, group);
    const RailCost rail = rail_cost(algorithm.name, hosts);
    // Sums up, then results down; but exchanges give results at once.
    const bool twice = algorithm.collective == Collective::kAllReduce &&
                       !algorithm.name.ends_with("doubling") && !algorithm.name.ends_with("shot");
    EXPECT_LE(crossed.steps, rail.crossings * (twice ? 2 : 1));
    EXPECT_GE(crossed.steps, 1);
    for (int rank = 0; rank < group.ranks; ++rank) {
      const int size = sizes[group.host_of(rank)];
      EXPECT_LE(crossed.peers[rank], rail.peers * ((most + size - 1) / size)) << rank;
    }
    if (trades_bytes_for_crossings(algorithm.name, hosts)) return;
    for (int host = 0; host < hosts; ++host) {
      const LeastTraffic least = least_traffic(group, schedule, host);
      EXPECT_EQ(crossed.chunks_sent[host], least.sent.value_or(crossed.chunks_sent[host])) << host;
      EXPECT_EQ(crossed.chunks_received[host],
                least.received.value_or(crossed.chunks_received[host]))
          << host;
    }
  });
}

}  // namespace tutti::test
