// Tested by cli_doctor_placement_test.cc.

#include "cli/doctor_placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

using Places = std::set<int>;  // processors, or cores

struct Crowd {
  Places places;
  std::vector<int> ranks;  // that can run nowhere else
};

std::vector<int> all_of(const Places& places) { return {places.begin(), places.end()}; }

std::size_t nodes_of(const Processors& processors) {
  Places nodes;
  for (const int processor : processors.online) nodes.insert(processors.node_of(processor));
  return nodes.size();
}

// Sets of places that some rank is bound to and that have more ranks than places.
std::vector<Crowd> find_crowds(const Crew& crew, const std::function<int(int)>& place_of) {
  std::vector<Places> places;
  for (const BoundRank& rank : crew.on_machine) {
    places.emplace_back();
    for (const int processor : rank.processors) places.back().insert(place_of(processor));
  }
  std::vector<Crowd> crowds;
  for (const Places& one : std::set<Places>(places.begin(), places.end())) {
    Crowd crowd{one, {}};
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (std::includes(one.begin(), one.end(), places[i].begin(), places[i].end())) {
        crowd.ranks.push_back(crew.on_machine[i].rank);
      }
    }
    if (crowd.ranks.size() > one.size()) crowds.push_back(std::move(crowd));
  }
  return crowds;
}

// The times are of the development machine: 2 ranks on 2 processors and on one of them.
Finding crowded(const Crowd& crowd, bool others_are_free) {
  return {Severity::kCosts,
          fmt::format("{} on {} ({})", ranks_text(crowd.ranks),
                      count_text(static_cast<long>(crowd.places.size()), "processor"),
                      list_text(all_of(crowd.places))),
          "ranks take turns: an all_reduce of 8 B of 2 ranks took 2.5 µs on one processor, 0.3 µs "
          "on two; and each computes only in its turn",
          others_are_free ? "bind each rank to a processor of its own: mpirun --bind-to core"
                          : "start no more ranks than processors"};
}

Finding threads_of_core(const Crowd& crowd, bool others_are_free) {
  return {others_are_free ? Severity::kCosts : Severity::kNote,
          fmt::format("{} run on threads of {} (processors {} and their siblings)",
                      ranks_text(crowd.ranks),
                      count_text(static_cast<long>(crowd.places.size()), "core"),
                      list_text(all_of(crowd.places))),
          "ranks share what computes and its caches: large reductions take longer",
          others_are_free ? "mpirun --map-by core --bind-to core" : ""};
}

std::size_t cores_of(const Processors& processors) {
  Places cores;
  for (const int processor : processors.online) cores.insert(processors.core_of(processor));
  return cores.size();
}

bool is_unbound(const BoundRank& rank, const Processors& processors) {
  return rank.processors.size() > 1 && rank.processors.size() >= processors.online.size();
}

bool is_far(const BoundRank& rank, const Processors& processors, int node) {
  return std::none_of(rank.processors.begin(), rank.processors.end(),
                      [&](int processor) { return processors.node_of(processor) == node; });
}

Finding told_alone(const Crew& crew, const Processors& processors) {
  const std::vector<int>& mine = crew.on_machine[0].processors;
  const std::string what =
      fmt::format("a rank started here may run on {} of {}", mine.size(),
                  count_text(static_cast<long>(processors.online.size()), "processor"));
  if (mine.size() == processors.online.size()) return good(what);
  return {Severity::kNote, fmt::format("{}: {}", what, list_text(mine)),
          "all ranks started from here share these",
          "lift the binding (taskset, cpuset of the container or the batch system) if it is not "
          "meant"};
}

}  // namespace

Findings check_sharing(const Crew& crew, const Processors& processors) {
  Findings findings;
  const auto ranks = crew.on_machine.size();
  for (const Crowd& crowd : find_crowds(crew, [](int processor) { return processor; })) {
    findings.push_back(crowded(crowd, ranks <= processors.online.size()));
  }
  if (!findings.empty()) return findings;
  const auto core_of = [&](int processor) { return processors.core_of(processor); };
  for (const Crowd& crowd : find_crowds(crew, core_of)) {
    findings.push_back(threads_of_core(crowd, ranks <= cores_of(processors)));
  }
  if (!findings.empty()) return findings;
  return {good(fmt::format("{} on this machine, which has {} (online)",
                           count_text(static_cast<long>(ranks), "rank"),
                           count_text(static_cast<long>(processors.online.size()), "processor")))};
}

Findings check_binding(const Crew& crew, const Processors& processors) {
  std::vector<int> unbound;
  for (const BoundRank& rank : crew.on_machine) {
    if (is_unbound(rank, processors)) unbound.push_back(rank.rank);
  }
  if (unbound.empty()) return {good("every rank is bound to some of the processors")};
  const bool has_nodes = nodes_of(processors) > 1;
  return {{has_nodes ? Severity::kCosts : Severity::kNote,
           fmt::format("not bound to processors: {}", ranks_text(unbound)),
           has_nodes ? "a rank that moves to another NUMA node leaves its memory behind: every "
                       "access is then a remote one"
                     : "a rank that moves to another processor finds cold caches",
           "mpirun --bind-to core, srun --cpu-bind=cores"}};
}

Findings check_distance(const Crew& crew, const Processors& processors,
                        const std::vector<PlacedDevice>& devices) {
  Findings findings;
  for (const PlacedDevice& device : devices) {
    if (device.node < 0 || nodes_of(processors) < 2) continue;
    std::vector<int> far;
    for (const BoundRank& rank : crew.on_machine) {
      if (is_far(rank, processors, device.node)) far.push_back(rank.rank);
    }
    if (far.empty()) continue;
    const bool all = far.size() == crew.on_machine.size();
    findings.push_back({all ? Severity::kCosts : Severity::kNote,
                        fmt::format("bound away from NUMA node {} of {}: {}", device.node,
                                    device.name, ranks_text(far)),
                        "what they send between hosts crosses from socket to socket first",
                        all ? "bind ranks to processors of that node too"
                            : "nothing, if every node has its ranks; or devices on every node"});
  }
  return findings;
}

Findings check_placement(const Crew& crew, const Processors& processors,
                         const std::vector<PlacedDevice>& devices) {
  if (processors.online.empty() || crew.on_machine.empty()) return {};
  Findings findings;
  if (crew.is_launched) {
    findings = check_sharing(crew, processors);
    // Where ranks take turns anyhow, that they may move is no harm.
    if (worst(findings) < Severity::kCosts) append(findings, check_binding(crew, processors));
  } else {
    findings.push_back(told_alone(crew, processors));
  }
  append(findings, check_distance(crew, processors, devices));
  return findings;
}

}  // namespace tutti::cli::doctor
