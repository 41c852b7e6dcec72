#include "simulator/links.h"

#include <algorithm>
#include <limits>

namespace tutti {

Links::Links(const Machine& machine, const Symmetry& symmetry)
    : machine_(machine), symmetry_(symmetry) {
  const int ranks = symmetry.representatives();
  std::vector<int> on_host;
  for (int rank = 0; rank < ranks; ++rank) {
    const int host = machine.host(rank);
    if (host >= static_cast<int>(on_host.size())) on_host.resize(host + 1);
    places_.push_back(on_host[host]++);
  }
  const int hosts = static_cast<int>(on_host.size());
  per_host_ = *std::max_element(on_host.begin(), on_host.end());
  const int leaves = machine.leaf_hosts == 0 ? 0 : (hosts - 1) / machine.leaf_hosts + 1;
  const bool has_pairs = !machine.pairs.empty();

  const auto add = [this](Kind kind, int number, double capacity) {
    first_[kind] = count();
    if (capacity > 0) capacities_.insert(capacities_.end(), number, capacity);
  };
  add(kRankOut, ranks, machine.rank_port);
  add(kRankIn, ranks, machine.rank_port);
  add(kPair, 0, 0);
  for (int i = 0; has_pairs && i < ranks; ++i) {
    for (int place = 0; place < per_host_; ++place) {
      capacities_.push_back(machine.pairs[places_[i] * per_host_ + place]);
    }
  }
  add(kPortOut, hosts * machine.ports, machine.host_port);
  add(kPortIn, hosts * machine.ports, machine.host_port);
  add(kLeafOut, leaves, machine.leaf_port);
  add(kLeafIn, leaves, machine.leaf_port);
}

int Links::port_of(int rank) const {
  return machine_.host(rank) * machine_.ports + places_[rank] % machine_.ports;
}

int Links::leaf_of(int rank) const { return machine_.host(rank) / machine_.leaf_hosts; }

Route Links::route(int from, int to) const {
  Route route;
  const int stand_in = symmetry_.representative(to);
  route.is_far = machine_.host(from) != machine_.host(to);
  if (!route.is_far) {
    const int pair = find(kPair, from * per_host_ + places_[stand_in]);
    if (!machine_.pairs.empty() && capacities_[pair] > 0) {
      route.add(pair);
    } else if (machine_.rank_port > 0) {
      route.add(find(kRankOut, from));
      route.add(find(kRankIn, stand_in));
    }
    return route;
  }
  if (machine_.host_port > 0) {
    route.add(find(kPortOut, port_of(from)));
    route.add(find(kPortIn, port_of(stand_in)));
  }
  const bool crosses = machine_.leaf_hosts > 0 && machine_.host(from) / machine_.leaf_hosts !=
                                                      machine_.host(to) / machine_.leaf_hosts;
  if (crosses && machine_.leaf_port > 0) {
    route.add(find(kLeafOut, leaf_of(from)));
    route.add(find(kLeafIn, leaf_of(stand_in)));
  }
  return route;
}

double Links::shortest(const Route& route, double bytes) const {
  double least = std::numeric_limits<double>::infinity();
  for (const int link : route.all()) least = std::min(least, capacities_[link]);
  return route.count == 0 ? 0 : bytes / least;
}

std::string Links::name(int link) const {
  int kind = kKinds - 1;
  while (kind > 0 && first_[kind] > link) --kind;
  // Kinds without links begin where the next one does.
  while (kind + 1 < kKinds && first_[kind + 1] == first_[kind] && first_[kind + 1] <= link) ++kind;
  const int number = link - first_[kind];
  const auto port = [&] {
    return "host " + std::to_string(number / machine_.ports) + " port " +
           std::to_string(number % machine_.ports);
  };
  switch (static_cast<Kind>(kind)) {
    case kRankOut:
      return "rank " + std::to_string(number) + " out";
    case kRankIn:
      return "rank " + std::to_string(number) + " in";
    case kPair: {
      const int from = number / per_host_;
      const int first = from - places_[from];  // of its host, whose ranks follow each other
      return "rank " + std::to_string(from) + " to rank " +
             std::to_string(first + number % per_host_);
    }
    case kPortOut:
      return port() + " out";
    case kPortIn:
      return port() + " in";
    case kLeafOut:
      return "leaf " + std::to_string(number) + " out";
    case kLeafIn:
      return "leaf " + std::to_string(number) + " in";
    case kKinds:
      break;
  }
  return "";
}

}  // namespace tutti
