// Checks of GPUs: whether the driver works, and how GPUs reach each other and the network. Pure
// functions of what the system, CUDA and the topology say. Tested by cli_doctor_gpu_test.cc.

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/doctor_acs.h"
#include "cli/doctor_cuda.h"
#include "cli/doctor_findings.h"
#include "tutti/topology.h"

namespace tutti::cli::doctor {

struct GpuSystem {
  std::vector<std::string> on_bus;  // NVIDIA's GPUs: "0000:3b:00.0"
  std::string driver = {};          // version of the kernel's module; "" not loaded
  bool has_peermem = false;         // nvidia_peermem is loaded
  bool is_virtual = false;          // a virtual machine
  bool has_iommu = false;           // devices are in IOMMU groups
};

/// `root` is /, or a tree with proc and sys.
GpuSystem read_gpu_system(const std::filesystem::path& root);

/// Whether programs can use the GPUs, and all of them.
Findings check_driver(const GpuSystem& system, const CudaFacts& cuda);

/// Whether GPUs reach each other's memory.
Findings check_peers(const GpuSystem& system, const CudaFacts& cuda, const AcsFacts& acs);

/// Whether RDMA devices reach GPUs' memory.
Findings check_gpu_rdma(const GpuSystem& system, const CudaFacts& cuda, bool has_rdma);

/// What decides how memory of GPUs goes between hosts, as the library asks it (docs/gpu.md).
struct NetworkForGpus {
  bool is_rdma = false;           // what is used
  bool ucx_moves_memory = false;  // of CUDA's devices
  std::optional<bool> wanted;     // Options::gpudirect
};

/// Which way calls that only move take.
Findings check_gpudirect(const GpuSystem& system, const CudaFacts& cuda,
                         const NetworkForGpus& network);

/// Whether all GPUs of a kind have as many NVLinks as the others.
Findings check_nvlinks(const Topology& topology);

}  // namespace tutti::cli::doctor
