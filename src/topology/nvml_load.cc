#include "base/loaded_library.h"
#include "topology/nvml.h"

namespace tutti::nvml {

// Names with versions: nvml.h maps the plain ones to these.
Result<Api> load() {
  LoadedLibrary library("libnvidia-ml.so.1");
  Api api;
  library.find("nvmlInit_v2", api.init);
  library.find("nvmlShutdown", api.shutdown);
  library.find("nvmlErrorString", api.error_string);
  library.find("nvmlDeviceGetCount_v2", api.device_count);
  library.find("nvmlDeviceGetHandleByIndex_v2", api.device_at);
  library.find("nvmlDeviceGetPciInfo_v3", api.pci_info);
  library.find("nvmlDeviceGetCudaComputeCapability", api.compute_capability);
  library.find("nvmlDeviceGetMaxPcieLinkGeneration", api.max_pcie_generation);
  library.find("nvmlDeviceGetMaxPcieLinkWidth", api.max_pcie_width);
  library.find("nvmlDeviceGetNvLinkCapability", api.nvlink_capability);
  library.find("nvmlDeviceGetNvLinkState", api.nvlink_state);
  library.find("nvmlDeviceGetNvLinkRemotePciInfo_v2", api.nvlink_remote_pci);
  library.find("nvmlDeviceGetFieldValues", api.field_values);
  library.find_if_there("nvmlDeviceGetNvLinkRemoteDeviceType", api.nvlink_remote_type);
  library.find_if_there("nvmlDeviceGetGpuFabricInfoV", api.fabric_info);
  if (library.problem().empty()) return api;
  return {Code::kNotSupported, "libnvidia-ml.so.1 cannot be used: " + library.problem()};
}

}  // namespace tutti::nvml
