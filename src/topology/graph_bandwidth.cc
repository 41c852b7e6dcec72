// Tested by topology_paths_test.cc.

#include "topology/graph_bandwidth.h"

#include <array>
#include <cstdlib>

namespace tutti {
namespace {

struct FromModel {
  int model = 0;
  double bandwidth = 0;
};

// UPI, and QPI before it: Emerald Rapids, Sapphire Rapids, Skylake, and all earlier ones.
constexpr std::array<FromModel, 4> kIntelSockets = {{{0xcf, 40}, {0x8f, 22}, {0x55, 10}, {0, 6}}};

double intel_bandwidth(const Cpu& cpu) {
  if (cpu.family != 6) return kIntelSockets.back().bandwidth;
  for (const FromModel& known : kIntelSockets) {
    if (cpu.model >= known.model) return known.bandwidth;
  }
  return kIntelSockets.back().bandwidth;
}

}  // namespace

double nvlink_bandwidth(int sm) {
  if (sm >= 100) return 40.1;
  if (sm >= 90) return 20.6;
  if (sm == 86) return 12;
  if (sm >= 70 || sm <= 0) return 20;
  return 18;
}

double pci_bandwidth(const PciDevice& device) {
  constexpr double kLane = 0.09375;  // GB/s for each GT/s: 12 GB/s of 16 lanes of PCIe 3.0
  constexpr double kFastest = 1024;  // GT/s: more is no speed
  const double speed = std::strtod(device.link_speed.c_str(), nullptr);
  return (speed > 0 && speed <= kFastest ? speed : 8) *
         (device.link_width > 0 ? device.link_width : 16) * kLane;
}

double socket_bandwidth(const Cpu& cpu) {
  if (cpu.arch == "ppc64" || cpu.arch == "ppc64le") return 32;
  if (cpu.vendor == "AuthenticAMD") return 16;
  if (cpu.vendor == "GenuineIntel") return intel_bandwidth(cpu);
  return 6;
}

double port_bandwidth(const Net& net) {
  return static_cast<double>(net.speed > 0 ? net.speed : 10000) / 8000;
}

}  // namespace tutti
