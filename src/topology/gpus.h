// The GPUs of this host and their links, by NVML. Tested by topology_gpus_test.cc.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "topology/nvml.h"
#include "topology/pci.h"
#include "tutti/topology.h"

namespace tutti {

struct FoundGpu {
  Gpu gpu;
  PciDevice pci;  // what NVML knows of it: ids, and the link
};

struct FoundGpus {
  std::vector<FoundGpu> gpus;  // in NVML's order, which is that of bus ids
  std::string fabric;          // see TopologyHost
  std::vector<std::string> notes;
};

/// What NVML says; the system tells what is at the other ends of NVLinks. No GPUs and no note where
/// NVML says that there is no driver or no GPU.
FoundGpus find_gpus(const nvml::Api& api, const PciSystem& pci);

/// The same through the library, where it is there; a note if it is of no use though the files
/// below `root` show a driver.
FoundGpus find_gpus(const std::filesystem::path& root, const PciSystem& pci);

/// Whether network devices can reach the memory of GPUs: nvidia-peermem is loaded, or the driver is
/// the open one and the system can pass its memory on as a DMA-BUF.
bool has_gpu_direct(const std::filesystem::path& root);

}  // namespace tutti
