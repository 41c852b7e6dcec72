// The machine that a topology is to the simulator.
//
// Ranks are the members of a search (find_ways): GPUs, or ranks on processors, or processors. Hosts
// that share NVSwitches are one host. Inside it, GPUs on NVSwitches have a port each, as wide as
// their NVLinks together; GPUs that NVLinks join directly have those links for themselves, and all
// other pairs go by the PCI link of each GPU. Processors share memory. Between hosts, the i-th rank
// of a host uses the i-th of the fastest network ports.
//
// What that leaves out: links that several ranks share inside a host (between sockets, of PCI
// switches), and everything between network ports: the network has no limits of its own.
//
// Tested by machine_of_test.cc.

#pragma once

#include "simulator/machine.h"
#include "tutti/status.h"
#include "tutti/topology.h"

namespace tutti {

/// kInvalidArgument where nobody takes part, hosts are not alike, or several hosts have no network.
Result<Machine> machine_of(const Topology& topology);

/// `hosts` times the machine, side by side. kInvalidArgument where it has no way to other hosts.
Result<Machine> multiplied(const Machine& machine, int hosts);

}  // namespace tutti
