// Tested by cli_expectation_test.cc.

#include "cli/expectation.h"

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
    case Collective::kBarrier:
      return {};
    case Collective::kSendRecv:
      return {{0, count, (rank + problem.ranks - 1) % problem.ranks, first}};
  }
  return {};
}

std::span<const std::byte> Tables::of(int source) {
  auto& table = tables_[source];
  if (table.empty()) {
    table = source == kReduced ? expected_table(pattern_) : input_table(pattern_, source);
  }
  return table;
}

std::size_t count_wrong(std::span<const std::byte> output, const Problem& problem, int rank,
                        std::size_t first, Tables& tables) {
  const std::size_t width = size_of(problem.type);
  std::size_t wrong = 0;
  for (const Segment& segment : expected_segments(problem, rank, first)) {
    const auto part = output.subspan(segment.offset * width, segment.count * width);
    const double tolerance =
        segment.source == kReduced ? tolerance_of(tables.pattern().op, problem.type) : 0;
    wrong += count_wrong(part, tables.of(segment.source), segment.first, problem.type, tolerance);
  }
  return wrong;
}

}  // namespace tutti::cli
