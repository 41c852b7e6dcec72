#include "communicator/device_annex.h"

#include <utility>

namespace tutti {

Result<std::unique_ptr<DeviceAnnex>> DeviceAnnex::create(Device& device, std::size_t bytes) {
  std::unique_ptr<DeviceAnnex> annex(new DeviceAnnex(device));
  const Result<std::byte*> memory = device.allocate(bytes);
  if (!memory.ok()) return memory.status();
  annex->memory_ = {*memory, bytes};
  return annex;
}

Status DeviceAnnex::open(DeviceCopier* by_kernels) { return copier_.open(device_, by_kernels); }

DeviceAnnex::~DeviceAnnex() {
  if (!copier_.finish()) return;
  if (!memory_.empty()) device_.release(memory_.data());
}

Result<std::uint64_t> DeviceAnnex::copy(std::byte* target, const std::byte* source,
                                        std::size_t bytes) {
  if (Status status = device_.flush_network_writes(); !status.ok()) return status;
  return copier_->copy(target, source, bytes);
}

bool DeviceAnnex::copied(std::uint64_t number) { return copier_->copied(number); }

}  // namespace tutti
