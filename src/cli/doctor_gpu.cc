// Tested by cli_doctor_gpu_test.cc.

#include "cli/doctor_gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

namespace fs = std::filesystem;

// CUresult
constexpr int kNoDevice = 100;
constexpr int kNotReady = 802;
constexpr int kDriverMismatch = 803;

bool is_gpu(const fs::path& device) {
  return first_line(device / "vendor") == "0x10de" &&
         first_line(device / "class").starts_with("0x03");
}

std::string fix_of(int error) {
  if (error == kNoDevice) return "see CUDA_VISIBLE_DEVICES, and who may open /dev/nvidia*";
  if (error == kNotReady) return "systemctl start nvidia-fabricmanager: NVSwitches need it";
  if (error == kDriverMismatch) {
    return "libcuda.so.1 is of another version than the kernel's module: reboot, or reload it";
  }
  return "see nvidia-smi, and \"NVRM\" in dmesg";
}

long links_of(const Gpu& gpu) {
  long links = 0;
  for (const NvLinks& some : gpu.nvlinks) links += some.count;
  return links;
}

void visit(const std::vector<PciDevice>& devices, const std::function<void(const Gpu&)>& see) {
  for (const PciDevice& device : devices) {
    if (device.gpu) see(*device.gpu);
    visit(device.devices, see);
  }
}

std::vector<const Gpu*> gpus_of(const Topology& topology) {
  std::vector<const Gpu*> gpus;
  for (const TopologyHost& host : topology.hosts) {
    for (const Cpu& cpu : host.cpus) {
      visit(cpu.devices, [&](const Gpu& gpu) { gpus.push_back(&gpu); });
    }
  }
  return gpus;
}

Finding lacks_links(const Gpu& gpu, long links, long usual) {
  return {
      Severity::kCosts,
      fmt::format("GPU {} has {}, others of its kind have {}", gpu.device,
                  count_text(links, "NVLink"), usual),
      fmt::format("rings through it carry {:.0f} % of what they could",
                  100 * static_cast<double>(links) / static_cast<double>(usual)),
      "nvidia-smi nvlink -s names those that are down; nvidia-smi -q shows pending resets; reset "
      "or replace the GPU, or check the bridge"};
}

Findings check_acs(const GpuSystem& system, const AcsFacts& acs) {
  if (system.on_bus.size() < 2 || system.is_virtual) return {};
  if (!acs.redirecting.empty()) {
    return {{Severity::kCosts,
             fmt::format("PCI bridges with ACS redirection: {}, the first is {}",
                         acs.redirecting.size(), acs.redirecting[0]),
             "traffic between GPUs, and between GPUs and network devices, goes up to the processor "
             "and back: half the bandwidth or less",
             "switch ACS off in the firmware, or per bridge: setpci -s BRIDGE ECAP_ACS+6.w=0000"}};
  }
  if (acs.is_readable) return {good("no PCI bridge redirects traffic between devices (ACS)")};
  if (!system.has_iommu) return {};
  return {{Severity::kNote, "the IOMMU is on; only root can see whether PCI bridges redirect (ACS)",
           "if they do, traffic between GPUs goes through the processor", "run this as root"}};
}

}  // namespace

GpuSystem read_gpu_system(const fs::path& root) {
  GpuSystem system;
  for (const fs::path& device : entries(root / "sys/bus/pci/devices")) {
    if (is_gpu(device)) system.on_bus.push_back(device.filename().string());
  }
  std::error_code none;
  system.driver = first_line(root / "sys/module/nvidia/version");
  system.has_peermem = fs::exists(root / "sys/module/nvidia_peermem", none);
  const std::string flags = " " + value_of(root / "proc/cpuinfo", "flags") + " ";
  system.is_virtual = flags.find(" hypervisor ") != std::string::npos;
  system.has_iommu = !entries(root / "sys/kernel/iommu_groups").empty();
  return system;
}

