// What tutti/simulate.h offers. Tested by simulation_test.cc.

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "schedule/cost.h"
#include "simulator/links.h"
#include "simulator/machine_of.h"
#include "simulator/machine_text.h"
#include "studio/goal.h"
#include "studio/import.h"
#include "studio/production.h"
#include "studio/recorder.h"
#include "studio/timeline_svg.h"
#include "studio/trace_json.h"
#include "tutti/simulate.h"

namespace tutti {
namespace {

constexpr std::size_t kLeastBlocks = 64, kMostBlocks = 1024, kMostDeeds = 4'000'000;
constexpr std::size_t kMostTraced = 200'000;
// Up to here every rank is simulated for a picture, even where one stands for all.
constexpr int kMostRanksInPictures = 64;
constexpr double kGiga = 1e9;

int host_count(const Machine& machine) {
  return machine.host_of.empty() ? 1 : 1 + *std::ranges::max_element(machine.host_of);
}

// As nccl-tests has it: what links carry for each byte of the call.
double bus_factor(Collective collective, int ranks) {
  const double n = ranks;
  switch (collective) {
    case Collective::kAllReduce:
      return 2 * (n - 1) / n;
    case Collective::kAllGather:
    case Collective::kReduceScatter:
    case Collective::kAllToAll:
    case Collective::kGather:
    case Collective::kScatter:
      return (n - 1) / n;
    case Collective::kBroadcast:
    case Collective::kReduce:
    case Collective::kSendRecv:
    case Collective::kBarrier:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return 1;
  }
  return 1;
}

// "rank 3 out" is of the kind "rank out".
std::string kind_of_link(const std::string& name) {
  std::string kind;
  for (const char c : name) {
    if (c < '0' || c > '9') kind += c;
  }
  return kind;
}

std::vector<LinkUse> busiest_links(const Machine& machine, const Symmetry& symmetry,
                                   const Simulated& simulated) {
  const Links links(machine, symmetry);
  std::map<std::string, LinkUse> busiest;
  for (int link = 0; link < links.count(); ++link) {
    const double use = simulated.link_bytes[link] / (links.capacity(link) * simulated.seconds);
    LinkUse& best = busiest[kind_of_link(links.name(link))];
    if (use > best.utilisation) best = {links.name(link), use};
  }
  std::vector<LinkUse> uses;
  for (const auto& [kind, use] : busiest) {
    if (use.utilisation > 0) uses.push_back(use);
  }
  std::ranges::stable_sort(uses, std::greater{}, &LinkUse::utilisation);
  return uses;
}

std::string title_of(const Production& production, const Machine& machine, std::size_t bytes) {
  std::size_t slash = production.algorithm.rfind('/');
  slash = slash == std::string::npos ? 0 : slash + 1;
  const auto scaled = [&]() -> std::string {
    for (const auto& [unit, suffix] :
         {std::pair{1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}}) {
      if (bytes >= static_cast<std::size_t>(unit) && bytes % unit == 0) {
        return std::to_string(bytes / unit) + suffix;
      }
    }
    return std::to_string(bytes) + " B";
  };
  return std::string(name(production.collective)) + " of " + scaled() + " by " +
         production.algorithm.substr(slash) + ", " + std::to_string(machine.ranks) + " ranks";
}

NetworkModel network_of(SimulationModel model) {
  return model == SimulationModel::kFlows ? NetworkModel::kFlows : NetworkModel::kMessages;
}

// Both pictures from one run.
class Watching final : public Spectator {
 public:
  Watching(const SimulationRequest& request, const Cast& cast, int ranks) {
    if (request.trace) trace_.emplace(cast, ranks, kMostTraced);
    if (request.svg) svg_.emplace(cast, kMostRanksDrawn, kMostActsDrawn);
  }
  void acted(int rank, std::size_t block, int deed, double begin, double end) override {
    if (trace_) trace_->acted(rank, block, deed, begin, end);
    if (svg_) svg_->acted(rank, block, deed, begin, end);
  }
  void carried(int from, int to, double bytes, double begin, double end) override {
    if (trace_) trace_->carried(from, to, bytes, begin, end);
    if (svg_) svg_->carried(from, to, bytes, begin, end);
  }
  bool watches() const { return trace_ || svg_; }
  const std::optional<Recorder>& trace() const { return trace_; }
  const std::optional<Recorder>& svg() const { return svg_; }

