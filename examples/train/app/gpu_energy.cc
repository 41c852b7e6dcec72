#include "train/app/gpu_energy.h"

#include <dlfcn.h>

namespace tutti::train {

// Never closed: the process has it until it ends.
NvmlEnergy NvmlEnergy::load(const char* library) {
  void* const nvml = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (nvml == nullptr) return {};
  const auto find = [&]<class Function>(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(nvml, name));
  };
  int (*start)() = nullptr;
  find("nvmlInit_v2", start);
  if (start == nullptr || start() != 0) return {};
  NvmlEnergy found;
  find("nvmlDeviceGetCount_v2", found.count);
  find("nvmlDeviceGetHandleByIndex_v2", found.handle);
  find("nvmlDeviceGetTotalEnergyConsumption", found.millijoules);
  return found.is_there() ? found : NvmlEnergy{};
}

GpuEnergyMeter::GpuEnergyMeter(const NvmlEnergy& nvml) : nvml_(nvml) {
  unsigned count = 0;
  if (!nvml_.is_there() || nvml_.count(&count) != 0) return;
  for (unsigned i = 0; i < count; ++i) {
    Gpu gpu{};
    if (nvml_.handle(i, &gpu.handle) != 0 || nvml_.millijoules(gpu.handle, &gpu.last) != 0) {
      continue;
    }
    gpus_.push_back(gpu);
  }
}

std::optional<double> GpuEnergyMeter::take_joules() {
  if (!works()) return std::nullopt;
  double joules = 0;
  for (Gpu& gpu : gpus_) {
    unsigned long long now = gpu.last;
    if (nvml_.millijoules(gpu.handle, &now) != 0) continue;
    joules += 1e-3 * static_cast<double>(now - gpu.last);
    gpu.last = now;
  }
  return joules;
}

}  // namespace tutti::train
