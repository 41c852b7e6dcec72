// Which links count, and how they are asked for, as in NCCL 2.30 (src/graph/xml.cc).

#include "topology/gpus.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/texts.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

// As NCCL writes a device that is hidden from a virtual machine.
constexpr const char* kHidden = "fffffff:ffff:ff";

constexpr const char* kGpuClass = "0x030200";
constexpr const char* kSwitchClass = "0x068000";
constexpr const char* kProcessorClass = "0x068001";

template <class... Arguments>
std::string print(const char* format, Arguments... arguments) {
  char text[64];
  std::snprintf(text, sizeof text, format, arguments...);
  return text;
}

std::string bus_of(const nvml::PciInfo& info) {
  if (info.bus_id[0] == '\0' || info.domain > 0xfffff || info.bus > 0xff) return kHidden;
  return print("%04x:%02x:%02x.0", info.domain, info.bus, info.device);
}

std::string id_of(unsigned number) { return print("0x%04x", number & 0xffff); }

std::string link_speed(unsigned generation) {
  const char* const speeds[] = {"",
                                "2.5 GT/s PCIe",
                                "5.0 GT/s PCIe",
                                "8.0 GT/s PCIe",
                                "16.0 GT/s PCIe",
                                "32.0 GT/s PCIe",
                                "64.0 GT/s PCIe"};
  return generation < std::size(speeds) ? speeds[generation] : "";
}

// One GPU, as NVML answers about it. What it does not answer is taken for absent.
class Inquiry {
 public:
  Inquiry(const nvml::Api& api, nvml::Device device, const PciSystem& pci)
      : api_(api), device_(device), pci_(pci) {}

  nvml::Return look(FoundGpu& found) const {
    nvml::PciInfo info = {};
    if (const auto error = api_.pci_info(device_, &info); error != nvml::kSuccess) return error;
    int major = 0, minor = 0;
    if (const auto error = api_.compute_capability(device_, &major, &minor);
        error != nvml::kSuccess) {
      return error;
    }
    describe(info, found.pci);
    found.gpu.sm = 10 * major + minor;
    for (unsigned link = 0; link < nvml::kMostNvLinks; ++link) add_nvlink(link, found.gpu);
    add_c2c(found.gpu);
    return nvml::kSuccess;
  }

  // "" where it is not joined to other hosts. GPUs that are joined to those of their own host only
  // have a cluster of zeros.
  std::string fabric() const {
    nvml::FabricInfo info;
    if (api_.fabric_info == nullptr || api_.fabric_info(device_, &info) != nvml::kSuccess)
      return "";
    if (info.state != nvml::kFabricJoined || info.result != nvml::kSuccess) return "";
    const auto is_zero = [](unsigned char byte) { return byte == 0; };
    if (std::all_of(std::begin(info.cluster), std::end(info.cluster), is_zero)) return "";
    std::string text;
    for (const unsigned char byte : info.cluster) text += print("%02x", byte);
    return text + "." + std::to_string(info.clique);
  }

 private:
  void describe(const nvml::PciInfo& info, PciDevice& device) const {
    device.bus = bus_of(info);
    device.class_code = kGpuClass;
    device.vendor = id_of(info.device_and_vendor);
    device.device = id_of(info.device_and_vendor >> 16);
    device.subsystem_vendor = id_of(info.subsystem);
    device.subsystem_device = id_of(info.subsystem >> 16);
    unsigned generation = 0, width = 0;
    if (api_.max_pcie_generation(device_, &generation) == nvml::kSuccess) {
      device.link_speed = link_speed(generation);
    }
    if (api_.max_pcie_width(device_, &width) == nvml::kSuccess) {
      device.link_width = static_cast<int>(width);
    }
  }

  unsigned field(unsigned id, unsigned scope) const {
    nvml::FieldValue value;
    value.field = id;
    value.scope = scope;
    if (api_.field_values(device_, 1, &value) != nvml::kSuccess) return 0;
    return value.result == nvml::kSuccess ? value.number : 0;
  }

  // Since Hopper the state is a field; the older function fails there.
  bool is_active(unsigned link, int sm) const {
    if (sm >= 90) return field(nvml::kFieldNvLinkState, link) == 1;
    unsigned active = 0;
    return api_.nvlink_state(device_, link, &active) == nvml::kSuccess && active == 1;
  }

  bool reaches_peers(unsigned link) const {
    unsigned can = 0;
    return api_.nvlink_capability(device_, link, nvml::kNvLinkPeersReachable, &can) ==
               nvml::kSuccess &&
           can != 0;
  }

  void add_nvlink(unsigned link, Gpu& gpu) const {
    nvml::PciInfo remote = {};
    if (!reaches_peers(link) || !is_active(link, gpu.sm)) return;
    if (api_.nvlink_remote_pci(device_, link, &remote) != nvml::kSuccess) return;
    const std::string target = bus_of(remote);
    const auto known = std::find_if(gpu.nvlinks.begin(), gpu.nvlinks.end(),
                                    [&](const NvLinks& links) { return links.target == target; });
    if (known != gpu.nvlinks.end()) {
      ++known->count;
    } else {
      gpu.nvlinks.push_back({target, 1, class_of(target, link)});
    }
  }

