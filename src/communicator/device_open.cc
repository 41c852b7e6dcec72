// The devices that communicators open unless they are told otherwise: NVIDIA's driver's, with the
// kernels that were built for them.

#include "communicator/impl.h"
#include "device/cuda_device.h"
#include "device/opened_devices.h"
#include "executor/cuda/kernel_image.h"

namespace tutti {
namespace {

Result<std::shared_ptr<Device>> open_with_kernels(int ordinal) {
  Result<std::unique_ptr<Device>> device = open_device(ordinal, cuda::kernel_image());
  // Built without kernels, or with none for this GPU: all goes through host memory, as the log
  // says at the start.
  if (device.status().code() == Code::kNotSupported) device = open_device(ordinal, {});
  if (!device.ok()) return device.status();
  return std::shared_ptr<Device>(std::move(*device));
}

}  // namespace

OpenDevice open_of_driver() {
  // Of the process, as the contexts of its GPUs are. Never destroyed: threads may outlive main().
  static auto* const opened = new OpenedDevices(open_with_kernels);
  return [](int ordinal) { return opened->get(ordinal); };
}

}  // namespace tutti
