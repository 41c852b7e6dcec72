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

Status DeviceAnnex::open(DeviceCopier* by_kernels) {
  copier_ = by_kernels;
  if (copier_ != nullptr) return {};
  Result<std::unique_ptr<StreamCopier>> made = StreamCopier::create(device_);
  if (!made.ok()) return made.status();
  own_ = std::move(*made);
  copier_ = own_.get();
  return {};
}

DeviceAnnex::~DeviceAnnex() {
  if (own_ != nullptr && !own_->finish()) return;
  if (!memory_.empty()) device_.release(memory_.data());
}

Result<std::uint64_t> DeviceAnnex::copy(std::byte* target, const std::byte* source,
                                        std::size_t bytes) {
  if (Status status = device_.flush_network_writes(); !status.ok()) return status;
  return copier_->copy(target, source, bytes);
}

bool DeviceAnnex::copied(std::uint64_t number) { return copier_->copied(number); }

}  // namespace tutti
