// NVMLs of machines that a test makes up. They answer as the driver's does, with its error numbers.

#pragma once

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "topology/nvml.h"

namespace tutti::test {

/// Where an NVLink or a GPU is.
struct MadeUpPlace {
  unsigned domain = 0;
  unsigned bus = 0;
};

/// What NVML says of a device that is hidden from a virtual machine.
inline constexpr MadeUpPlace kHiddenRemote = {0xffffffff, 0xffffffff};

struct MadeUpGpu {
  struct Link {
    MadeUpPlace remote;
    int remote_type = nvml::kRemoteGpu;
    bool is_active = true;
    bool reaches_peers = true;
  };

  MadeUpPlace place;
  int sm = 0;
  unsigned device_and_vendor = 0;
  unsigned subsystem = 0;
  unsigned pcie_generation = 0;
  std::vector<Link> links;
  unsigned c2c_links = 0;
  unsigned c2c_bandwidth = 0;
  std::array<unsigned char, 16> cluster{};
  unsigned clique = 0;
  unsigned char fabric_state = nvml::kFabricJoined;
  nvml::Return error = nvml::kSuccess;  // of everything that is asked of it
};

/// One at a time: NVML is functions without state to hand in.
class MadeUpNvml {
 public:
  MadeUpNvml() { current() = this; }
  ~MadeUpNvml() { current() = nullptr; }
  MadeUpNvml(const MadeUpNvml&) = delete;
  MadeUpNvml& operator=(const MadeUpNvml&) = delete;

  std::vector<MadeUpGpu> gpus;
  nvml::Return init_error = nvml::kSuccess;
  bool has_remote_types = true;
  bool has_fabric = true;
  int sessions = 0;  // begun and not ended

  /// REQUIRES: `gpus` stays as it is while the table is used.
  nvml::Api api() const {
    nvml::Api api;
    api.init = [] {
      if (current()->init_error == nvml::kSuccess) ++current()->sessions;
      return current()->init_error;
    };
    api.shutdown = [] { return --current()->sessions, nvml::kSuccess; };
    api.error_string = [](nvml::Return error) {
      static std::string text;
      text = "error " + std::to_string(error);
      return text.c_str();
    };
    api.device_count = [](unsigned* count) {
      *count = static_cast<unsigned>(current()->gpus.size());
      return nvml::kSuccess;
    };
    api.device_at = [](unsigned index, nvml::Device* device) {
      *device = reinterpret_cast<nvml::Device>(&current()->gpus[index]);
      return current()->gpus[index].error;
    };
    api.pci_info = [](nvml::Device device, nvml::PciInfo* info) {
      *info = info_of(gpu(device).place);
      info->device_and_vendor = gpu(device).device_and_vendor;
      info->subsystem = gpu(device).subsystem;
      return gpu(device).error;
    };
    api.compute_capability = [](nvml::Device device, int* major, int* minor) {
      *major = gpu(device).sm / 10;
      *minor = gpu(device).sm % 10;
      return gpu(device).error;
    };
    api.max_pcie_generation = [](nvml::Device device, unsigned* generation) {
      *generation = gpu(device).pcie_generation;
      return *generation == 0 ? kNotSupported : nvml::kSuccess;
    };
    api.max_pcie_width = [](nvml::Device device, unsigned* width) {
      *width = 16;
      return gpu(device).pcie_generation == 0 ? kNotSupported : nvml::kSuccess;
    };
    api.nvlink_capability = [](nvml::Device device, unsigned link, unsigned, unsigned* can) {
      if (link >= gpu(device).links.size()) return kInvalidArgument;
      *can = gpu(device).links[link].reaches_peers ? 1 : 0;
      return nvml::kSuccess;
    };
    api.nvlink_state = [](nvml::Device device, unsigned link, unsigned* active) {
      if (gpu(device).sm >= 90) return kNotSupported;
      if (link >= gpu(device).links.size()) return kInvalidArgument;
      *active = gpu(device).links[link].is_active ? 1 : 0;
      return nvml::kSuccess;
    };
    api.nvlink_remote_pci = [](nvml::Device device, unsigned link, nvml::PciInfo* info) {
      if (link >= gpu(device).links.size()) return kInvalidArgument;
      *info = info_of(gpu(device).links[link].remote);
      return nvml::kSuccess;
    };
    api.field_values = [](nvml::Device device, int count, nvml::FieldValue* values) {
      for (int i = 0; i < count; ++i) answer(gpu(device), values[i]);
      return nvml::kSuccess;
    };
    if (has_remote_types) {
      api.nvlink_remote_type = [](nvml::Device device, unsigned link, int* type) {
        if (link >= gpu(device).links.size()) return kInvalidArgument;
        *type = gpu(device).links[link].remote_type;
        return nvml::kSuccess;
      };
    }
    if (has_fabric) {
      api.fabric_info = [](nvml::Device device, nvml::FabricInfo* info) {
        if (info->version != nvml::FabricInfo::kVersion) return kInvalidArgument;
        std::memcpy(info->cluster, gpu(device).cluster.data(), sizeof info->cluster);
        info->clique = gpu(device).clique;
        info->state = gpu(device).fabric_state;
        return nvml::kSuccess;
      };
    }
    return api;
  }

