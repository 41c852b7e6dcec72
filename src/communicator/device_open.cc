// The devices that communicators open unless they are told otherwise: NVIDIA's driver's, with the
// kernels that were built for them.

#include "communicator/impl.h"
#include "device/cuda_device.h"
#include "executor/cuda/kernel_image.h"

namespace tutti {

OpenDevice open_of_driver() {
  return [](int ordinal) -> Result<std::shared_ptr<Device>> {
    Result<std::unique_ptr<Device>> device = open_device(ordinal, cuda::kernel_image());
    // Built without kernels, or with none for this GPU: all goes through host memory, as the log
    // says at the start.
    if (device.status().code() == Code::kNotSupported) device = open_device(ordinal, {});
    if (!device.ok()) return device.status();
    return std::shared_ptr<Device>(std::move(*device));
  };
}

}  // namespace tutti
