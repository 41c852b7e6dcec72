// One host, put together from what was found of it. Tested by topology_detect_test.cc.

#pragma once

#include <string>

#include "topology/gpus.h"
#include "topology/pci.h"
#include "topology/ports.h"
#include "topology/processors.h"
#include "tutti/topology.h"

namespace tutti {

/// GPUs and ports on their PCI devices, those below their processors; notes of all parts.
TopologyReport assemble(const PciSystem& pci, const Processors& processors, const FoundPorts& ports,
                        const FoundGpus& gpus);

/// Leaves the ports that Options::net_devices names, where it names any; a note for a name that is
/// not there.
void keep_ports(FoundPorts& ports, const std::string& net_devices);

}  // namespace tutti
