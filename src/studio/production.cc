#include "studio/production.h"

#include <algorithm>

#include "plan/plan.h"
#include "schedule/stage.h"
#include "simulator/symmetry_on.h"
#include "studio/import.h"

namespace tutti {
namespace {

constexpr int kMostPlans = 16;
constexpr std::size_t kKiB = 1024, kMiB = 1024 * kKiB;
constexpr std::size_t kLines = std::size_t{1} << 20;
// Of all programs that are made: some 4 GiB.
constexpr std::size_t kMostSteps = 30'000'000;

struct Pieces {
  std::size_t tile_bytes = 0;
  int lanes = 0;
  std::size_t scratch_bytes = 0;
};

// GPUs: chunks of NCCL's messages over NVLink, and memory in its order of magnitude. Processors:
// what the library does by itself (tuner, Options).
Pieces typical_pieces(const Machine& machine) {
  if (machine.wired()) return {512 * kKiB, 8, 64 * kMiB};
  if (!machine.host_of.empty()) return {128 * kKiB, 8, 8 * kMiB};
  return {32 * kKiB, 3, 8 * kMiB};
}

Pieces pieces_of(const Machine& machine, const SimulationRequest& request) {
  Pieces pieces = typical_pieces(machine);
  if (request.tile_bytes > 0) pieces.tile_bytes = request.tile_bytes;
  if (request.lanes > 0) pieces.lanes = request.lanes;
  if (request.scratch_bytes > 0) pieces.scratch_bytes = request.scratch_bytes;
  return pieces;
}

std::size_t divided(std::size_t whole, std::size_t parts) { return (whole + parts - 1) / parts; }

// How a call of a schedule is cut, as executors do.
Result<SimulatedCall> cut_up(const Schedule& schedule, const Cast& cast, const Pieces& pieces,
                             const SimulationRequest& request) {
  const std::size_t element = size_of(request.type);
  const std::size_t elements = divided(request.bytes, element);
  const std::size_t parts = has_parts(schedule.collective) ? schedule.ranks : 1;
  const std::size_t piece =
      std::max<std::size_t>(divided(divided(elements, parts), schedule.chunks), 1);
  const Room room{pieces.scratch_bytes, kLines};
  if (const std::size_t least = least_scratch(cast.scratch_chunks); least > room.scratch_bytes) {
    return {Code::kInvalidArgument, "scratch of " + std::to_string(room.scratch_bytes) +
                                        " bytes: expected at least " + std::to_string(least) +
                                        " for so many chunks"};
  }
  if (2 * static_cast<std::size_t>(cast.lines) > room.lines) {
    return {Code::kNotSupported, "a rank takes " + std::to_string(cast.lines) +
                                     " signals in a block: expected at most " +
                                     std::to_string(room.lines / 2)};
  }
  const Cut cuts = cut({cast.scratch_chunks, cast.lines, 1}, room, piece, element,
                       {pieces.tile_bytes, pieces.lanes});
  return SimulatedCall{.piece_bytes = piece * element,
                       .tile_bytes = cuts.tile * element,
                       .blocks = cuts.blocks,
                       .lanes = cuts.lanes,
                       .user_bytes = 2 * request.bytes,
                       .room = room};
}

Cast cast_as_plans(const Machine& machine, const Schedule& schedule) {
  const Schedule staged = stage(schedule);
  std::vector<Plan> plans;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    const auto is_near = [&](int peer) { return machine.host(peer) == machine.host(rank); };
    plans.push_back(lower(staged, rank, /*inline_payload=*/false, is_near));
  }
  return cast_of(plans);
}

Cast cast_for(const Machine& machine, const Schedule& schedule, const Symmetry& symmetry) {
  const bool as_plans = !machine.wired() && schedule.ranks <= kMostPlans;
  return as_plans ? cast_as_plans(machine, schedule) : cast_of(schedule, symmetry);
}

Status unfit(const SimulationRequest& request, const Machine& machine) {
  const Group group = group_of(machine);
  return {Code::kNotSupported, std::string(name(request.collective)) + " algorithm " +
                                   request.algorithm + " does not run on " +
                                   std::to_string(group.ranks) + " ranks of " +
                                   std::to_string(group.host_count()) + " hosts"};
}

// Steps of all programs that are wanted, from those of a few.
std::size_t count_steps(const Algorithm& algorithm, Group group, int root) {
  const int programs = static_cast<int>(group.wanted_ranks().size());
  group.wanted = {0};
  if (group.ranks > 2) group.wanted.push_back(group.ranks / 2);
  const Schedule some = algorithm.make(group, root);
  std::size_t most = 0;
  for (const int rank : group.wanted) most = std::max(most, some.at(rank).steps.size());
  return most * programs;
}

// The schedule of a catalogued algorithm, with the programs that are needed.
struct Played {
  Schedule schedule;
  Symmetry symmetry;
};
Result<Played> played(const Machine& machine, const SimulationRequest& request, bool every_rank) {
  const Algorithm* algorithm = find_algorithm(request.collective, request.algorithm);
  if (algorithm == nullptr) {
    return {Code::kInvalidArgument, std::string(name(request.collective)) + " has no algorithm \"" +
                                        request.algorithm + "\": docs/algorithms.md names them"};
  }
  if (!can_run(machine, *algorithm)) return unfit(request, machine);
  Group group = group_of(machine);
  if (request.root < 0 || request.root >= group.ranks) {
    return {Code::kInvalidArgument, "root " + std::to_string(request.root) +
                                        ": expected one of the " + std::to_string(group.ranks) +
                                        " ranks"};
  }
  Symmetry symmetry = Symmetry::none(group.ranks);
  const bool as_plans = !machine.wired() && group.ranks <= kMostPlans;
  if (!every_rank && !as_plans && algorithm->alike != nullptr) {
    symmetry = symmetry_on(machine, algorithm->alike(group));
  }
  if (symmetry.kind != Symmetry::Kind::kNone) {
    for (int rank = 0; rank < symmetry.representatives(); ++rank) group.wanted.push_back(rank);
  }
  if (const std::size_t steps = count_steps(*algorithm, group, request.root); steps > kMostSteps) {
    return {Code::kNotSupported, "a schedule of " + std::to_string(steps) +
                                     " steps: expected at most " + std::to_string(kMostSteps) +
                                     "; take fewer ranks, or an algorithm that sends less often"};
  }
  return Played{algorithm->make(group, request.root), symmetry};
}

Result<Played> imported(const Machine& machine, const SimulationRequest& request) {
  Result<Imported> file = import_schedule(request.schedule_file);
  if (!file.ok()) return file.status();
  if (file->schedule.ranks != machine.ranks) {
    return {Code::kInvalidArgument,
            request.schedule_file + ": is of " + std::to_string(file->schedule.ranks) +
                " ranks: expected a cluster of as many, not of " + std::to_string(machine.ranks)};
  }
  if (needs_mapped(file->schedule) && !machine.host_of.empty()) {
    return {Code::kNotSupported,
            request.schedule_file + ": reads memory of peers: expected a cluster of one host"};
  }
  return Played{std::move(file->schedule), Symmetry::none(machine.ranks)};
}

}  // namespace

Group group_of(const Machine& machine) {
  return machine.host_of.empty() ? Group(machine.ranks) : Group::on_hosts(machine.host_of);
}

bool can_run(const Machine& machine, const Algorithm& algorithm) {
  return allows(algorithm, group_of(machine)) && (!algorithm.pull || machine.host_of.empty());
}

Result<Production> produce(const Machine& machine, const SimulationRequest& request,
                           bool every_rank) {
  const bool from_file = !request.schedule_file.empty();
  const Result<Played> played =
      from_file ? imported(machine, request) : tutti::played(machine, request, every_rank);
  if (!played.ok()) return played.status();
  Production production{.algorithm = from_file ? request.schedule_file : request.algorithm,
                        .collective = played->schedule.collective,
                        .cast = cast_for(machine, played->schedule, played->symmetry),
                        .call = {}};
  const Result<SimulatedCall> call =
      cut_up(played->schedule, production.cast, pieces_of(machine, request), request);
  if (!call.ok()) return call.status();
  production.call = *call;
  return production;
}

}  // namespace tutti
