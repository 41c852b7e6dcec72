#include "communicator/two_levels.h"

#include <algorithm>
#include <string>

#include "communicator/shape.h"

namespace tutti {
namespace {

// An all_reduce or a broadcast up to so many bytes is not cut into a part for each rail: all of
// them carry all of it, and nothing need be gathered inside hosts.
constexpr std::size_t kWholeBytes = std::size_t{16} << 10;
constexpr std::size_t kLine = 64;  // parts begin at lines

ConstBuffer slice(const ConstBuffer& buffer, std::size_t first, std::size_t count) {
  if (buffer.data == nullptr) return {nullptr, count, buffer.type};
  return {static_cast<const std::byte*>(buffer.data) + first * size_of(buffer.type), count,
          buffer.type};
}
Buffer slice(const Buffer& buffer, std::size_t first, std::size_t count) {
  return {static_cast<std::byte*>(buffer.data) + first * size_of(buffer.type), count, buffer.type};
}
ConstBuffer as_input(const Buffer& buffer) { return {buffer.data, buffer.count, buffer.type}; }

// Averages and scaled sums scale inside hosts, by what is right for all ranks.
ReduceOp op_inside(const ReduceOp& op, int ranks) {
  return op.reduction == Reduction::kAvg ? ReduceOp::pre_mul_sum(1.0 / ranks) : op;
}
ReduceOp op_between(const ReduceOp& op) {
  const bool scales = op.reduction == Reduction::kAvg || op.reduction == Reduction::kPreMulSum;
  return scales ? ReduceOp(Reduction::kSum) : op;
}

// The whole as a part for each place, and a rest that all places have.
struct Cut {
  Cut(const Buffer& output, const Levels& levels) {
    const std::size_t places = levels.places(), element = size_of(output.type);
    const std::size_t line = std::max<std::size_t>(kLine / element, 1);
    if (output.count * element > kWholeBytes) part = output.count / places / line * line;
    parts = part * places;
    rest = output.count - parts;
    mine = slice(output, levels.place * part, part);
    all = slice(output, 0, parts);
    remainder = slice(output, parts, rest);
  }

