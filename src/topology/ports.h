// Network ports of this host, each wire once: what carries traffic to other hosts, how fast, and
// the PCI device that it is on. Tested by topology_ports_test.cc.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tutti/topology.h"

namespace tutti {

/// A network interface as this process sees it: in a network namespace there are few.
struct Interface {
  std::string name;
  bool is_up = false;  // and has a carrier
  bool is_loopback = false;
};

/// Those of this process, in the order of the system.
std::vector<Interface> interfaces();

struct FoundPort {
  Net net;
  std::string bus;  // of the PCI device it is on; "": none
};

struct FoundPorts {
  std::vector<FoundPort> ports;
  std::vector<std::string> notes;  // hardware that is left out because it is down
};

/// Active RDMA ports, then the interfaces that are up and have a wire of their own, as the files
/// below `root`/sys describe them. Left out are: loopback; the interfaces of RDMA ports; what is
/// bonded or bridged (the bond or bridge is there instead); virtual LANs, tunnels and bridges for
/// containers, unless this process has no hardware, as in a container; virtual functions whose
/// physical one is there too.
FoundPorts find_ports(const std::filesystem::path& root, const std::vector<Interface>& interfaces);

}  // namespace tutti
