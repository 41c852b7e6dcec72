#include "tuner/predict.h"

#include <algorithm>
#include <numeric>

#include "plan/plan.h"
#include "schedule/stage.h"
#include "simulator/simulate.h"
#include "simulator/symmetry_on.h"

namespace tutti {
namespace {

// Up to here ranks are simulated as the executor runs them, plan by plan; beyond, their programs.
constexpr int kMostPlans = 16;
// A schedule with more, of ranks that are not alike, would take too long to look at.
constexpr std::size_t kMostSteps = 30'000;
// Calls in a row, of which one's time is told: as many as make up so many bytes.
constexpr std::size_t kRowBytes = 64 << 10;
constexpr std::size_t kMostInRow = 16;
constexpr std::size_t kMostInRowOfMany = 4;
// As few as tell the pace of all.
constexpr std::size_t kFewBlocks = 1;

// Input and output of a rank together.
std::size_t user_bytes(Collective collective, int ranks, std::size_t bytes) {
  switch (collective) {
    case Collective::kAllReduce:
    case Collective::kAllToAll:
    case Collective::kBroadcast:
    case Collective::kReduce:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return 2 * bytes;
    case Collective::kAllGather:
    case Collective::kReduceScatter:
    case Collective::kGather:
    case Collective::kScatter:
      return bytes + bytes / ranks;
    case Collective::kBarrier:
    case Collective::kSendRecv:
      return bytes;
  }
  return bytes;
}

// Ranks that share cores as ranks with slower ones: so they are all alike.
Machine evened_out(Machine machine, const Group& group) {
  const int most = group.most_ranks_per_host();
  if (machine.cores == 0 || machine.cores >= most) return machine;
  const double factor = static_cast<double>(most) / machine.cores;
  machine.rank = slowed(machine.rank, factor);
  // A rank that waits is back after all others had their turn.
  machine.near.latency += machine.rank.turn * factor;
  machine.cores = 0;
  return machine;
}

int most_far_peers(const Cast& cast, const Group& group) {
  int most = 0;
  for (int rank = 0; rank < static_cast<int>(cast.scripts.size()); ++rank) {
    const std::vector<int>& peers = cast.scripts[rank].receivers;
    most = std::max<int>(most, std::count_if(peers.begin(), peers.end(), [&](int peer) {
                           return group.host_of(peer) != group.host_of(rank);
                         }));
  }
  return most;
}

}  // namespace

Predictor::Predictor(const Surroundings& surroundings) : surroundings_(surroundings) {
  use(surroundings.model);
}

void Predictor::use(const Model& model) {
  surroundings_.model = model;
  machine_ = machine_of(model, surroundings_.group, surroundings_.cores);
  if (surroundings_.group.ranks > kMostPlans) machine_ = evened_out(machine_, surroundings_.group);
  pair_machine_ = machine_of(model, pair_, surroundings_.cores);
}

Predictor::Part Predictor::make(const Algorithm& algorithm, Flavor flavor) const {
  const Group& group = group_of(algorithm.collective);
  if (group.ranks > kMostPlans) return make_of_many(algorithm);
  Schedule schedule = algorithm.make(group, /*root=*/0);
  Part part{.cast = {}, .chunks = schedule.chunks};
  if (flavor == Flavor::kStaged) schedule = stage(schedule);
  std::vector<Plan> plans;
  for (int rank = 0; rank < group.ranks; ++rank) {
    const auto is_near = [&](int peer) { return group.host_of(peer) == group.host_of(rank); };
    plans.push_back(lower(schedule, rank, flavor == Flavor::kInline, is_near));
  }
  part.cast = cast_of(plans);
  return part;
}

// A call of one block is a block to the simulator, and the next call the next one.
double Predictor::seconds_in_row(const Cast& cast, Machine machine, SimulatedCall call,
                                 double meeting) const {
  const std::size_t most = machine.ranks <= kMostPlans ? kMostInRow : kMostInRowOfMany;
  call.blocks = std::clamp<std::size_t>(kRowBytes / (call.user_bytes / 2 + 1), 1, most);
  call.piece_bytes *= call.blocks;
  machine.rank.block += machine.rank.call + meeting;
  machine.rank.call = 0;
  return simulate(cast, machine, call).seconds / call.blocks;
}

// Only programs of ranks that are not alike are made. Staging, and payloads in signals, are left
// out: what they cost matters less the more ranks there are.
Predictor::Part Predictor::make_of_many(const Algorithm& algorithm) const {
  Group group = surroundings_.group;
  const Symmetry symmetry = symmetry_on(machine_, algorithm.alike(group));
  if (symmetry.representatives() > kMostPlans) {
    group.wanted = {0};
    const Schedule first = algorithm.make(group, /*root=*/0);
    const std::size_t steps = first.at(0).steps.size() * symmetry.representatives();
    if (steps > kMostSteps) return {.cast = {}, .chunks = first.chunks};
  }
  group.wanted.resize(symmetry.representatives());
  std::iota(group.wanted.begin(), group.wanted.end(), 0);
  const Schedule schedule = algorithm.make(group, /*root=*/0);
  return {.cast = cast_of(schedule, symmetry), .chunks = schedule.chunks};
}

const Predictor::Part& Predictor::part(const Algorithm& algorithm, Flavor flavor) {
  const auto [at, is_new] = parts_.try_emplace({&algorithm, flavor});
  if (is_new) {
    at->second = make(algorithm, flavor);
    at->second.far_peers = most_far_peers(at->second.cast, group_of(algorithm.collective));
  }
  return at->second;
}

std::size_t Predictor::piece_bytes(const Algorithm& algorithm, std::size_t bytes) {
  const int ranks = group_of(algorithm.collective).ranks;
  const std::size_t parts = has_parts(algorithm.collective) ? ranks : 1;
  const std::size_t pieces = parts * part(algorithm, Flavor::kInline).chunks;
  return (bytes + pieces - 1) / pieces;
}

bool Predictor::fits(const Way& way, std::size_t bytes) {
  const Part& part = this->part(*way.algorithm, way.flavor);
  if (part.cast.scripts.empty()) return false;
  const int width =
      way.flavor == Flavor::kInline ? lines_for(piece_bytes(*way.algorithm, bytes)) : 1;
  const std::size_t lines = 2 * static_cast<std::size_t>(part.cast.lines) * width;
  return width <= kMostLines && lines <= surroundings_.room.lines &&
         least_scratch(part.cast.scratch_chunks) <= surroundings_.room.scratch_bytes;
}

int Predictor::far_peers(const Way& way) { return part(*way.algorithm, way.flavor).far_peers; }

double Predictor::seconds(const Way& way, std::size_t bytes) {
  const Part& part = this->part(*way.algorithm, way.flavor);
  const std::size_t piece = std::max<std::size_t>(piece_bytes(*way.algorithm, bytes), 1);
  const int width = way.flavor == Flavor::kInline ? lines_for(piece) : 1;
  const Cut cuts = cut({part.cast.scratch_chunks, part.cast.lines, width}, surroundings_.room,
                       piece, /*element=*/1, {way.tile_bytes, way.lanes});
  const bool is_pair = way.algorithm->collective == Collective::kSendRecv;
  const Machine& machine = is_pair ? pair_machine_ : machine_;
  const SimulatedCall call{
      .piece_bytes = piece,
      .tile_bytes = cuts.tile,
      .blocks = cuts.blocks,
      .lanes = cuts.lanes,
      .width = width,
      .stream = way.stream,
      .user_bytes = user_bytes(way.algorithm->collective, machine.ranks, bytes),
      .room = surroundings_.room};
  const double meeting = way.flavor == Flavor::kMapped ? surroundings_.model.meet : 0;
  if (call.blocks > 1) {
    return meeting + simulate(part.cast, machine, call, {.most_blocks = kFewBlocks}).seconds;
  }
  return seconds_in_row(part.cast, machine, call, meeting);
}

}  // namespace tutti
