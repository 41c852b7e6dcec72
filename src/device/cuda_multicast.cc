// Tested by cuda_multicast_driver_test.cc.

#include "device/cuda_multicast.h"

#include <string>

namespace tutti {

bool CudaMulticast::is_there(const CudaContext& context) {
  const Driver& driver = context.driver();
  const bool has_calls = driver.multicast_granularity != nullptr &&
                         driver.create_multicast != nullptr && driver.join_multicast != nullptr &&
                         driver.bind_multicast != nullptr && driver.unbind_multicast != nullptr;
  return has_calls && context.attribute(driver::kMulticastSupported) != 0 &&
         CudaVirtualMemory(context).is_there();
}

Result<Descriptor> CudaMulticast::make(const CudaContext& context, std::size_t& bytes,
                                       int devices) {
  const Driver& driver = context.driver();
  const CudaVirtualMemory virtual_memory(context);
  driver::MulticastProperties wanted{.devices = static_cast<unsigned>(devices),
                                     .bytes = bytes,
                                     .handle_types = driver::kPosixFile};
  std::size_t unit = 0;
  Status status = context.outcome_of(
      "cuMulticastGetGranularity",
      driver.multicast_granularity(&unit, &wanted, driver::kMulticastGranularityMinimum));
  if (!status.ok()) return status;
  // Memory for it has a granularity too, which is that of its own device.
  const Result<std::size_t> of_each = virtual_memory.rounded(bytes, unit);
  if (!of_each.ok()) return of_each.status();
  wanted.bytes = *of_each;
  driver::Memory object = 0;
  status = context.outcome_of("cuMulticastCreate for " + std::to_string(devices) + " devices",
                              driver.create_multicast(&object, &wanted));
  if (!status.ok()) return status;
  Result<Descriptor> file = virtual_memory.export_file(object);
  driver.release_memory(object);  // the file keeps it
  if (file.ok()) bytes = *of_each;
  return file;
}

Result<std::unique_ptr<DeviceMulticast>> CudaMulticast::join(const CudaContext& context,
                                                             const Descriptor& file,
                                                             std::size_t bytes) {
  const Result<driver::Memory> object = CudaVirtualMemory(context).import(file);
  if (!object.ok()) return object.status();
  std::unique_ptr<DeviceMulticast> mine(new CudaMulticast(context, *object, bytes));
  const Status status = context.outcome_of(
      "cuMulticastAddDevice", context.driver().join_multicast(*object, context.device()));
  if (!status.ok()) return status;
  return mine;
}

CudaMulticast::~CudaMulticast() {
  const SetupContext current(context_);
  const Driver& driver = context_.driver();
  if (all_ != nullptr) virtual_memory_.unmap({all_, bytes_});
  if (bound_) driver.unbind_multicast(object_, context_.device(), 0, bytes_);
  if (own_ != nullptr) virtual_memory_.unmap({own_, bytes_});
  driver.release_memory(object_);
}

Status CudaMulticast::bind() {
  const SetupContext current(context_);
  const Result<driver::Memory> memory = virtual_memory_.create(bytes_);
  if (!memory.ok()) return memory.status();
  const Status status = bind(*memory);
  context_.driver().release_memory(*memory);  // what is bound and mapped keeps it
  return status;
}

Status CudaMulticast::bind(driver::Memory memory) {
  const Driver& driver = context_.driver();
  const Status status = context_.outcome_of(
      "cuMulticastBindMem", driver.bind_multicast(object_, 0, memory, 0, bytes_, 0));
  if (!status.ok()) return status;
  bound_ = true;
  const Result<std::byte*> own = virtual_memory_.map(memory, bytes_);
  if (!own.ok()) return own.status();
  own_ = *own;
  // Its address is a multiple of its granularity: of the largest power of two in a multiple of
  // that.
  const Result<std::byte*> all = virtual_memory_.map(object_, bytes_, bytes_ & -bytes_);
  if (!all.ok()) return all.status();
  all_ = *all;
  return {};
}

}  // namespace tutti
