// What every algorithm for any number of ranks costs, as formulas of it. Tests algorithms/*.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <ostream>
#include <set>
#include <string>

#include "algorithms/catalog.h"
#include "schedule/cost.h"

namespace tutti {

std::ostream& operator<<(std::ostream& out, const Cost& cost) {
  return out << "{steps " << cost.steps << ", sent " << cost.chunks_sent << ", received "
             << cost.chunks_received << ", reduced " << cost.chunks_reduced << ", copied "
             << cost.chunks_copied << ", critical " << cost.critical_chunks << ", scratch "
             << cost.scratch_chunks << "}";
}

namespace {

using enum Collective;

// The size of a group in the forms that formulas use.
struct Size {
  int n;
  int s = n - 1;                                         // the number of peers
  int d = std::bit_width(static_cast<unsigned>(n - 1));  // log2 n, rounded up
};

struct Formula {
  Collective collective;
  std::string_view name;
  bool powers_only;  // holds for powers of two
  Cost (*cost)(Size);
};

// Steps, chunks sent, received, reduced, copied, on the critical path, of scratch.
// clang-format off
const Formula kFormulas[] = {
    {kAllReduce, "ring", false, [](Size z) { return Cost{2*z.s, 2*z.s, 2*z.s, z.s, 0, 4*z.s, z.s}; }},
    {kAllReduce, "tree", true, [](Size z) { return Cost{2*z.d, z.d, z.d, z.d, 0, z.d*(z.d+1)/2 + 3*z.d, z.d}; }},
    {kAllReduce, "double_tree", true, [](Size z) {
       return Cost{2*z.d, std::min(4, 2*z.d), std::min(4, 2*z.d), std::min(2, z.d), 0, 6*z.d - 2, 2}; }},
    {kAllReduce, "recursive_doubling", true, [](Size z) { return Cost{z.d, z.d, z.d, z.d, 1, 3*z.d + 1, z.d + 1}; }},
    {kAllReduce, "halving_doubling", true, [](Size z) { return Cost{2*z.d, 2*z.s, 2*z.s, z.s, 0, 4*z.s, z.s}; }},
    {kAllReduce, "one_shot", false, [](Size z) { return Cost{1, z.s, z.s, z.s, 1, 2*z.n, z.n}; }},
    {kAllReduce, "two_shot", false, [](Size z) { return Cost{2, 2*z.s, 2*z.s, z.s, 0, 3*z.s + 1, z.s}; }},
    {kAllReduce, "one_shot_pull", false, [](Size z) { return Cost{1, z.s, z.s, z.s, 1, z.n + 1, 1}; }},
    {kAllReduce, "two_shot_pull", false, [](Size z) { return Cost{1, 2*z.s, 2*z.s, z.s, 0, z.n + z.s, 0}; }},

    {kAllGather, "ring", false, [](Size z) { return Cost{z.s, z.s, z.s, 0, 1, z.n, 0}; }},
    {kAllGather, "recursive_doubling", true, [](Size z) { return Cost{z.d, z.s, z.s, 0, 1, z.n, 0}; }},
    {kAllGather, "bruck", false, [](Size z) { return Cost{z.d, z.s, z.s, 0, 1, z.n, 0}; }},
    {kAllGather, "all_pairs", false, [](Size z) { return Cost{1, z.s, z.s, 0, 1, z.n, 0}; }},
    {kAllGather, "all_pairs_pull", false, [](Size z) { return Cost{1, z.s, z.s, 0, 1, z.n, 0}; }},

    {kReduceScatter, "ring", false, [](Size z) { return Cost{z.s, z.s, z.s, z.s, 0, 3*z.s, z.s}; }},
    {kReduceScatter, "recursive_halving", true, [](Size z) { return Cost{z.d, z.s, z.s, z.s, 0, 3*z.s, z.s}; }},
    {kReduceScatter, "all_pairs", false, [](Size z) { return Cost{1, z.s, z.s, z.s, 0, z.n + z.s, z.s}; }},
    {kReduceScatter, "all_pairs_pull", false, [](Size z) { return Cost{1, z.s, z.s, z.s, 0, z.n, 0}; }},

    {kAllToAll, "pairwise", false, [](Size z) { return Cost{z.s, z.s, z.s, 0, 1, z.n, 0}; }},
    {kAllToAll, "bruck", true, [](Size z) {
       const int sent = z.n/2 * z.d;
       return Cost{z.d, sent, sent, 0, 1, sent + 1, sent - z.s}; }},
    {kAllToAll, "all_pairs", false, [](Size z) { return Cost{1, z.s, z.s, 0, 1, z.n, 0}; }},
    {kAllToAll, "staged", false, [](Size z) { return Cost{2, z.s, z.s, 0, z.n, z.n + z.s, z.s}; }},
    {kAllToAll, "all_pairs_pull", false, [](Size z) { return Cost{1, z.s, z.s, 0, 1, z.n, 0}; }},

    {kBroadcast, "ring", false, [](Size z) { return Cost{z.s, 1, 1, 0, 1, std::max(2, z.s), 0}; }},
    {kBroadcast, "binomial", true, [](Size z) { return Cost{z.d, z.d, 1, 0, 1, z.d + 1, 0}; }},
    {kBroadcast, "double_tree", true, [](Size z) { return Cost{z.d, 2, 2, 0, 2, std::max(4, 2*z.d), 0}; }},
    {kBroadcast, "scatter_all_gather", false, [](Size z) { return Cost{z.s, 2*z.s, z.n, 0, z.n, 3*z.n - 2, 0}; }},
    {kBroadcast, "direct", false, [](Size z) { return Cost{1, z.s, 1, 0, 1, z.n, 0}; }},
    {kBroadcast, "direct_pull", false, [](Size z) { return Cost{1, z.s, 1, 0, 1, 1, 0}; }},

    {kReduce, "ring", false, [](Size z) { return Cost{z.s, 1, 1, 1, 0, 3*z.s, 1}; }},
    {kReduce, "binomial", true, [](Size z) { return Cost{z.d, 1, z.d, z.d, 0, z.d*(z.d+1)/2 + 2*z.d, z.d}; }},
    {kReduce, "double_tree", true, [](Size z) { return Cost{z.d, 2, 2, 2, 0, 4*z.d + 1, 2}; }},
    {kReduce, "reduce_scatter_gather", false, [](Size z) { return Cost{2, z.n, 2*z.s, z.s, 0, 2*z.n, z.s}; }},
    {kReduce, "reduce_scatter_gather_pull", false, [](Size z) { return Cost{2, z.n, 2*z.s, z.s, 0, z.n + 1, 1}; }},
    {kReduce, "direct", false, [](Size z) { return Cost{1, 1, z.s, z.s, 0, z.n + 1, z.s}; }},
    {kReduce, "direct_pull", false, [](Size z) { return Cost{1, 1, z.s, z.s, 0, z.n, 0}; }},

    {kGather, "binomial", true, [](Size z) { return Cost{z.d, z.n/2, z.s, 0, 1, z.n/2 + 1, z.n/2 - 1}; }},
    {kGather, "direct", false, [](Size z) { return Cost{1, 1, z.s, 0, 1, 1, 0}; }},
    {kGather, "direct_pull", false, [](Size z) { return Cost{1, 1, z.s, 0, 1, z.n, 0}; }},

    {kScatter, "binomial", true, [](Size z) { return Cost{z.d, z.s, z.n/2, 0, 1, z.n, z.n/2 - 1}; }},
    {kScatter, "direct", false, [](Size z) { return Cost{1, z.s, 1, 0, 1, z.n, 0}; }},
    {kScatter, "direct_pull", false, [](Size z) { return Cost{1, z.s, 1, 0, 1, 1, 0}; }},

    {kBarrier, "dissemination", false, [](Size z) { return Cost{.steps = z.d}; }},
    {kBarrier, "all_pairs", false, [](Size) { return Cost{.steps = 1}; }},

    {kSendRecv, "direct", false, [](Size) { return Cost{1, 1, 1, 0, 0, 1, 0}; }},
    {kSendRecv, "direct_pull", false, [](Size) { return Cost{1, 1, 1, 0, 0, 1, 0}; }},

    {kScan, "ring", false, [](Size z) { return Cost{z.s, 1, 1, 1, 1, 3*z.s, 1}; }},
    {kScan, "recursive_doubling", true, [](Size z) { return Cost{z.d, z.d, z.d, z.d, 1, 3*z.d + (z.d > 1), z.d + 1}; }},
    {kExclusiveScan, "ring", false, [](Size z) { return Cost{z.s, 1, 1, std::min(1, z.n - 2), 1, 3*z.s - 1, 2}; }},
    {kExclusiveScan, "recursive_doubling", true, [](Size z) {
       if (z.n == 2) return Cost{1, 1, 1, 0, 1, 2, 3};
       return Cost{z.d, z.d, z.d, 2*z.d - 3, 2, 5*z.d - 2, z.d + 2}; }},
};
// clang-format on

TEST(AlgorithmCost, IsWhatItsFormulaSays) {
  for (const Formula& formula : kFormulas) {
    const Algorithm* algorithm = find_algorithm(formula.collective, formula.name);
    ASSERT_NE(algorithm, nullptr) << formula.name;
    for (int ranks = 2; ranks <= 33; ++ranks) {
      if (!allows(*algorithm, ranks)) continue;
      if (formula.powers_only && !std::has_single_bit(static_cast<unsigned>(ranks))) continue;
      EXPECT_EQ(cost(algorithm->make(ranks, ranks - 1)), formula.cost(Size{ranks}))
          << name(formula.collective) << " " << formula.name << ", " << ranks << " ranks";
    }
  }
}

TEST(AlgorithmCost, HasAFormulaForEveryAlgorithm) {
  std::set<std::string> written, listed;
  const auto label = [](Collective collective, std::string_view algorithm) {
    return std::string(name(collective)) + " " + std::string(algorithm);
  };
  for (const Formula& formula : kFormulas) written.insert(label(formula.collective, formula.name));
  for (const Algorithm& entry : catalog()) {
    // What it costs between hosts is in hierarchical_test.cc.
    const bool needs_hosts = !allows(entry, 2);
    if (!needs_hosts) listed.insert(label(entry.collective, entry.name));
  }
  EXPECT_EQ(written, listed);
}

// Where the number of ranks is no power of two, the logarithm of it that is promised still holds.
TEST(AlgorithmCost, TreesAndExchangesStayLogarithmicAtAnySize) {
  for (const Formula& formula : kFormulas) {
    if (!formula.powers_only) continue;
    const Algorithm* algorithm = find_algorithm(formula.collective, formula.name);
    for (int ranks = 2; ranks <= 33; ++ranks) {
      const int exact = formula.cost(Size{ranks}).steps;
      EXPECT_LE(cost(algorithm->make(ranks, 0)).steps, exact + 1)
          << name(formula.collective) << " " << formula.name << ", " << ranks << " ranks";
    }
  }
}

}  // namespace
}  // namespace tutti
