// Tested by cli_expectation_test.cc.

#include "cli/expectation.h"

#include <numeric>

namespace tutti::cli {
namespace {

// One stretch from every rank, in rank order.
std::vector<Segment> from_everybody(const Problem& problem, std::size_t first) {
  std::vector<Segment> segments;
  for (int source = 0; source < problem.ranks; ++source) {
    const std::size_t offset = problem.count * static_cast<std::size_t>(source);
    segments.push_back({offset, problem.count, source, first});
  }
  return segments;
}

}  // namespace

std::vector<Segment> expected_segments(const Problem& problem, int rank, std::size_t first) {
  const std::size_t count = problem.count;
  const std::size_t own_part = first + count * static_cast<std::size_t>(rank);
  const bool is_root = rank == problem.root;
  switch (problem.collective) {
    case Collective::kAllReduce:
      return {{0, count, kReduced, first}};
    case Collective::kAllGather:
      return from_everybody(problem, first);
    case Collective::kReduceScatter:
      return {{0, count, kReduced, own_part}};
    case Collective::kAllToAll:
      return from_everybody(problem, own_part);
    case Collective::kBroadcast:
      return {{0, count, problem.root, first}};
    case Collective::kReduce:
      return is_root ? std::vector<Segment>{{0, count, kReduced, first}} : std::vector<Segment>{};
    case Collective::kGather:
      return is_root ? from_everybody(problem, first) : std::vector<Segment>{};
    case Collective::kScatter:
      return {{0, count, problem.root, own_part}};
    case Collective::kScan:
      return {{0, count, reduced_up_to(rank), first}};
    case Collective::kExclusiveScan:
      if (rank == 0) return {};
      return {{0, count, reduced_up_to(rank - 1), first}};
    case Collective::kBarrier:
      return {};
    case Collective::kSendRecv:
      return {{0, count, (rank + problem.ranks - 1) % problem.ranks, first}};
  }
  return {};
}

std::span<const std::byte> Tables::of(int source) {
  auto& table = tables_[source];
  if (table.empty()) table = table_of(source);
  return table;
}

std::vector<std::byte> Tables::table_of(int source) const {
  if (source >= 0) return input_table(pattern_, source);
  if (source == kReduced) return expected_table(pattern_);
  std::vector<int> first_ranks(static_cast<std::size_t>(reduced_up_to(0) - source) + 1);
  std::iota(first_ranks.begin(), first_ranks.end(), 0);
  return reduced_table(pattern_, first_ranks);
}

std::size_t count_wrong(std::span<const std::byte> output, const Problem& problem, int rank,
                        std::size_t first, Tables& tables) {
  const std::size_t width = size_of(problem.type);
  std::size_t wrong = 0;
  for (const Segment& segment : expected_segments(problem, rank, first)) {
    const auto part = output.subspan(segment.offset * width, segment.count * width);
    const double tolerance =
        segment.source < 0 ? tolerance_of(tables.pattern().op, problem.type) : 0;
    wrong += count_wrong(part, tables.of(segment.source), segment.first, problem.type, tolerance);
  }
  return wrong;
}

}  // namespace tutti::cli