Findings check_driver(const GpuSystem& system, const CudaFacts& cuda) {
  const auto there = static_cast<long>(system.on_bus.size());
  const bool has_driver = !system.driver.empty();
  if (there == 0 && !has_driver && cuda.devices == 0) return {good("no GPU here")};
  if (!has_driver && cuda.devices == 0) {
    return {{Severity::kNote, fmt::format("{} here, and no driver", count_text(there, "GPU")),
             "no program can compute on them", "install NVIDIA's driver, if they are meant to"}};
  }
  if (!cuda.has_library) {
    return {
        {Severity::kFails,
         fmt::format("NVIDIA's driver {} is loaded, and libcuda.so.1 is not found", system.driver),
         "no program can compute on GPUs",
         "install the library of the same version; containers: the NVIDIA container toolkit, "
         "docker --gpus all"}};
  }
  if (!cuda.failure.empty()) {
    return {{Severity::kFails, "GPUs cannot be used: " + cuda.failure,
             "no program can compute on GPUs", fix_of(cuda.error)}};
  }
  const std::string what =
      fmt::format("{} can be used, driver {}", count_text(cuda.devices, "GPU"), system.driver);
  if (cuda.devices >= there) return {good(what)};
  return {{Severity::kNote, fmt::format("{}; {} on the PCI bus", what, count_text(there, "GPU")),
           "", "see CUDA_VISIBLE_DEVICES, nvidia-smi, and which /dev/nvidia* a container has"}};
}

Findings check_peers(const GpuSystem& system, const CudaFacts& cuda, const AcsFacts& acs) {
  Findings findings;
  if (cuda.devices > 1 && cuda.failure.empty()) {
    if (cuda.apart.empty()) {
      findings.push_back(good("every GPU reaches the memory of every other"));
    } else {
      findings.push_back({Severity::kCosts,
                          fmt::format("{} without peer access, the first is GPU {} to GPU {}",
                                      count_text(static_cast<long>(cuda.apart.size()), "pair"),
                                      cuda.apart[0].first, cuda.apart[0].second),
                          "what they exchange is copied through CPU memory",
                          "nvidia-smi topo -p2p r says why: chipset, IOMMU, a virtual machine, or "
                          "the kind of GPU"});
    }
  }
  append(findings, check_acs(system, acs));
  return findings;
}

Findings check_gpu_rdma(const GpuSystem& system, const CudaFacts& cuda, bool has_rdma) {
  if (!has_rdma || cuda.devices == 0) return {};
  if (system.has_peermem) return {good("RDMA devices can reach GPU memory (nvidia_peermem)")};
  if (cuda.has_dma_buf) return {good("RDMA devices may reach GPU memory (DMA-BUF)")};
  return {{Severity::kCosts, "RDMA devices cannot reach GPU memory: nvidia_peermem is not loaded",
           "what GPUs send between hosts is copied through CPU memory",
           "modprobe nvidia_peermem, or the open kernel modules, which have DMA-BUF"}};
}

Findings check_gpudirect(const GpuSystem& system, const CudaFacts& cuda,
                         const NetworkForGpus& network) {
  if (cuda.devices == 0) return {};
  const bool is_forced = network.wanted.value_or(false);
  std::string why_not;
  if (!network.wanted.value_or(true)) {
    why_not = "TUTTI_GPUDIRECT is 0";
  } else if (!network.ucx_moves_memory) {
    why_not = "UCX sends no CUDA memory";
  } else if (!network.is_rdma && !is_forced) {
    why_not = "no RDMA device is used";
  } else if (!system.has_peermem && !is_forced) {
    why_not = "nvidia_peermem is not loaded; TUTTI_GPUDIRECT=1 uses DMA-BUF";
  }
  if (why_not.empty()) return {good("memory of GPUs goes between hosts as it is (GPUDirect)")};
  return {{is_forced ? Severity::kFails : Severity::kNote,
           "memory of GPUs goes between hosts through pinned memory: " + why_not,
           is_forced ? "communicators on several hosts do not start: TUTTI_GPUDIRECT is 1" : "",
           ""}};
}

Findings check_nvlinks(const Topology& topology) {
  const std::vector<const Gpu*> gpus = gpus_of(topology);
  std::map<int, long> usual;  // by kind: the most that one has
  for (const Gpu* gpu : gpus) usual[gpu->sm] = std::max(usual[gpu->sm], links_of(*gpu));
  Findings findings;
  for (const Gpu* gpu : gpus) {
    const long links = links_of(*gpu);
    if (links < usual[gpu->sm]) findings.push_back(lacks_links(*gpu, links, usual[gpu->sm]));
  }
  if (!findings.empty() || gpus.size() < 2) return findings;
  const long links = links_of(*gpus[0]);
  if (links > 0) return {good(fmt::format("{} at every GPU", count_text(links, "NVLink")))};
  return {{Severity::kNote, "GPUs have no NVLinks", "they reach each other over PCI", ""}};
}

}  // namespace tutti::cli::doctor
