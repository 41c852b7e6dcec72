// What links carry, in GB/s (10^9 bytes) and one way, from what a topology says of them.
//
// The figures are NCCL's, which measured them: below the nominal ones by headers and credits.
// Tested by topology_paths_test.cc.

#pragma once

#include "tutti/topology.h"

namespace tutti {

/// Of memory to itself, and so never the narrowest link.
inline constexpr double kLocalBandwidth = 5000;

/// Between two ranks on one processor, whose cores copy: a channel of DDR4-3200, the least that a
/// processor has. How many channels there are, a topology does not say.
inline constexpr double kMemoryBandwidth = 25.6;

/// Of one NVLink. `sm`: compute capability of its GPU.
double nvlink_bandwidth(int sm);

/// Of the link above a device: lanes and their speed; 16 lanes of PCIe 3.0 where unknown.
double pci_bandwidth(const PciDevice& device);

/// Between two sockets.
double socket_bandwidth(const Cpu& cpu);

/// Of a network port; 10 Gbit/s where unknown.
double port_bandwidth(const Net& net);

}  // namespace tutti
