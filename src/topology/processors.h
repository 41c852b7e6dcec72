// The processors of this host: NUMA nodes with their memory, cores and caches.
//
// By hwloc, which knows machines whose system files mislead; else from the system files alone.
// Tested by topology_processors_test.cc.

#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tutti/status.h"
#include "tutti/topology.h"

namespace tutti {

struct Processors {
  std::vector<Cpu> cpus;                   // by NUMA node, ascending; at least one
  std::map<std::string, int> numa_of_pci;  // by bus id: the NUMA node next to a PCI device
  std::vector<std::string> notes;
};

/// The whole machine, and a note where this process may use a part of it only. kNotSupported says
/// why hwloc cannot be used. `made_up` is another machine to look at instead: a description in
/// hwloc's synthetic form ("pack:2 numa:1 core:4 pu:2"), or in its XML.
Result<Processors> processors_by_hwloc(const std::string& made_up = "");

/// What the files below `root`/sys say.
Processors processors_by_system(const std::filesystem::path& root);

/// Architecture, vendor, family and model of the processor that runs this, as NCCL writes them in
/// its XML; the rest of the Cpu is empty.
Cpu this_kind_of_processor();

}  // namespace tutti
