// The devices that communicators open unless they are told otherwise: NVIDIA's driver's.

#include "communicator/impl.h"
#include "device/cuda_device.h"
#include "executor/cuda/kernel_image.h"

namespace tutti {

OpenDevice open_of_driver() {
  return [](int ordinal) -> Result<std::shared_ptr<Device>> {
    Result<std::unique_ptr<Device>> device = open_device(ordinal, cuda::kernel_image());
    if (!device.ok()) return device.status();
    return std::shared_ptr<Device>(std::move(*device));
  };
}

}  // namespace tutti
