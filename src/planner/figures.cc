// The numbers of a machine by name, as people see and change them. Tested by
// planner_machine_test.cc.

#include <cmath>
#include <iomanip>
#include <sstream>

#include "tutti/planner.h"

namespace tutti::planner {
namespace {

// One number, where it lies, and how people count it.
struct Entry {
  const char* name;
  const char* unit;
  double scale;        // what one of the unit is
  double least, most;  // in the unit
  const char* meaning;
  double* value = nullptr;
  int* count = nullptr;
};

constexpr double kMany = 1e9;

std::vector<Entry> entries(MachineShape& m) {
  Efficiency& e = m.efficiency;
  constexpr double kGiB = 1 << 30;
  return {
      {"nodes", "", 1, 1, 1 << 20, "nodes", nullptr, &m.nodes},
      {"devices", "", 1, 1, 1 << 16, "devices of a node", nullptr, &m.devices},
      {"cores", "", 1, 0, 1 << 16, "of a node, that its devices share; 0: they compute alone",
       nullptr, &m.cores},
      {"memory", "GiB", kGiB, 0, kMany, "memory of a device", &m.memory},
      {"memory_bandwidth", "GB/s", 1e9, 0, kMany, "of it", &m.memory_bandwidth},
      {"cache", "MiB", 1 << 20, 0, kMany, "of a device, that its micro-batches may stay in",
       &m.cache},
      {"cache_bandwidth", "GB/s", 1e9, 0, kMany, "of it", &m.cache_bandwidth},
      {"peak_bf16", "TFLOP/s", 1e12, 0, kMany, "of a device, dense", &m.peak_bf16},
      {"peak_fp32", "TFLOP/s", 1e12, 0, kMany, "of a device", &m.peak_fp32},
      {"inside.bandwidth", "GB/s", 1e9, 0, kMany, "of a device to others of its node, one way",
       &m.inside.bandwidth},
      {"inside.latency", "us", 1e-6, 0, kMany, "of a hop inside a node", &m.inside.latency},
      {"between.bandwidth", "GB/s", 1e9, 0, kMany, "of a device to other nodes, one way",
       &m.between.bandwidth},
      {"between.latency", "us", 1e-6, 0, kMany, "of a hop between nodes", &m.between.latency},
      {"idle_watts", "W", 1, 0, kMany, "of a device that waits", &m.idle_watts},
      {"busy_watts", "W", 1, 0, kMany, "of a device that computes", &m.busy_watts},
      {"node_watts", "W", 1, 0, kMany, "of a node beside its devices", &m.node_watts},
      {"process", "MiB", 1 << 20, 0, kMany, "of a device's memory, without a model", &m.process},
      {"headroom", "", 1, 0, 1, "of the memory in use, lost between allocations", &m.headroom},
      {"efficiency.products", "", 1, 0, 1, "of the peak, by large products", &e.products},
      {"efficiency.half_tokens", "", 1, 0, kMany, "rows with which products reach half of that",
       &e.half_tokens},
      {"efficiency.pairs", "", 1, 0, 1, "of that, by queries with keys and by scans in chunks",
       &e.pairs},
      {"efficiency.memory", "", 1, 0, 1, "of the memory's bandwidth, by kernels that move",
       &e.memory},
      {"efficiency.kernel", "us", 1e-6, 0, kMany, "in which a host gives a kernel", &e.kernel},
      {"efficiency.progress", "us", 1e-6, 0, kMany,
       "more for each further rank of a collective, where pipelines cross nodes", &e.progress},
      {"efficiency.inside", "", 1, 0, 2, "of the links, by collectives inside a node", &e.inside},
      {"efficiency.between", "", 1, 0, 2, "and between two nodes", &e.between},
      {"efficiency.contention", "", 1, 0, 2, "with n nodes, (2/n)^this of that", &e.contention},
      {"efficiency.overlap", "", 1, 0, 1, "of computation that hides communication", &e.overlap},
      {"efficiency.meeting", "us", 1e-6, 0, kMany, "in which ranks of a host wait in a call",
       &e.meeting},
      {"efficiency.turn", "us", 1e-6, 0, kMany, "until a rank that shares its core takes a message",
       &e.turn},
      {"efficiency.step", "ms", 1e-3, 0, kMany, "of a step beside all else", &e.step},
  };
}

double value_of(const Entry& entry) {
  return entry.count != nullptr ? *entry.count : *entry.value / entry.scale;
}

std::string text_of(double value) {
  std::ostringstream text;
  text << std::setprecision(10) << value;
  return text.str();
}

// The whole of a text as a number; nan where it is none.
double number_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return text.empty() || *end != '\0' ? std::nan("") : value;
}

// "" or what is wrong with it. Zero is for what may be free: latencies, watts, shares of losses.
std::string set(const Entry& entry, const std::string& text) {
  const double value = number_of(text);
  const bool whole = entry.count == nullptr || value == std::floor(value);
  if (value >= entry.least && value <= entry.most && whole) {
    if (entry.count != nullptr) *entry.count = static_cast<int>(value);
    if (entry.value != nullptr) *entry.value = value * entry.scale;
    return "";
  }
  return std::string(entry.name) + " is \"" + text + "\": expected a " +
         (entry.count != nullptr ? "whole number" : "number") + " from " + text_of(entry.least) +
         " to " + text_of(entry.most);
}

}  // namespace

std::vector<Figure> figures(const MachineShape& machine) {
  MachineShape copy = machine;
  std::vector<Figure> all;
  for (const Entry& entry : entries(copy)) {
    all.push_back({entry.name, value_of(entry), entry.unit, entry.meaning});
  }
  return all;
}

Result<MachineShape> with_figures(const MachineShape& machine, std::string_view text) {
  MachineShape changed = machine;
  std::istringstream list{std::string(text)};
  for (std::string part; std::getline(list, part, ',');) {
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    std::string wrong = "\"" + name + "\" is not a figure of a machine; expected one of";
    for (const Entry& entry : entries(changed)) {
      if (name != entry.name) {
        wrong += std::string(wrong.back() == 'f' ? " " : ", ") + entry.name;
        continue;
      }
      wrong = equals == std::string::npos ? name + " has no value: expected " + name + "=number"
                                          : set(entry, part.substr(equals + 1));
      break;
    }
    if (!wrong.empty()) return {Code::kInvalidArgument, wrong};
  }
  return changed;
}

}  // namespace tutti::planner