 private:
  std::optional<Recorder> trace_, svg_;
};

// Enough to tell the pace of all, and not so many that it takes long.
std::size_t most_blocks(const Cast& cast) {
  std::size_t deeds = 1;
  for (const Script& script : cast.scripts) deeds += script.deeds.size();
  return std::clamp(kMostDeeds / deeds, kLeastBlocks, kMostBlocks);
}

std::string note_of(const Simulated& simulated, const Production& production) {
  if (simulated.blocks == production.call.blocks) return "";
  return "Of " + std::to_string(production.call.blocks) + " blocks the first " +
         std::to_string(simulated.blocks) + " were simulated.";
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string gigabytes(double bytes_per_second) {
  const double value = bytes_per_second / kGiga;
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.1f GB/s" : "%.0f GB/s", value);
  return text;
}

}  // namespace

ModelCluster::ModelCluster(Machine machine)
    : machine_(std::make_shared<const Machine>(std::move(machine))) {}

Result<ModelCluster> ModelCluster::parse(const std::string& text) {
  const Result<Machine> machine = parse_machine(text);
  if (!machine.ok()) return machine.status();
  return ModelCluster(*machine);
}

Result<ModelCluster> ModelCluster::of(const Topology& topology) {
  const Result<Machine> machine = machine_of(topology);
  if (!machine.ok()) return machine.status();
  return ModelCluster(*machine);
}

Result<ModelCluster> ModelCluster::times(int copies) const {
  if (copies < 1 || std::int64_t{copies} * ranks() > kMostMachineRanks) {
    return {Code::kInvalidArgument, "hosts " + std::to_string(copies) + ": expected from 1 to " +
                                        std::to_string(kMostMachineRanks / ranks())};
  }
  const Result<Machine> machine = multiplied(*machine_, copies);
  if (!machine.ok()) return machine.status();
  return ModelCluster(*machine);
}

int ModelCluster::ranks() const { return machine_->ranks; }
int ModelCluster::hosts() const { return host_count(*machine_); }

std::string ModelCluster::to_text() const {
  const Machine& m = *machine_;
  const int hosts = host_count(m);
  std::string text =
      hosts == 1 ? std::to_string(m.ranks) + " ranks on one host"
                 : std::to_string(m.ranks) + " ranks on " + std::to_string(hosts) + " hosts";
  if (!m.pairs.empty()) {
    text += ", links of two ranks of up to " + gigabytes(*std::ranges::max_element(m.pairs)) +
            ", else " + gigabytes(m.rank_port) + " each way";
  } else if (m.wired()) {
    text += ", " + gigabytes(m.rank_port) + " a rank each way";
  } else {
    text += ", shared memory";
  }
  if (hosts > 1) {
    text += "; between hosts " + std::to_string(m.ports) + " x " + gigabytes(m.host_port);
  }
  return text;
}

std::vector<std::string> simulated_algorithms(const ModelCluster& cluster, Collective collective) {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : catalog()) {
    const bool fits = algorithm.collective == collective && can_run(cluster.machine(), algorithm);
    if (fits) names.emplace_back(algorithm.name);
  }
  return names;
}

Result<Simulation> simulate(const ModelCluster& cluster, const SimulationRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  const Machine& machine = cluster.machine();
  const bool every_rank = (request.trace || request.svg) && machine.ranks <= kMostRanksInPictures;
  const Result<Production> production = produce(machine, request, every_rank);
  if (!production.ok()) return production.status();
  const Cast& cast = production->cast;
  Watching watching(request, cast, machine.ranks);
  const Simulated simulated = simulate(cast, machine, production->call,
                                       {.network = network_of(request.model),
                                        .most_blocks = most_blocks(cast),
                                        .spectator = watching.watches() ? &watching : nullptr});

  Simulation result;
  result.algorithm = production->algorithm;
  result.ranks = machine.ranks;
  result.simulated_ranks = cast.symmetry.representatives();
  result.seconds = simulated.seconds;
  result.algbw = static_cast<double>(request.bytes) / simulated.seconds / kGiga;
  result.busbw = result.algbw * bus_factor(production->collective, machine.ranks);
  result.busiest = busiest_links(machine, cast.symmetry, simulated);
  result.tile_bytes = production->call.tile_bytes;
  result.lanes = production->call.lanes;
  result.blocks = production->call.blocks;
  result.simulated_blocks = simulated.blocks;
  const std::string title = title_of(*production, machine, request.bytes);
  if (watching.trace()) result.trace = trace_json(title, machine, cast, *watching.trace());
  if (watching.svg()) {
    result.svg = timeline_svg({title, cluster.to_text(), note_of(simulated, *production)}, machine,
                              cast, *watching.svg());
  }
  result.wall_seconds = seconds_since(start);
  return result;
}

Result<std::string> goal_text(const ModelCluster& cluster, const SimulationRequest& request,
                              bool all_blocks) {
  const Result<Production> production = produce(cluster.machine(), request, /*every_rank=*/true);
  if (!production.ok()) return production.status();
  return to_goal(*production, cluster.machine(), all_blocks ? production->call.blocks : 1);
}

Result<ScheduleSummary> read_schedule(const std::string& path) {
  const Result<Imported> file = import_schedule(path);
  if (!file.ok()) return file.status();
  const Cost cost = tutti::cost(file->schedule);
  return ScheduleSummary{.name = file->name,
                         .collective = file->schedule.collective,
                         .ranks = file->schedule.ranks,
                         .chunks = file->schedule.chunks,
                         .in_place = file->in_place,
                         .needs_mapped = needs_mapped(file->schedule),
                         .steps = cost.steps,
                         .chunks_sent = cost.chunks_sent,
                         .chunks_reduced = cost.chunks_reduced,
                         .scratch_chunks = cost.scratch_chunks,
                         .dump = dump(file->schedule)};
}

}  // namespace tutti
