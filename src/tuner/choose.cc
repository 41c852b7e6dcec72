#include "tuner/choose.h"

#include <algorithm>
#include <string>

#include "tuner/across_hosts.h"

namespace tutti {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

std::string_view all_reduce(const Question& q) {
  if (q.mapped) return "two_shot_pull";
  // Two ranks reduce twice as much as they must, but meet once instead of twice.
  if (q.group.ranks == 2 && q.bytes >= 512 * kKiB) return "one_shot";
  if (q.reproducible) return q.bytes <= 8 * kKiB ? "one_shot" : "two_shot";
  if (q.group.ranks <= 8) return q.bytes <= 16 * kKiB ? "one_shot" : "two_shot";
  return q.bytes <= 16 * kKiB ? "recursive_doubling" : "two_shot";
}

std::string_view all_gather(const Question& q) {
  if (q.mapped) return "all_pairs_pull";
  if (q.group.ranks > 16 && q.bytes / q.group.ranks <= kKiB && !q.variable) return "bruck";
  if (!q.reachable) return q.bytes <= 32 * kKiB ? "all_pairs" : "ring";
  return q.group.ranks <= 2 || q.bytes <= 32 * kKiB ? "all_pairs" : "all_pairs_pull";
}

std::string_view all_to_all(const Question& q) {
  if (q.in_place) return "staged";
  if (q.mapped && !q.variable) return "all_pairs_pull";
  if (q.group.ranks > 16 && q.bytes / q.group.ranks <= 256 && !q.variable) return "bruck";
  return "all_pairs";
}

std::string_view broadcast(const Question& q) {
  if (q.group.ranks == 2) return q.mapped ? "direct_pull" : "direct";
  if (q.mapped || (q.reachable && q.bytes > 2 * kKiB)) return "direct_pull";
  if (q.bytes > 64 * kKiB) return "scatter_all_gather";
  return q.group.ranks <= 8 ? "direct" : "binomial";
}

std::string_view reduce(const Question& q) {
  if (q.mapped) return q.bytes > 32 * kKiB ? "reduce_scatter_gather_pull" : "direct_pull";
  if (q.group.ranks == 2) return "direct";
  if (q.bytes > 64 * kKiB) return "reduce_scatter_gather";
  return q.group.ranks <= 8 || q.reproducible ? "direct" : "binomial";
}

std::string_view preferred(const Question& q) {
  if (q.group.host_count() > 1) return preferred_across_hosts(q);
  switch (q.collective) {
    case Collective::kAllReduce:
      return all_reduce(q);
    case Collective::kAllGather:
      return all_gather(q);
    case Collective::kReduceScatter:
      return q.mapped ? "all_pairs_pull" : "all_pairs";
    case Collective::kAllToAll:
      return all_to_all(q);
    case Collective::kBroadcast:
      return broadcast(q);
    case Collective::kReduce:
      return reduce(q);
    case Collective::kGather:
      return q.mapped ? "direct_pull" : "direct";
    case Collective::kScatter:
      return q.mapped ? "direct_pull" : "direct";
    case Collective::kBarrier:
      return q.group.ranks <= 4 ? "all_pairs" : "dissemination";
    case Collective::kSendRecv:
      return "direct";
  }
  return "";
}

// Small enough for the caches of two ranks; beyond the caches, and where ranks seldom meet, larger
// ones cost nothing and ranks wait for each other less often.
std::size_t tile_bytes(const Question& q, std::string_view algorithm) {
  // Between hosts a tile is a message: fewer of them, and more under way.
  if (q.group.host_count() > 1) return 128 * kKiB;
  if (algorithm == "one_shot" && q.bytes >= 512 * kKiB) return 128 * kKiB;
  return q.bytes >= 16 * kMiB ? 64 * kKiB : 32 * kKiB;
}

// Why a forced algorithm does not do, or "".
std::string objection(const Question& q, const Algorithm& algorithm) {
  if (!allows(algorithm, q.group)) {
    const int hosts = q.group.host_count();
    return "does not take " + std::to_string(q.group.ranks) + " ranks on " +
           (hosts == 1 ? "one host" : std::to_string(hosts) + " hosts");
  }
  if (q.in_place && !algorithm.in_place) return "does not work in place";
  if (q.variable && !algorithm.variable_counts) return "does not take counts per rank";
  if (!q.reachable && algorithm.pull) return "reads memory of peers, which are on other hosts";
  if (q.reproducible && !algorithm.rank_order)
    return "does not reduce in rank order (reproducible)";
  return "";
}

}  // namespace

Result<Choice> choose(const Question& q) {
  const std::string_view name = q.forced.empty() ? preferred(q) : q.forced;
  Choice choice;
  choice.algorithm = find_algorithm(q.collective, name);
  const std::string what =
      std::string(tutti::name(q.collective)) + " algorithm " + std::string(name);
  if (choice.algorithm == nullptr) return {Code::kInvalidArgument, "there is no " + what};
  if (const std::string why = objection(q, *choice.algorithm); !why.empty()) {
    return {Code::kNotSupported, what + " " + why};
  }
  choice.tile_bytes = tile_bytes(q, name);
  if (q.forced_tile_bytes != 0) choice.tile_bytes = q.forced_tile_bytes;
  choice.lanes = q.group.host_count() > 1 ? 8 : 3;
  if (q.forced_lanes != 0) choice.lanes = q.forced_lanes;
  choice.stream = !q.in_place && q.bytes >= 8 * kMiB;
  return choice;
}

}  // namespace tutti
