// Tested by cli_topo_test.cc.

#include "cli/topo_json.h"

#include <nlohmann/json.hpp>

#include "cli/topo_matrix.h"

namespace tutti::cli {
namespace {

using Json = nlohmann::ordered_json;

// ---- the machine

Json json_of(const Net& net) {
  return {{"name", net.name},
          {"device", net.device},
          {"mbit_per_s", net.speed},
          {"port", net.port},
          {"guid", net.guid},
          {"rdma", net.rdma},
          {"collectives", net.collectives}};
}

Json json_of(const std::vector<Net>& nets) {
  Json list = Json::array();
  for (const Net& net : nets) list.push_back(json_of(net));
  return list;
}

Json json_of(const Gpu& gpu) {
  Json nvlinks = Json::array();
  for (const NvLinks& links : gpu.nvlinks) {
    nvlinks.push_back(
        {{"target", links.target}, {"class", links.target_class}, {"count", links.count}});
  }
  Json c2c = Json::array();
  for (const C2cLinks& links : gpu.c2c) {
    c2c.push_back({{"mb_per_s", links.bandwidth}, {"count", links.count}});
  }
  return {{"device", gpu.device}, {"sm", gpu.sm},       {"rank", gpu.rank},
          {"rdma", gpu.rdma},     {"nvlinks", nvlinks}, {"c2c", c2c}};
}

Json json_of(const PciDevice& device) {
  Json behind = Json::array();
  for (const PciDevice& other : device.devices) behind.push_back(json_of(other));
  return {{"bus", device.bus},
          {"class", device.class_code},
          {"vendor", device.vendor},
          {"device", device.device},
          {"link_speed", device.link_speed},
          {"link_width", device.link_width},
          {"gpu", device.gpu ? json_of(*device.gpu) : Json()},
          {"nets", json_of(device.nets)},
          {"devices", behind}};
}

Json json_of(const Cpu& cpu) {
  Json caches = Json::array(), devices = Json::array(), ranks = Json::array();
  for (const Cache& cache : cpu.caches) {
    caches.push_back({{"level", cache.level}, {"bytes", cache.bytes}, {"cpus", cache.cpus}});
  }
  for (const PciDevice& device : cpu.devices) devices.push_back(json_of(device));
  for (const CpuRank& rank : cpu.ranks) {
    ranks.push_back({{"rank", rank.rank}, {"cpus", rank.cpus}});
  }
  return {{"numa", cpu.numa},     {"package", cpu.package}, {"arch", cpu.arch},
          {"vendor", cpu.vendor}, {"family", cpu.family},   {"model", cpu.model},
          {"cpus", cpu.cpus},     {"cores", cpu.cores},     {"memory_bytes", cpu.memory_bytes},
          {"caches", caches},     {"devices", devices},     {"nets", json_of(cpu.nets)},
          {"ranks", ranks}};
}

Json json_of(const TopologyHost& host) {
  Json cpus = Json::array();
  for (const Cpu& cpu : host.cpus) cpus.push_back(json_of(cpu));
  return {{"name", host.name}, {"id", host.id}, {"fabric", host.fabric}, {"cpus", cpus}};
}

// ---- paths

const char* kind_name(PlaceKind kind) {
  switch (kind) {
    case PlaceKind::kGpu:
      return "gpu";
    case PlaceKind::kCpu:
      return "cpu";
    case PlaceKind::kNet:
      return "net";
  }
  return "";
}

Json json_of(const Place& place) {
  return {{"kind", kind_name(place.kind)},
          {"label", place.label},
          {"host", place.host},
          {"cpu", place.cpu},
          {"device", place.device}};
}

Json json_of(const PathMatrix& matrix) {
  Json places = Json::array(), types = Json::array(), bandwidths = Json::array();
  for (const Place& place : matrix.places) places.push_back(json_of(place));
  for (const std::vector<Path>& row : matrix.paths) {
    Json row_types = Json::array(), row_bandwidths = Json::array();
    for (const Path& path : row) {
      row_types.push_back(name(path.type));
      row_bandwidths.push_back(path.bandwidth);
    }
    types.push_back(row_types);
    bandwidths.push_back(row_bandwidths);
  }
  return {{"places", places}, {"types", types}, {"gb_per_s", bandwidths}};
}

// ---- what the search found

Json json_of(const FoundWays& ways) {
  Json members = Json::array(), rings = Json::array(), trees = Json::array(),
       levels = Json::array();
  for (const Member& member : ways.members) {
    members.push_back({{"rank", member.rank}, {"place", json_of(member.place)}});
  }
  for (const FoundRing& ring : ways.rings) {
    rings.push_back({{"order", ring.order},
                     {"gb_per_s", ring.bandwidth},
                     {"inside", name(ring.inside)},
                     {"between", name(ring.between)},
                     {"ports", ring.ports},
                     {"exits", ring.exits}});
  }
  for (const FoundTree& tree : ways.trees) {
    trees.push_back({{"parents", tree.parents},
                     {"gb_per_s", tree.bandwidth},
                     {"inside", name(tree.inside)},
                     {"between", name(tree.between)}});
  }
  for (const FoundLevel& level : ways.levels) {
    levels.push_back(
        {{"name", level.name}, {"groups", level.groups}, {"gb_per_s", level.bandwidth}});
  }
  return {{"complete", ways.complete},
          {"members", members},
          {"rings", rings},
          {"trees", trees},
          {"levels", levels}};
}

Json json_of_paths(const Topology& topology, MatrixSize size) {
  constexpr std::size_t kMany = 128;
  if (size == MatrixSize::kNone) return nullptr;
  if (size == MatrixSize::kSummary && count_places(topology) > kMany) return nullptr;
  return json_of(path_matrix(topology));
}

}  // namespace

std::string topo_json(const TopologyReport& report, MatrixSize size) {
  Json hosts = Json::array();
  for (const TopologyHost& host : report.topology.hosts) hosts.push_back(json_of(host));
  const Json document = {{"tutti", TUTTI_VERSION},
                         {"hosts", hosts},
                         {"paths", json_of_paths(report.topology, size)},
                         {"ways", json_of(find_ways(report.topology))},
                         {"notes", report.notes}};
  // Texts of the system may be no UTF-8.
  return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tutti::cli