  // What is hidden from this system is a switch: a GPU or a processor would be there itself.
  std::string class_of(const std::string& target, unsigned link) const {
    const std::string seen = pci_.describe(target).class_code;
    if (!seen.empty()) return seen;
    int type = nvml::kRemoteSwitch;
    if (api_.nvlink_remote_type == nullptr ||
        api_.nvlink_remote_type(device_, link, &type) != nvml::kSuccess) {
      return kSwitchClass;
    }
    return type == nvml::kRemoteGpu         ? kGpuClass
           : type == nvml::kRemoteProcessor ? kProcessorClass
                                            : kSwitchClass;
  }

  void add_c2c(Gpu& gpu) const {
    C2cLinks links{.bandwidth = 0, .count = 0};
    const unsigned count = field(nvml::kFieldC2cLinks, 0);
    for (unsigned link = 0; link < count && link < nvml::kMostNvLinks; ++link) {
      if (field(nvml::kFieldC2cStatus, link) != 1) continue;
      links.bandwidth = field(nvml::kFieldC2cBandwidth, link);
      ++links.count;
    }
    if (links.count > 0) gpu.c2c.push_back(links);
  }

  const nvml::Api& api_;
  const nvml::Device device_;
  const PciSystem& pci_;
};

// NVML counts how often it was started.
class Session {
 public:
  explicit Session(const nvml::Api& api) : api_(api), result_(api.init()) {}
  ~Session() {
    if (result_ == nvml::kSuccess) api_.shutdown();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  nvml::Return result() const { return result_; }

 private:
  const nvml::Api& api_;
  const nvml::Return result_;
};

FoundGpus failed(const nvml::Api& api, nvml::Return error) {
  FoundGpus none;
  if (error == nvml::kDriverNotLoaded || error == nvml::kGpuNotFound) return none;
  none.notes.push_back(std::string("GPUs are left out: NVML says \"") + api.error_string(error) +
                       "\"");
  return none;
}

void add_gpu(const nvml::Api& api, unsigned index, const PciSystem& pci, FoundGpus& all) {
  FoundGpu found;
  found.gpu.device = static_cast<int>(index);
  nvml::Device device = nullptr;
  nvml::Return result = api.device_at(index, &device);
  const Inquiry inquiry(api, device, pci);
  if (result == nvml::kSuccess) result = inquiry.look(found);
  if (result != nvml::kSuccess) {
    all.notes.push_back("GPU " + std::to_string(index) + " is left out: NVML says \"" +
                        api.error_string(result) + "\"");
    return;
  }
  all.gpus.push_back(found);
  if (all.fabric.empty()) all.fabric = inquiry.fabric();
}

// A sign of a driver below `root`; "" none.
std::string driver_at(const fs::path& root) {
  std::error_code none;
  for (const char* sign : {"proc/driver/nvidia", "dev/nvidia0"}) {
    if (fs::exists(root / sign, none)) return (root / sign).string();
  }
  return "";
}

// Linux since 5.12, where RDMA takes memory as a DMA-BUF.
bool shares_dma_buf(const fs::path& root) {
  int major = 0, minor = 0;
  const std::string release = first_line(root / "proc/sys/kernel/osrelease");
  if (std::sscanf(release.c_str(), "%d.%d", &major, &minor) != 2) return false;
  return major > 5 || (major == 5 && minor >= 12);
}

}  // namespace

FoundGpus find_gpus(const nvml::Api& api, const PciSystem& pci) {
  const Session session(api);
  if (session.result() != nvml::kSuccess) return failed(api, session.result());
  unsigned count = 0;
  if (const auto error = api.device_count(&count); error != nvml::kSuccess) {
    return failed(api, error);
  }
  FoundGpus found;
  for (unsigned index = 0; index < count; ++index) add_gpu(api, index, pci, found);
  return found;
}

FoundGpus find_gpus(const fs::path& root, const PciSystem& pci) {
  const Result<nvml::Api> api = nvml::load();
  const std::string driver = driver_at(root);
  if (api.ok()) {
    FoundGpus found = find_gpus(*api, pci);
    if (!found.gpus.empty() || !found.notes.empty() || driver.empty()) return found;
    return {{}, "", {"GPUs are left out: " + driver + " shows a driver, but NVML finds no GPU"}};
  }
  if (driver.empty()) return {};
  return {
      {}, "", {"GPUs are left out: " + driver + " shows a driver, but " + api.status().message()}};
}

bool has_gpu_direct(const fs::path& root) {
  std::error_code none;
  for (const char* module : {"sys/module/nvidia_peermem", "sys/module/nv_peer_mem"}) {
    if (fs::exists(root / module, none)) return true;
  }
  // "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06 …"
  const std::string version = first_line(root / "proc/driver/nvidia/version");
  return version.find("Open Kernel Module") != std::string::npos && shares_dma_buf(root);
}

}  // namespace tutti
