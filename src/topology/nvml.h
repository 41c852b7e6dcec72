// The functions of NVML (libnvidia-ml.so.1) that detection uses, as plain function pointers, and
// their C interface: the build needs no header of NVIDIA's, and a test makes up its own NVML.
//
// Source of names, numbers and layouts: nvml.h of CUDA 13, of whose interface only what the driver
// keeps stable is used. Tested by topology_gpus_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "tutti/status.h"

namespace tutti::nvml {

using Return = int;  // nvmlReturn_t
inline constexpr Return kSuccess = 0;
inline constexpr Return kDriverNotLoaded = 9;
inline constexpr Return kGpuNotFound = 28;

struct DeviceOfNvml;  // opaque
using Device = DeviceOfNvml*;

/// nvmlPciInfo_t
struct PciInfo {
  char bus_id_legacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned device_and_vendor;  // vendor in the lower half
  unsigned subsystem;          // vendor in the lower half
  char bus_id[32];
};
static_assert(sizeof(PciInfo) == 68);

/// nvmlFieldValue_t, whose value is a union; only its unsigned form is used.
struct FieldValue {
  unsigned field = 0;
  unsigned scope = 0;  // here: the number of a link
  long long timestamp = 0;
  long long latency = 0;
  int type = 0;
  Return result = 0;  // of this field
  union {
    unsigned number = 0;
    double widest;
  };
};
static_assert(sizeof(FieldValue) == 40 && offsetof(FieldValue, number) == 32);

inline constexpr unsigned kFieldNvLinkState = 165;
inline constexpr unsigned kFieldC2cLinks = 170;
inline constexpr unsigned kFieldC2cStatus = 171;
inline constexpr unsigned kFieldC2cBandwidth = 172;  // MB/s

inline constexpr unsigned kMostNvLinks = 36;          // NVML_NVLINK_MAX_LINKS
inline constexpr unsigned kNvLinkPeersReachable = 0;  // NVML_NVLINK_CAP_P2P_SUPPORTED

/// nvmlIntNvLinkDeviceType_t
inline constexpr int kRemoteGpu = 0;
inline constexpr int kRemoteProcessor = 1;  // of IBM
inline constexpr int kRemoteSwitch = 2;

/// nvmlGpuFabricInfo_v2_t
struct FabricInfo {
  unsigned version = kVersion;
  unsigned char cluster[16] = {};
  Return result = 0;
  unsigned clique = 0;
  unsigned char state = 0;
  unsigned health = 0;

  static constexpr unsigned kVersion = 36 | 2 << 24;  // size and version of the structure
};
static_assert(sizeof(FabricInfo) == 36);
inline constexpr unsigned char kFabricJoined = 3;  // NVML_GPU_FABRIC_STATE_COMPLETED

struct Api {
  Return (*init)() = nullptr;
  Return (*shutdown)() = nullptr;
  const char* (*error_string)(Return) = nullptr;
  Return (*device_count)(unsigned*) = nullptr;
  Return (*device_at)(unsigned, Device*) = nullptr;
  Return (*pci_info)(Device, PciInfo*) = nullptr;
  Return (*compute_capability)(Device, int* major, int* minor) = nullptr;
  Return (*max_pcie_generation)(Device, unsigned*) = nullptr;
  Return (*max_pcie_width)(Device, unsigned*) = nullptr;
  Return (*nvlink_capability)(Device, unsigned link, unsigned capability, unsigned*) = nullptr;
  Return (*nvlink_state)(Device, unsigned link, unsigned*) = nullptr;
  Return (*nvlink_remote_pci)(Device, unsigned link, PciInfo*) = nullptr;
  Return (*field_values)(Device, int count, FieldValue*) = nullptr;

  // Null where the driver is older.
  Return (*nvlink_remote_type)(Device, unsigned link, int*) = nullptr;
  Return (*fabric_info)(Device, FabricInfo*) = nullptr;
};

/// kNotSupported says what is missing.
Result<Api> load();

}  // namespace tutti::nvml
