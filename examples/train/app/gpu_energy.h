// The energy that this host's GPUs have used, as NVML counts it (since Volta). The library is
// looked for at run time.
//
// Tested by train_step_log_test.cc.

#pragma once

#include <optional>
#include <vector>

namespace tutti::train {

/// What is used of NVML; functions answer 0 where all is well.
struct NvmlEnergy {
  int (*count)(unsigned* gpus) = nullptr;
  int (*handle)(unsigned index, void** gpu) = nullptr;
  int (*millijoules)(void* gpu, unsigned long long* since_the_driver) = nullptr;

  bool is_there() const { return count != nullptr && handle != nullptr && millijoules != nullptr; }
  /// Null functions where there is no such library, or it cannot be used.
  static NvmlEnergy load(const char* library = "libnvidia-ml.so.1");
};

class GpuEnergyMeter {
 public:
  explicit GpuEnergyMeter(const NvmlEnergy& nvml = NvmlEnergy::load());

  bool works() const { return !gpus_.empty(); }
  /// Since the last call, or since it was made, of all GPUs. Nothing if it does not work.
  std::optional<double> take_joules();

 private:
  struct Gpu {
    void* handle;
    unsigned long long last;  // mJ
  };

  const NvmlEnergy nvml_;
  std::vector<Gpu> gpus_;
};

}  // namespace tutti::train
