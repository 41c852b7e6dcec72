// What parts of a machine are called and described as for people, in text and in pictures alike.
//
// Tested by topology_text_test.cc.

#pragma once

#include <string>
#include <vector>

#include "tutti/topology.h"

namespace tutti {

/// "Intel family 6 model 143"; "arm64" where no more is known.
std::string processor_model(const Cpu& cpu);

/// "56 cores × 2 threads"; "64 logical processors" where cores are not known.
std::string cores_text(const Cpu& cpu);

/// "L3 4 × 32 MiB, L2 32 × 1 MiB": levels above `below`, of all processors of a kind together.
std::string caches_text(const Cpu& cpu, int below = 0);

/// "PCIe 5.0 ×16"; "" where nothing is known.
std::string link_text(const PciDevice& device);

/// "3b:00.0"; with its domain where that is not 0.
std::string short_bus(const std::string& bus);

/// What a device is, from its class and vendor: "PCI switch", "NVMe drive", "NVIDIA GPU".
std::string device_kind(const PciDevice& device);

/// "Hopper, sm_90"; "" for 0.
std::string gpu_generation(int sm);

/// "2 × 200 Gbit/s, RDMA": the ports of one device.
std::string ports_text(const std::vector<Net>& nets);

}  // namespace tutti
