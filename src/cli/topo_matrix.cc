// Tested by cli_topo_test.cc.

#include "cli/topo_matrix.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>

namespace tutti::cli {
namespace {

const char* meaning(PathType type) {
  switch (type) {
    case PathType::kLocal:
      return "the same";
    case PathType::kNvLink:
      return "NVLinks, or an NVSwitch";
    case PathType::kNvHop:
      return "NVLinks through another GPU";
    case PathType::kC2c:
      return "a coherent link between GPU and processor";
    case PathType::kPix:
      return "at most one PCI switch";
    case PathType::kPxb:
      return "several PCI switches";
    case PathType::kP2c:
      return "a coherent link, then PCI";
    case PathType::kPxn:
      return "through a GPU that is nearer to the port";
    case PathType::kPhb:
      return "a host bridge: the processor's root complex";
    case PathType::kSys:
      return "the link between processors";
    case PathType::kNet:
      return "a network";
    case PathType::kNone:
      return "no way";
  }
  return "";
}

// What a set of paths of one type can carry.
struct Range {
  double least = std::numeric_limits<double>::max();
  double most = 0;

  void add(double bandwidth) {
    least = std::min(least, bandwidth);
    most = std::max(most, bandwidth);
  }
  std::string text() const {
    if (most == 0) return "";
    if (most - least < 0.05) return fmt::format("{:.3g} GB/s", most);
    return fmt::format("{:.3g} to {:.3g} GB/s", least, most);
  }
};

std::string legend_text(const std::map<PathType, Range>& types) {
  std::string text;
  for (const auto& [type, range] : types) {
    const std::string carries = range.text();
    text += fmt::format("  {}  {}{}\n", name(type), meaning(type),
                        carries.empty() ? "" : ": " + carries);
  }
  return text;
}

int count_ports(const std::vector<PciDevice>& devices) {
  int count = 0;
  for (const PciDevice& device : devices) {
    count += static_cast<int>(device.nets.size()) + (device.gpu ? 1 : 0);
    count += count_ports(device.devices);
  }
  return count;
}

const Gpu* find_gpu(const std::vector<PciDevice>& devices, int index) {
  for (const PciDevice& device : devices) {
    if (device.gpu && device.gpu->device == index) return &*device.gpu;
    if (const Gpu* behind = find_gpu(device.devices, index)) return behind;
  }
  return nullptr;
}

// Ranks whose memory is there.
std::vector<int> ranks_at(const Topology& topology, const Place& place) {
  const TopologyHost& host = topology.hosts[static_cast<std::size_t>(place.host)];
  std::vector<int> ranks;
  for (const Cpu& cpu : host.cpus) {
    if (place.kind == PlaceKind::kGpu) {
      const Gpu* gpu = find_gpu(cpu.devices, place.device);
      if (gpu != nullptr && gpu->rank >= 0) ranks.push_back(gpu->rank);
    } else if (place.kind == PlaceKind::kCpu && cpu.numa == place.device) {
      for (const CpuRank& rank : cpu.ranks) ranks.push_back(rank.rank);
    }
  }
  return ranks;
}

std::string rank_list(const std::vector<int>& ranks) {
  if (ranks.empty()) return "";
  const bool run =
      ranks.size() > 2 && ranks.back() - ranks.front() == static_cast<int>(ranks.size()) - 1;
  if (run) return fmt::format("ranks {}-{}", ranks.front(), ranks.back());
  return fmt::format("{} {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(ranks, ","));
}

std::size_t widest_label(const PathMatrix& matrix) {
  std::size_t width = 3;
  for (const Place& place : matrix.places) width = std::max(width, place.label.size());
  return width;
}

void strip_blanks(std::string& line) { line.resize(line.find_last_not_of(' ') + 1); }

Topology host_alone(const Topology& topology, int host) {
  return {{topology.hosts[static_cast<std::size_t>(host)]}};
}

// ---- the summary of many hosts

// Two hosts of every kind: all that there is between hosts is between those.
Topology samples(const Topology& topology, const std::vector<std::vector<int>>& groups) {
  constexpr std::size_t kKinds = 8;
  Topology sample;
  for (std::size_t kind = 0; kind < std::min(groups.size(), kKinds); ++kind) {
    for (std::size_t i = 0; i < std::min<std::size_t>(groups[kind].size(), 2); ++i) {
      sample.hosts.push_back(topology.hosts[static_cast<std::size_t>(groups[kind][i])]);
    }
  }
  return sample;
}

const char* kind_name(PlaceKind kind) {
  switch (kind) {
    case PlaceKind::kGpu:
      return "GPUs";
    case PlaceKind::kCpu:
      return "processors";
    case PlaceKind::kNet:
      return "ports";
  }
  return "";
}

std::string between_hosts(const Topology& topology, const std::vector<std::vector<int>>& groups) {
  const PathMatrix matrix = path_matrix(samples(topology, groups));
  std::map<PlaceKind, std::map<PathType, Range>> kinds;
  for (std::size_t a = 0; a < matrix.places.size(); ++a) {
    for (std::size_t b = 0; b < matrix.places.size(); ++b) {
      const Place &from = matrix.places[a], &to = matrix.places[b];
      if (from.host == to.host || from.kind != to.kind) continue;
      const Path& path = matrix.paths[a][b];
      kinds[from.kind][path.type].add(path.bandwidth);
    }
  }
  std::string text = "paths between hosts\n";
  for (const auto& [kind, types] : kinds) {
    text += fmt::format("  {}\n", kind_name(kind));
    for (const auto& [type, range] : types) text += "  " + legend_text({{type, range}});
  }
  return text;
}

std::string host_paths(const Topology& topology, const std::vector<int>& group) {
  const std::string& first = topology.hosts[static_cast<std::size_t>(group.front())].name;
  const std::string others =
      group.size() == 1 ? "" : fmt::format(", as on {} more alike", group.size() - 1);
  const std::string title = fmt::format("paths on {}{}\n", first, others);
  const Topology host = host_alone(topology, group.front());
  if (count_places(host) > 2 * kFewPlaces) return title + "  many: --matrix all shows them\n";
  const PathMatrix matrix = path_matrix(host);
  return title + matrix_table(matrix, host) + matrix_legend(matrix);
}

std::string summary(const Topology& topology) {
  const std::vector<std::vector<int>> groups = alike_hosts(topology);
  std::string text;
  for (const std::vector<int>& group : groups) text += host_paths(topology, group) + "\n";
  return text + between_hosts(topology, groups);
}

}  // namespace

std::size_t count_places(const Topology& topology) {
  std::size_t count = 0;
  for (const TopologyHost& host : topology.hosts) {
    for (const Cpu& cpu : host.cpus) {
      count += 1 + cpu.nets.size() + static_cast<std::size_t>(count_ports(cpu.devices));
    }
  }
  return count;
}

std::string matrix_table(const PathMatrix& matrix, const Topology& topology) {
  const std::size_t width = widest_label(matrix);
  std::string text = fmt::format("  {:<{}}", "", width);
  for (const Place& place : matrix.places) {
    text += fmt::format("  {:<{}}", place.label, std::max<std::size_t>(3, place.label.size()));
  }
  strip_blanks(text);
  text += "\n";
  for (std::size_t a = 0; a < matrix.places.size(); ++a) {
    std::string line = fmt::format("  {:<{}}", matrix.places[a].label, width);
    for (std::size_t b = 0; b < matrix.places.size(); ++b) {
      const std::size_t column = std::max<std::size_t>(3, matrix.places[b].label.size());
      line += fmt::format("  {:<{}}", a == b ? " X " : name(matrix.paths[a][b].type), column);
    }
    line += "  " + rank_list(ranks_at(topology, matrix.places[a]));
    strip_blanks(line);
    text += line + "\n";
  }
  return text;
}

std::string matrix_legend(const PathMatrix& matrix) {
  std::map<PathType, Range> types;
  for (std::size_t a = 0; a < matrix.places.size(); ++a) {
    for (std::size_t b = 0; b < matrix.places.size(); ++b) {
      if (a != b) types[matrix.paths[a][b].type].add(matrix.paths[a][b].bandwidth);
    }
  }
  return legend_text(types);
}

std::string paths_text(const Topology& topology, MatrixSize size) {
  const bool few = count_places(topology) <= kFewPlaces;
  if (size == MatrixSize::kNone) return "";
  if (size == MatrixSize::kSummary && topology.hosts.size() > 1 && !few) return summary(topology);
  const PathMatrix matrix = path_matrix(topology);
  return "paths\n" + matrix_table(matrix, topology) + matrix_legend(matrix);
}

}  // namespace tutti::cli