  std::size_t part = 0, parts = 0, rest = 0;
  Buffer mine, all, remainder;  // in the output
};

LevelSteps all_reduce_steps(const Call& call, const Levels& levels) {
  const Cut cut(call.output, levels);
  const int ranks = levels.hosts() * levels.places();
  const ReduceOp inside = op_inside(call.op, ranks), between = op_between(call.op);
  LevelSteps steps;
  if (cut.part > 0) {
    steps.first.push_back(reduce_scatter(slice(call.input, 0, cut.parts), cut.mine, inside));
    steps.between.push_back(all_reduce(as_input(cut.mine), cut.mine, between));
    steps.last.push_back(all_gather(as_input(cut.mine), cut.all));
  }
  if (cut.rest > 0) {
    const ConstBuffer input = slice(call.input, cut.parts, cut.rest);
    steps.first.push_back(all_reduce(input, cut.remainder, inside));
    steps.between.push_back(all_reduce(as_input(cut.remainder), cut.remainder, between));
  }
  return steps;
}

// Inside the root's host it is scattered to the rails.
LevelSteps broadcast_steps(const Call& call, const Levels& levels) {
  const Cut cut(call.output, levels);
  int host = 0, place = 0;
  for (int h = 0; h < levels.hosts(); ++h) {
    const std::vector<int>& inside = levels.ranks[h];
    const auto root = std::find(inside.begin(), inside.end(), call.root);
    if (root == inside.end()) continue;
    host = h;
    place = static_cast<int>(root - inside.begin());
  }
  const bool is_inside = levels.host == host;
  LevelSteps steps;
  if (cut.part > 0) {
    const ConstBuffer input = slice(call.input, 0, cut.parts);
    if (is_inside) steps.first.push_back(scatter(input, cut.mine, place));
    steps.between.push_back(broadcast(as_input(cut.mine), cut.mine, host));
    steps.last.push_back(all_gather(as_input(cut.mine), cut.all));
  }
  if (cut.rest > 0) {
    const ConstBuffer input = slice(call.input, cut.parts, cut.rest);
    if (is_inside) steps.first.push_back(broadcast(input, cut.remainder, place));
    steps.between.push_back(broadcast(as_input(cut.remainder), cut.remainder, host));
  }
  return steps;
}

// Of each host a rank gets the part of its own place from the rail, and the others inside.
LevelSteps all_gather_steps(const Call& call, const Levels& levels) {
  const std::size_t part = call.input.count, places = levels.places(), hosts = levels.hosts();
  LevelSteps steps;
  // The parts of the rail, of which each lies in the place of its rank.
  Buffer rail = slice(call.output, levels.place * part, hosts * part);
  steps.between.push_back({all_gather(call.input, rail), places * part});
  for (std::size_t host = 0; host < hosts; ++host) {
    const Buffer all = slice(call.output, host * places * part, places * part);
    steps.last.push_back(all_gather(as_input(slice(all, levels.place * part, part)), all));
  }
  return steps;
}

std::optional<LevelSteps> reduce_scatter_steps(const Call& call, const Levels& levels,
                                               std::span<std::byte> scratch) {
  const std::size_t part = call.output.count, places = levels.places(), hosts = levels.hosts();
  const Buffer sums(scratch.data(), hosts * part, call.output.type);
  if (sums.bytes() > scratch.size()) return {};
  const int ranks = levels.hosts() * levels.places();
  LevelSteps steps;
  for (std::size_t host = 0; host < hosts; ++host) {
    steps.first.push_back(reduce_scatter(slice(call.input, host * places * part, places * part),
                                         slice(sums, host * part, part),
                                         op_inside(call.op, ranks)));
  }
  steps.between.push_back(reduce_scatter(as_input(sums), call.output, op_between(call.op)));
  // The next call's kernels, on whatever stream, wait for a kernel before they write to scratch.
  steps.last.push_back(barrier());
  return steps;
}

}  // namespace

std::optional<Levels> Levels::of(const Group& group, int rank) {
  const int places = group.most_ranks_per_host();
  if (group.host_count() == 1 || places == 1 || group.least_ranks_per_host() != places) return {};
  Levels levels{.ranks = group.by_host(), .host = group.host_of(rank), .place = 0};
  const std::vector<int>& inside = levels.inside();
  levels.place = static_cast<int>(std::find(inside.begin(), inside.end(), rank) - inside.begin());
  return levels;
}

std::vector<int> Levels::rail() const {
  std::vector<int> rail;
  for (const std::vector<int>& host : ranks) rail.push_back(host[place]);
  return rail;
}

bool Levels::in_order() const {
  int next = 0;
  for (const std::vector<int>& host : ranks) {
    for (const int rank : host) {
      if (rank != next++) return false;
    }
  }
  return true;
}

Status counted_among(const std::vector<int>& ranks, const Status& status) {
  std::string text = status.message() + " (counted among ranks ";
  for (const int rank : ranks) text += (rank == ranks.front() ? "" : ", ") + std::to_string(rank);
  return {status.code(), text + ")"};
}

std::optional<LevelSteps> level_steps(const Call& call, const Levels& levels,
                                      std::span<std::byte> scratch) {
  const bool averages = reduces(call.collective) && call.op.reduction == Reduction::kAvg;
  if (averages && !is_float(call.input.type)) return {};
  switch (call.collective) {
    case Collective::kAllReduce:
      return all_reduce_steps(call, levels);
    case Collective::kBroadcast:
      return broadcast_steps(call, levels);
    case Collective::kAllGather:
      if (!levels.in_order()) return {};
      return all_gather_steps(call, levels);
    case Collective::kReduceScatter:
      if (!levels.in_order()) return {};
      return reduce_scatter_steps(call, levels, scratch);
    case Collective::kAllToAll:
    case Collective::kReduce:
    case Collective::kGather:
    case Collective::kScatter:
    case Collective::kBarrier:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return {};
  }
  return {};
}

}  // namespace tutti
