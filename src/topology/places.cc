// Tested by topology_paths_test.cc.

#include "topology/places.h"

#include <algorithm>

#include "topology/words.h"

namespace tutti {
namespace {

void add_nets(const std::vector<Net>& nets, Place place, std::vector<Place>& places) {
  for (const Net& net : nets) {
    place.device = net.device;
    place.label = net.name;
    places.push_back(place);
  }
}

void add_devices(const std::vector<PciDevice>& devices, Place place, PlaceKind kind,
                 std::vector<Place>& places) {
  for (const PciDevice& device : devices) {
    if (kind == PlaceKind::kGpu && device.gpu) {
      place.device = device.gpu->device;
      place.label = std::string("GPU").append(std::to_string(place.device));
      places.push_back(place);
    }
    if (kind == PlaceKind::kNet) add_nets(device.nets, place, places);
    add_devices(device.devices, place, kind, places);
  }
}

std::vector<Place> places_of(const TopologyHost& host, int number, PlaceKind kind) {
  std::vector<Place> places;
  for (int cpu = 0; cpu < static_cast<int>(host.cpus.size()); ++cpu) {
    Place place{.kind = kind, .host = number, .cpu = cpu, .device = 0, .label = ""};
    if (kind == PlaceKind::kCpu) {
      place.device = host.cpus[cpu].numa;
      place.label = std::string("CPU").append(std::to_string(place.device));
      places.push_back(place);
    }
    add_devices(host.cpus[cpu].devices, place, kind, places);
    if (kind == PlaceKind::kNet) add_nets(host.cpus[cpu].nets, place, places);
  }
  std::ranges::stable_sort(places, {}, &Place::device);
  return places;
}

NodeKind node_kind(PlaceKind kind) {
  switch (kind) {
    case PlaceKind::kGpu:
      return NodeKind::kGpu;
    case PlaceKind::kCpu:
      return NodeKind::kCpu;
    case PlaceKind::kNet:
      return NodeKind::kPort;
  }
  return NodeKind::kNetwork;
}

}  // namespace

std::vector<Spotted> spot(const Topology& topology, const std::vector<Unit>& units,
                          PlaceKind kind) {
  std::vector<Spotted> all;
  for (int unit = 0; unit < static_cast<int>(units.size()); ++unit) {
    // Both lists are by host and device, and of one device in the order of the topology.
    const std::vector<int> nodes = units[unit].graph.nodes_of(node_kind(kind));
    auto node = nodes.begin();
    for (const int host : units[unit].hosts) {
      for (Place& place : places_of(topology.hosts[host], host, kind)) {
        if (topology.hosts.size() > 1) place.label.insert(0, host_name(topology, host) + "/");
        all.push_back({std::move(place), unit, *node++});
      }
    }
  }
  std::ranges::stable_sort(all, {}, [](const Spotted& spotted) { return spotted.place.host; });
  return all;
}

}  // namespace tutti
