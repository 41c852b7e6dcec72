// The table of all algorithms. Tested by catalog_test.cc.

#include "algorithms/catalog.h"

#include <utility>

#include "algorithms/alike.h"
#include "algorithms/all_pairs.h"
#include "algorithms/all_pairs_pull.h"
#include "algorithms/binomial.h"
#include "algorithms/bruck.h"
#include "algorithms/direct.h"
#include "algorithms/direct_pull.h"
#include "algorithms/dissemination.h"
#include "algorithms/double_tree.h"
#include "algorithms/hierarchical.h"
#include "algorithms/hierarchical_all_to_all.h"
#include "algorithms/pairwise.h"
#include "algorithms/recursive.h"
#include "algorithms/ring.h"
#include "algorithms/scan.h"
#include "algorithms/scatter_gather.h"

namespace tutti {
namespace {

constexpr std::string_view kBruck = "Bruck et al., IEEE TPDS 8 (1997)";
constexpr std::string_view kChan = "Chan et al., CCPE 19 (2007)";
constexpr std::string_view kHensgen = "Hensgen, Finkel and Manber, IJPP 17 (1988)";
constexpr std::string_view kHillis = "Hillis and Steele, CACM 29 (1986)";
constexpr std::string_view kPatarasuk = "Patarasuk and Yuan, JPDC 69 (2009)";
constexpr std::string_view kRabenseifner = "Rabenseifner, ICCS (2004)";
constexpr std::string_view kSanders = "Sanders, Speck and Traeff, Parallel Computing 35 (2009)";
constexpr std::string_view kThakur = "Thakur, Rabenseifner and Gropp, IJHPCA 19 (2005)";

Schedule only_wanted(Schedule schedule, const Group& group) {
  if (group.wanted.empty()) return schedule;
  std::vector<Program> made = std::exchange(schedule.programs, {});
  schedule.programs.resize(group.ranks);
  for (const int rank : group.wanted) schedule.at(rank) = std::move(made[rank]);
  return schedule;
}

// Algorithms to which all hosts are one.
template <Schedule (*make)(int ranks, int root)>
Schedule rooted(const Group& group, int root) {
  return only_wanted(make(group.ranks, root), group);
}
template <Schedule (*make)(const Group& group)>
Schedule rootless(const Group& group, int /*root*/) {
  return only_wanted(make(group), group);
}

// Algorithms over hosts, and how these pass chunks on.
constexpr BetweenHosts kRing{ring_reduce, ring_broadcast, /*turn=*/true};
constexpr BetweenHosts kBinomial{binomial_reduce, binomial_broadcast, /*turn=*/true};
constexpr BetweenHosts kDirect{direct_reduce, direct_broadcast, /*turn=*/false};

template <Schedule (*make)(const Group& group, const BetweenHosts& between, int root),
          const BetweenHosts& between>
Schedule over_hosts(const Group& group, int root) {
  return only_wanted(make(group, between, root), group);
}
template <Schedule (*make)(const Group& group, const BetweenHosts& between),
          const BetweenHosts& between>
Schedule over_hosts(const Group& group, int /*root*/) {
  return only_wanted(make(group, between), group);
}
template <Schedule (*make)(const Group& group, Schedule (*between)(const Group& group)),
          Schedule (*between)(const Group& group)>
Schedule over_hosts(const Group& group, int /*root*/) {
  return only_wanted(make(group, between), group);
}

bool is_two(const Group& group) { return group.ranks == 2; }
bool has_hosts(const Group& group) { return group.host_count() > 1; }

// One letter a flag, so that the table stays a table.
constexpr bool x = true, o = false;
bool (*const any)(const Group& group) = nullptr;
bool (*const hosts)(const Group& group) = has_hosts;
constexpr auto no = no_ranks, turn = ranks_in_turn, bits = ranks_by_bits;
constexpr auto host_turn = hosts_in_turn, host_bits = hosts_by_bits;
constexpr std::string_view none = "";

using enum Collective;

// clang-format off
const Algorithm kCatalog[] = {
    // collective, name, make, allows, alike, in place, pull, variable counts, rank order,
    //     summary, source
    {kAllReduce, "ring", rootless<ring_all_reduce>, any, turn, x, o, o, o,
     "Partial sums, then results, travel round a ring, a chunk per rank.", kPatarasuk},
    {kAllReduce, "tree", rootless<binomial_all_reduce>, any, no, x, o, x, o,
     "Reduce up a binomial tree, then broadcast down it.", kThakur},
    {kAllReduce, "double_tree", rootless<double_tree_all_reduce>, any, no, x, o, x, o,
     "Two binary trees with opposite leaves, half of the buffer each, up and then down.", kSanders},
    {kAllReduce, "recursive_doubling", rootless<recursive_doubling_all_reduce>, any, bits, x, o, o, o,
     "Exchange and add the whole buffer with the rank that differs in one bit, for each bit.", kThakur},
    {kAllReduce, "halving_doubling", rootless<halving_doubling_all_reduce>, any, bits, x, o, o, o,
     "Reduce-scatter by recursive halving, then all-gather by recursive doubling.", kRabenseifner},
    {kAllReduce, "one_shot", rootless<one_shot_all_reduce>, any, turn, x, o, o, x,
     "Everybody puts its buffer to everybody, and reduces all.", none},
    {kAllReduce, "two_shot", rootless<two_shot_all_reduce>, any, turn, x, o, x, x,
     "Everybody reduces one chunk, and puts the result to everybody.", none},
    {kAllReduce, "one_shot_pull", rootless<one_shot_pull_all_reduce>, any, no, x, x, x, x,
     "Everybody reduces all buffers where they lie.", none},
    {kAllReduce, "two_shot_pull", rootless<two_shot_pull_all_reduce>, any, no, x, x, x, x,
     "Everybody reduces one chunk where it lies, and puts the result to everybody.", none},
    {kAllReduce, "hierarchical_ring", over_hosts<hierarchical_all_reduce, kRing>, hosts, host_turn, x, o, o, o,
     "Hosts add up, rails pass sums, then results round the hosts, a chunk per host and rail.", kPatarasuk},
    {kAllReduce, "hierarchical_binomial", over_hosts<hierarchical_all_reduce, kBinomial>, hosts, host_turn, x, o, o, o,
     "Hosts add up, each chunk goes up a binomial tree of hosts and down again.", kThakur},
    {kAllReduce, "hierarchical_direct", over_hosts<hierarchical_all_reduce, kDirect>, hosts, host_turn, x, o, x, o,
     "Hosts add up, each chunk goes to one host and from there to all.", none},
    {kAllReduce, "hierarchical_doubling", over_hosts<hierarchical_exchange, recursive_doubling_all_reduce>, hosts, host_bits, x, o, o, o,
     "Hosts add up, rails exchange and add with the host that differs in one bit, for each bit.", kThakur},
    {kAllReduce, "hierarchical_one_shot", over_hosts<hierarchical_exchange, one_shot_all_reduce>, hosts, host_turn, x, o, o, o,
     "Hosts add up, and every host sends its sums to every other.", none},

    {kAllGather, "ring", rootless<ring_all_gather>, any, turn, x, o, x, x,
     "Chunks travel round a ring.", kPatarasuk},
    {kAllGather, "recursive_doubling", rootless<recursive_doubling_all_gather>, any, bits, x, o, x, x,
     "Exchange all chunks held with the rank that differs in one bit, for each bit.", kThakur},
    {kAllGather, "bruck", rootless<bruck_all_gather>, any, turn, x, o, x, x,
     "Give the run of chunks held to the rank one run before, which doubles the runs.", kBruck},
    {kAllGather, "all_pairs", rootless<all_pairs_all_gather>, any, turn, x, o, x, x,
     "Everybody puts its chunk to everybody.", none},
    {kAllGather, "all_pairs_pull", rootless<all_pairs_pull_all_gather>, any, turn, x, x, x, x,
     "Everybody reads the chunks of all.", none},
    {kAllGather, "hierarchical_ring", over_hosts<hierarchical_all_gather, kRing>, hosts, host_turn, x, o, x, x,
     "Each rank's chunk travels round the hosts, and is passed on inside each.", none},
    {kAllGather, "hierarchical_binomial", over_hosts<hierarchical_all_gather, kBinomial>, hosts, host_turn, x, o, x, x,
     "Each rank's chunk goes down a binomial tree of hosts, and is passed on inside each.", kThakur},
    {kAllGather, "hierarchical_direct", over_hosts<hierarchical_all_gather, kDirect>, hosts, host_turn, x, o, x, x,
     "Each rank's chunk goes to one rank of each host, and is passed on there.", none},

    {kReduceScatter, "ring", rootless<ring_reduce_scatter>, any, turn, x, o, o, o,
     "Partial sums travel round a ring and end at the rank whose chunk it is.", kPatarasuk},
    {kReduceScatter, "recursive_halving", rootless<recursive_halving_reduce_scatter>, any, bits, x, o, o, o,
     "Give half of the partial sums held to the rank that differs in one bit, for each bit.", kThakur},
    {kReduceScatter, "all_pairs", rootless<all_pairs_reduce_scatter>, any, turn, x, o, x, x,
     "Everybody puts each chunk to the rank that reduces it.", none},
    {kReduceScatter, "all_pairs_pull", rootless<all_pairs_pull_reduce_scatter>, any, no, x, x, x, x,
     "Everybody reduces its chunk of all buffers where they lie.", none},
    {kReduceScatter, "hierarchical_ring", over_hosts<hierarchical_reduce_scatter, kRing>, hosts, no, x, o, o, o,
     "Hosts add up, sums travel round the hosts and end at the rank whose chunk it is.", none},
    {kReduceScatter, "hierarchical_binomial", over_hosts<hierarchical_reduce_scatter, kBinomial>, hosts, no, x, o, o, o,
     "Hosts add up, sums go up a binomial tree of hosts for each rank.", kThakur},
    {kReduceScatter, "hierarchical_direct", over_hosts<hierarchical_reduce_scatter, kDirect>, hosts, no, x, o, o, o,
     "Hosts add up, sums go to the rank whose chunk it is.", none},

    {kAllToAll, "pairwise", rootless<pairwise_all_to_all>, any, turn, o, o, x, x,
     "Send one rank further in each step, and receive from one rank further back.", kThakur},
    {kAllToAll, "bruck", rootless<bruck_all_to_all>, any, turn, o, o, o, x,
     "Chunks take a hop for each set bit of the distance they travel, many at once.", kBruck},
    {kAllToAll, "all_pairs", rootless<all_pairs_all_to_all>, any, turn, o, o, x, x,
     "Everybody puts to everybody at once.", none},
    {kAllToAll, "staged", rootless<staged_all_to_all>, any, turn, x, o, x, x,
     "All pairs through scratch, so that it works in place.", none},
    {kAllToAll, "all_pairs_pull", rootless<all_pairs_pull_all_to_all>, any, turn, o, x, x, x,
     "Everybody reads from everybody.", none},
    {kAllToAll, "hierarchical_all_pairs", over_hosts<hierarchical_all_to_all, all_pairs_all_to_all>, hosts, no, o, o, x, x,
     "Inside the host to who owns the receiver's rail, from there to the receiver.", none},
    {kAllToAll, "hierarchical_bruck", over_hosts<hierarchical_all_to_all, bruck_all_to_all>, hosts, no, o, o, o, x,
     "The same, and from host to host a hop for each set bit of the distance.", kBruck},
    {kAllToAll, "hierarchical_staged", over_hosts<hierarchical_staged_all_to_all, all_pairs_all_to_all>, hosts, no, x, o, o, x,
     "To the receiver's rail and from there to the receiver, so that it works in place.", none},

    {kBroadcast, "ring", rooted<ring_broadcast>, any, no, x, o, x, x,
     "From each rank to the next.", none},
    {kBroadcast, "binomial", rooted<binomial_broadcast>, any, no, x, o, x, x,
     "Down a binomial tree: who has the buffer doubles with every step.", kThakur},
    {kBroadcast, "double_tree", rooted<double_tree_broadcast>, any, no, x, o, x, x,
     "Down two binary trees with opposite leaves, half of the buffer each.", kSanders},
    {kBroadcast, "scatter_all_gather", rooted<scatter_all_gather_broadcast>, any, no, x, o, x, x,
     "Scatter a chunk to each rank, then pass the chunks round a ring.", kChan},
    {kBroadcast, "direct", rooted<direct_broadcast>, any, no, x, o, x, x,
     "The root puts to everybody.", none},
    {kBroadcast, "direct_pull", rooted<direct_pull_broadcast>, any, no, x, x, x, x,
     "Everybody reads from the root.", none},
    {kBroadcast, "hierarchical_ring", over_hosts<hierarchical_broadcast, kRing>, hosts, no, x, o, x, x,
     "A chunk for each rail, from each host to the next, and inside each to all.", none},
    {kBroadcast, "hierarchical_binomial", over_hosts<hierarchical_broadcast, kBinomial>, hosts, no, x, o, x, x,
     "A chunk for each rail, down a binomial tree of hosts, and inside each to all.", kThakur},
    {kBroadcast, "hierarchical_direct", over_hosts<hierarchical_broadcast, kDirect>, hosts, no, x, o, x, x,
     "A chunk for each rail, from the root's host to every other, and inside each to all.", none},

    {kReduce, "ring", rooted<ring_reduce>, any, no, x, o, o, o,
     "Partial sums go from each rank to the next, and end at the root.", none},
    {kReduce, "binomial", rooted<binomial_reduce>, any, no, x, o, o, o,
     "Up a binomial tree.", kThakur},
    {kReduce, "double_tree", rooted<double_tree_reduce>, any, no, x, o, o, o,
     "Up two binary trees with opposite leaves, half of the buffer each.", kSanders},
    {kReduce, "reduce_scatter_gather", rooted<reduce_scatter_gather_reduce>, any, no, x, o, x, x,
     "Everybody reduces one chunk, and puts the result to the root.", kChan},
    {kReduce, "reduce_scatter_gather_pull", rooted<reduce_scatter_gather_pull_reduce>, any, no, x, x, x, x,
     "Everybody reduces one chunk where it lies, and puts the result to the root.", kChan},
    {kReduce, "direct", rooted<direct_reduce>, any, no, x, o, x, x,
     "Everybody puts its buffer to the root, which reduces all.", none},
    {kReduce, "direct_pull", rooted<direct_pull_reduce>, any, no, x, x, x, x,
     "The root reduces all buffers where they lie.", none},
    {kReduce, "hierarchical_ring", over_hosts<hierarchical_reduce, kRing>, hosts, no, x, o, o, o,
     "Hosts add up, sums go from each host to the next and end at the root's.", none},
    {kReduce, "hierarchical_binomial", over_hosts<hierarchical_reduce, kBinomial>, hosts, no, x, o, o, o,
     "Hosts add up, sums go up a binomial tree of hosts.", kThakur},
    {kReduce, "hierarchical_direct", over_hosts<hierarchical_reduce, kDirect>, hosts, no, x, o, o, o,
     "Hosts add up, sums go to the root's host.", none},

    {kGather, "binomial", rooted<binomial_gather>, any, no, x, o, o, x,
     "Up a binomial tree, chunk by chunk.", kThakur},
    {kGather, "direct", rooted<direct_gather>, any, no, x, o, x, x,
     "Everybody puts its chunk to the root.", none},
    {kGather, "direct_pull", rooted<direct_pull_gather>, any, no, x, x, x, x,
     "The root reads the chunks of all.", none},

    {kScatter, "binomial", rooted<binomial_scatter>, any, no, x, o, o, x,
     "Down a binomial tree, chunk by chunk.", kThakur},
    {kScatter, "direct", rooted<direct_scatter>, any, no, x, o, x, x,
     "The root puts each its chunk.", none},
    {kScatter, "direct_pull", rooted<direct_pull_scatter>, any, no, x, x, x, x,
     "Everybody reads its chunk from the root.", none},

    {kBarrier, "dissemination", rootless<dissemination_barrier>, any, turn, x, o, x, x,
     "Signal the rank 1, 2, 4, … further on, and wait for the one as far back.", kHensgen},
    {kBarrier, "all_pairs", rootless<all_pairs_barrier>, any, turn, x, o, x, x,
     "Everybody signals everybody.", none},
    {kBarrier, "hierarchical_dissemination", over_hosts<hierarchical_barrier, dissemination_barrier>, hosts, host_turn, x, o, x, x,
     "Inside hosts, then on each rail signal the host 1, 2, 4, … further on.", kHensgen},
    {kBarrier, "hierarchical_all_pairs", over_hosts<hierarchical_barrier, all_pairs_barrier>, hosts, host_turn, x, o, x, x,
     "Inside hosts, then on each rail every host signals every other.", none},

    {kSendRecv, "direct", rootless<direct_send_recv>, is_two, no, x, o, x, x,
     "The sender puts.", none},
    {kSendRecv, "direct_pull", rootless<direct_pull_send_recv>, is_two, no, x, x, x, x,
     "The receiver reads.", none},

    {kScan, "ring", rooted<ring_scan>, any, no, x, o, x, x,
     "Results go from each rank to the next, which adds its own.", none},
    {kScan, "recursive_doubling", rooted<recursive_doubling_scan>, any, no, x, o, o, o,
     "Give the result of the last ranks to the one as many further on, which doubles their number.", kHillis},

    {kExclusiveScan, "ring", rooted<ring_exclusive_scan>, any, no, x, o, o, x,
     "Results go from each rank to the next, which passes them on with its own.", none},
    {kExclusiveScan, "recursive_doubling", rooted<recursive_doubling_exclusive_scan>, any, no, x, o, o, o,
     "The same as scan's, and each rank keeps a result without its own input too.", kHillis},
};
// clang-format on

}  // namespace

std::span<const Algorithm> catalog() { return kCatalog; }

const Algorithm* find_algorithm(Collective collective, std::string_view name) {
  for (const Algorithm& algorithm : kCatalog) {
    if (algorithm.collective == collective && algorithm.name == name) return &algorithm;
  }
  return nullptr;
}

std::optional<Schedule> schedule_of(Collective collective, std::string_view name,
                                    const Group& group, int root) {
  const Algorithm* algorithm = find_algorithm(collective, name);
  if (algorithm == nullptr || !allows(*algorithm, group)) return std::nullopt;
  return algorithm->make(group, root);
}

}  // namespace tutti
