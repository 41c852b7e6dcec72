// Sizes and factors of the collectives, as nccl-tests has them (doc/PERFORMANCE.md there).
//
// Tested by cli_shape_test.cc.

#include "cli/shape.h"

#include <algorithm>

namespace tutti::cli {
namespace {

struct Facts {
  bool divides_input = false;   // the input is n*c
  bool gathers_output = false;  // the output is n*c
  bool reduces = false;
  bool rooted = false;
};

Facts facts(Collective collective) {
  switch (collective) {
    case Collective::kAllReduce:
      return {.reduces = true};
    case Collective::kAllGather:
      return {.gathers_output = true};
    case Collective::kReduceScatter:
      return {.divides_input = true, .reduces = true};
    case Collective::kAllToAll:
      return {.divides_input = true, .gathers_output = true};
    case Collective::kBroadcast:
      return {.rooted = true};
    case Collective::kReduce:
      return {.reduces = true, .rooted = true};
    case Collective::kGather:
      return {.gathers_output = true, .rooted = true};
    case Collective::kScatter:
      return {.divides_input = true, .rooted = true};
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return {.reduces = true};
    case Collective::kBarrier:
    case Collective::kSendRecv:
      return {};
  }
  return {};
}

double bus_factor(const Problem& problem) {
  const double ranks = problem.ranks;
  switch (problem.collective) {
    case Collective::kAllReduce:
      return 2 * (ranks - 1) / ranks;
    case Collective::kAllGather:
    case Collective::kReduceScatter:
    case Collective::kAllToAll:
    case Collective::kGather:
    case Collective::kScatter:
      return (ranks - 1) / ranks;
    case Collective::kBroadcast:
    case Collective::kReduce:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return 1;
    case Collective::kBarrier:
      return 0;
  }
  return 0;
}

std::size_t times(std::size_t count, bool ranks_fold, int ranks) {
  return ranks_fold ? count * static_cast<std::size_t>(ranks) : count;
}

}  // namespace

std::size_t count_for(Collective collective, DataType type, int ranks, std::size_t bytes) {
  if (collective == Collective::kBarrier || bytes == 0) return 0;
  const Facts f = facts(collective);
  const std::size_t parts = times(1, f.divides_input || f.gathers_output, ranks);
  return std::max<std::size_t>(1, bytes / size_of(type) / parts);
}

bool has_reduction(Collective collective) { return facts(collective).reduces; }
bool has_root(Collective collective) { return facts(collective).rooted; }
bool has_in_place(Collective collective) {
  return collective != Collective::kBarrier && collective != Collective::kSendRecv;
}

std::size_t input_elements(const Problem& problem) {
  return times(problem.count, facts(problem.collective).divides_input, problem.ranks);
}

std::size_t output_elements(const Problem& problem) {
  return times(problem.count, facts(problem.collective).gathers_output, problem.ranks);
}

std::size_t size_in_bytes(const Problem& problem) {
  return std::max(input_elements(problem), output_elements(problem)) * size_of(problem.type);
}

std::size_t in_place_input(const Problem& problem, int rank) {
  const Facts f = facts(problem.collective);
  const bool own_part = f.gathers_output && !f.divides_input;
  return own_part ? problem.count * static_cast<std::size_t>(rank) : 0;
}

std::size_t in_place_output(const Problem& problem, int rank) {
  const Facts f = facts(problem.collective);
  const bool own_part = f.divides_input && !f.gathers_output;
  return own_part ? problem.count * static_cast<std::size_t>(rank) : 0;
}

double algbw(const Problem& problem, double time_us) {
  if (time_us <= 0) return 0;
  return static_cast<double>(size_in_bytes(problem)) / time_us / 1e3;
}

double busbw(const Problem& problem, double time_us) {
  return algbw(problem, time_us) * bus_factor(problem);
}

}  // namespace tutti::cli