 private:
  static constexpr nvml::Return kInvalidArgument = 2;
  static constexpr nvml::Return kNotSupported = 3;

  static MadeUpNvml*& current() {
    static MadeUpNvml* one = nullptr;
    return one;
  }

  static MadeUpGpu& gpu(nvml::Device device) { return *reinterpret_cast<MadeUpGpu*>(device); }

  static nvml::PciInfo info_of(const MadeUpPlace& place) {
    nvml::PciInfo info = {};
    info.domain = place.domain;
    info.bus = place.bus;
    std::snprintf(info.bus_id, sizeof info.bus_id, "%08X:%02X:00.0", place.domain, place.bus);
    return info;
  }

  static void answer(const MadeUpGpu& gpu, nvml::FieldValue& value) {
    value.result = nvml::kSuccess;
    if (value.field == nvml::kFieldNvLinkState && value.scope < gpu.links.size()) {
      value.number = gpu.links[value.scope].is_active ? 1 : 0;
    } else if (value.field == nvml::kFieldC2cLinks) {
      value.number = gpu.c2c_links;
    } else if (value.field == nvml::kFieldC2cStatus && value.scope < gpu.c2c_links) {
      value.number = 1;
    } else if (value.field == nvml::kFieldC2cBandwidth && value.scope < gpu.c2c_links) {
      value.number = gpu.c2c_bandwidth;
    } else {
      value.result = kInvalidArgument;
    }
  }
};

/// Two V100s, three NVLinks between them.
inline std::vector<MadeUpGpu> two_gpus() {
  std::vector<MadeUpGpu> gpus(2);
  const unsigned buses[] = {0x3b, 0xaf};
  for (int i = 0; i < 2; ++i) {
    gpus[i].place = {0, buses[i]};
    gpus[i].sm = 70;
    gpus[i].device_and_vendor = 0x1db610de;
    gpus[i].subsystem = 0x124a10de;
    gpus[i].pcie_generation = 3;
    gpus[i].links.resize(3);
    for (MadeUpGpu::Link& link : gpus[i].links) link.remote = {0, buses[1 - i]};
  }
  return gpus;
}

/// Eight H100s, each with 18 NVLinks to the four NVSwitches at buses 5 to 8.
inline std::vector<MadeUpGpu> eight_gpus_on_switches() {
  std::vector<MadeUpGpu> gpus(8);
  const unsigned buses[] = {0x1b, 0x43, 0x52, 0x61, 0x9d, 0xc3, 0xd1, 0xdf};
  for (int i = 0; i < 8; ++i) {
    gpus[i].place = {0, buses[i]};
    gpus[i].sm = 90;
    gpus[i].device_and_vendor = 0x233010de;
    gpus[i].subsystem = 0x16c110de;
    gpus[i].pcie_generation = 5;
    gpus[i].links.resize(18);
    for (unsigned link = 0; link < 18; ++link) {
      gpus[i].links[link] = {.remote = {0, 5 + link % 4}, .remote_type = nvml::kRemoteSwitch};
    }
  }
  return gpus;
}

}  // namespace tutti::test
