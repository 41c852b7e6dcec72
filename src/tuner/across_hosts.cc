// Where hosts have several ranks, hierarchical algorithms, which cross between hosts least; where
// each rank has a host of its own, those for any ranks that put. Only few ranks talk to all others:
// a connection for each costs memory and the first call.
//
// Tested by across_hosts_test.cc.

#include "tuner/across_hosts.h"

namespace tutti {
namespace {

constexpr std::size_t kKiB = 1024;

// TODO(perf): measure these between real hosts.
constexpr std::size_t kSmall = 16 * kKiB;     // up to here the number of crossings is what counts
constexpr std::size_t kMedium = 256 * kKiB;   // and up to here it still does
constexpr std::size_t kCached = 1024 * kKiB;  // about a core's own cache
constexpr std::size_t kTiny = 256;            // the part of a rank, up to which hops cost nothing
constexpr int kFewHosts = 4;                  // each may talk to all others
constexpr int kFewRanks = 8;                  // the same, where each is a host
constexpr int kFewForAllToAll = 16;           // the same, where all have something for all others

bool has_single_ranks(const Question& q) { return q.group.host_count() == q.group.ranks; }
bool is_small(const Question& q) { return q.bytes <= kSmall; }

// ---- every rank is a host, or the order of ranks matters

std::string_view flat_all_reduce(const Question& q) {
  const int ranks = q.group.ranks;
  // Two ranks reduce twice as much as they must, but meet once instead of twice. That pays where a
  // meeting is long, and again where memory is slow; between, all fits a core's own cache.
  if (ranks == 2) return q.bytes >= kCached && q.bytes < 4 * kCached ? "two_shot" : "one_shot";
  if (q.reproducible || ranks <= kFewRanks) return is_small(q) ? "one_shot" : "two_shot";
  return is_small(q) ? "recursive_doubling" : "ring";
}

std::string_view flat_all_gather(const Question& q) {
  if (q.group.ranks <= kFewRanks) return "all_pairs";
  return is_small(q) ? "bruck" : "ring";
}

std::string_view flat_reduce_scatter(const Question& q) {
  if (q.group.ranks <= kFewRanks || q.reproducible || q.variable) return "all_pairs";
  return is_small(q) ? "recursive_halving" : "ring";
}

std::string_view flat_broadcast(const Question& q) {
  if (q.group.ranks == 2) return "direct";
  if (!is_small(q)) return q.group.ranks <= kFewRanks ? "scatter_all_gather" : "ring";
  return q.group.ranks <= kFewRanks ? "direct" : "binomial";
}

std::string_view flat_reduce(const Question& q) {
  const bool few = q.group.ranks <= kFewRanks || q.reproducible;
  if (q.group.ranks == 2) return "direct";
  if (!is_small(q)) return few ? "reduce_scatter_gather" : "ring";
  return few ? "direct" : "binomial";
}

// ---- hosts have several ranks

// Passing chunks on between hosts, where every way sends the same over the network.
std::string_view passing_on(const Question& q) {
  if (q.group.host_count() <= kFewHosts) return "hierarchical_direct";
  return q.bytes <= kMedium ? "hierarchical_binomial" : "hierarchical_ring";
}

// The same where one host sends or receives for all.
std::string_view passing_on_for_one(const Question& q) {
  if (q.group.host_count() == 2) return "hierarchical_direct";
  return is_small(q) ? passing_on(q) : "hierarchical_ring";
}

std::string_view all_reduce(const Question& q) {
  if (has_single_ranks(q) || q.reproducible) return flat_all_reduce(q);
  // Between two hosts an exchange sends no more than anything else, and crosses once.
  if (q.group.host_count() == 2) return "hierarchical_one_shot";
  if (!is_small(q)) return passing_on(q);
  return q.group.host_count() <= kFewHosts ? "hierarchical_one_shot" : "hierarchical_doubling";
}

std::string_view reduce_scatter(const Question& q) {
  const bool flat = has_single_ranks(q) || q.reproducible || q.variable;
  return flat ? flat_reduce_scatter(q) : passing_on(q);
}

std::string_view all_to_all(const Question& q) {
  const bool tiny = q.bytes / q.group.ranks <= kTiny && !q.variable;
  if (q.group.ranks <= kFewForAllToAll || has_single_ranks(q)) {
    if (q.in_place) return "staged";
    return q.group.ranks > kFewForAllToAll && tiny ? "bruck" : "all_pairs";
  }
  if (q.in_place) return q.variable ? "staged" : "hierarchical_staged";
  const bool many_hosts = q.group.host_count() > kFewForAllToAll;
  return many_hosts && tiny ? "hierarchical_bruck" : "hierarchical_all_pairs";
}

std::string_view barrier(const Question& q) {
  if (has_single_ranks(q)) return q.group.ranks <= kFewHosts ? "all_pairs" : "dissemination";
  return q.group.host_count() <= kFewHosts ? "hierarchical_all_pairs"
                                           : "hierarchical_dissemination";
}

// A rank that has something for each, or gets it: from all, or with hops where that costs nothing.
std::string_view to_or_from_root(const Question& q) {
  const bool tiny = q.bytes / q.group.ranks <= kTiny && !q.variable;
  return q.group.ranks > kFewForAllToAll && tiny ? "binomial" : "direct";
}

}  // namespace

std::string_view preferred_across_hosts(const Question& q) {
  switch (q.collective) {
    case Collective::kAllReduce:
      return all_reduce(q);
    case Collective::kAllGather:
      return has_single_ranks(q) ? flat_all_gather(q) : passing_on(q);
    case Collective::kReduceScatter:
      return reduce_scatter(q);
    case Collective::kAllToAll:
      return all_to_all(q);
    case Collective::kBroadcast:
      return has_single_ranks(q) ? flat_broadcast(q) : passing_on_for_one(q);
    case Collective::kReduce:
      return has_single_ranks(q) || q.reproducible ? flat_reduce(q) : passing_on_for_one(q);
    case Collective::kGather:
    case Collective::kScatter:
      return to_or_from_root(q);
    case Collective::kBarrier:
      return barrier(q);
    case Collective::kSendRecv:
      return "direct";
  }
  return "";
}

}  // namespace tutti
