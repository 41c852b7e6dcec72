// Machines known by name, from data sheets: dense FLOP/s, memory as the driver shows it, NVLink one
// way. Tested by planner_machine_test.cc.

#include "tutti/planner.h"

namespace tutti::planner {
namespace {

constexpr double kGiB = 1 << 30;
constexpr double kGB = 1e9;
constexpr double kTera = 1e12;
constexpr double kMicro = 1e-6;

// NVIDIA DGX A100: NVLink 3, eight ports of HDR InfiniBand.
MachineShape a100() {
  return {.name = "8xa100",
          .devices = 8,
          .memory = 79.2 * kGiB,
          .memory_bandwidth = 2039 * kGB,
          .peak_bf16 = 312 * kTera,
          .peak_fp32 = 19.5 * kTera,
          .inside = {300 * kGB, 3.4 * kMicro},
          .between = {25 * kGB, 14 * kMicro},
          .idle_watts = 55,
          .busy_watts = 400,
          .node_watts = 2500};
}

// NVIDIA DGX H100: NVLink 4, eight ports of NDR InfiniBand.
MachineShape h100() {
  return {.name = "8xh100",
          .devices = 8,
          .memory = 79.1 * kGiB,
          .memory_bandwidth = 3352 * kGB,
          .peak_bf16 = 989 * kTera,
          .peak_fp32 = 67 * kTera,
          .inside = {450 * kGB, 3.4 * kMicro},
          .between = {50 * kGB, 14 * kMicro},
          .idle_watts = 70,
          .busy_watts = 700,
          .node_watts = 4000};
}

MachineShape h200() {
  MachineShape machine = h100();
  machine.name = "8xh200";
  machine.memory = 139.8 * kGiB;
  machine.memory_bandwidth = 4800 * kGB;
  return machine;
}

// A process of tutti-train that has no model yet, its libraries and what they allocate; and what
// malloc takes beside arrays. Measured on Debian 12 (perf/planner/memory).
constexpr double kProcess = 17.5 * (1 << 20);
constexpr double kAllocator = 0.01;

// A server's processor with 32 cores; a device is a core. Links are memory, and Ethernet of
// 25 Gbit/s for the node.
MachineShape cpu() {
  MachineShape machine{.name = "cpu",
                       .devices = 32,
                       .cores = 32,
                       .memory = 8 * kGiB,
                       .memory_bandwidth = 10 * kGB,
                       .cache = 4 << 20,
                       .cache_bandwidth = 14 * kGB,
                       .peak_bf16 = 0.11 * kTera,
                       .peak_fp32 = 0.11 * kTera,
                       .inside = {4 * kGB, 1 * kMicro},
                       .between = {0.1 * kGB, 20 * kMicro},
                       .idle_watts = 1,
                       .busy_watts = 7,
                       .node_watts = 100,
                       .process = kProcess,
                       .headroom = kAllocator};
  // OpenBLAS on a core of an EPYC: 64 rows reach 0.84 of what 256 do; scans in chunks and attention
  // are products of blocks. Ranks with tp=2 wait 35 us longer for each other than calls take
  // (perf/results: train-scaling); with cp=4 on two cores, 0.25 ms for a message.
  machine.efficiency.products = 0.9;
  machine.efficiency.half_tokens = 16;
  machine.efficiency.pairs = 0.8;
  machine.efficiency.kernel = 0.2e-6;
  machine.efficiency.progress = 0;
  machine.efficiency.overlap = 0;  // who computes also moves
  machine.efficiency.meeting = 35e-6;
  machine.efficiency.turn = 250e-6;
  machine.efficiency.step = 0.001;
  return machine;
}

std::vector<MachineShape> presets() { return {a100(), h100(), h200(), cpu()}; }

}  // namespace

Result<MachineShape> machine_preset(std::string_view name) {
  std::string known;
  for (const MachineShape& machine : presets()) {
    if (machine.name == name) return machine;
    known += (known.empty() ? "" : ", ") + machine.name;
  }
  return {Code::kInvalidArgument,
          "machine \"" + std::string(name) + "\" is not known; expected one of " + known};
}

std::vector<std::string> machine_presets() {
  std::vector<std::string> names;
  for (const MachineShape& machine : presets()) names.push_back(machine.name);
  return names;
}

}  // namespace tutti::planner
