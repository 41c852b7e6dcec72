// Tested by cuda_driver_test.cc and device_test.cc.

#include "device/cuda_device.h"

#include <cstring>
#include <string>

#include "device/cuda_multicast.h"

namespace tutti {
namespace {

Status start(const Driver& driver) {
  const driver::Outcome outcome = driver.init(0);
  if (outcome == driver::kSuccess) return {};
  std::string text = "no GPU can be used: " + outcome_of(driver, "cuInit", outcome).message();
  if (outcome == driver::kNotInitialized) text += "; was this process forked from one that did?";
  return {Code::kNotSupported, text};
}

}  // namespace

Result<std::unique_ptr<Device>> open_device(int ordinal, const KernelImage& image) {
  const Result<Driver> driver = load_driver();
  if (!driver.ok()) return driver.status();
  Result<std::unique_ptr<CudaDevice>> device = CudaDevice::open(*driver, ordinal, image);
  if (!device.ok()) return device.status();
  return std::unique_ptr<Device>(std::move(*device));
}

Result<std::unique_ptr<CudaDevice>> CudaDevice::open(const Driver& driver, int ordinal,
                                                     const KernelImage& image) {
  std::unique_ptr<CudaDevice> device(new CudaDevice(driver));
  const Status prepared = device->prepare(ordinal, image);
  if (!prepared.ok()) return prepared;
  return device;
}

Status CudaDevice::prepare(int ordinal, const KernelImage& image) {
  if (Status status = start(driver_); !status.ok()) return status;
  Result<std::unique_ptr<CudaContext>> context = CudaContext::open(driver_, ordinal);
  if (!context.ok()) return context.status();
  context_ = std::move(*context);
  streams_ = std::make_unique<CudaStreams>(*context_);
  if (Status status = learn_facts(); !status.ok()) return status;
  Result<std::unique_ptr<CudaKernels>> kernels = CudaKernels::load(*context_, image);
  if (!kernels.ok()) return kernels.status();
  kernels_ = std::move(*kernels);
  facts_.has_kernels = !image.names.empty();
  facts_.has_multicast = CudaMulticast::is_there(*context_) && kernels_->all_there();
  memory_ = std::make_unique<CudaMemory>(*context_, *streams_);
  return {};
}

Status CudaDevice::learn_facts() {
  char name[256] = {};
  Status status = context_->outcome_of(
      "cuDeviceGetName", driver_.device_name(name, sizeof name - 1, context_->device()));
  if (!status.ok()) return status;
  driver::Uuid uuid = {};
  status = context_->outcome_of("cuDeviceGetUuid", driver_.device_uuid(&uuid, context_->device()));
  if (!status.ok()) return status;
  facts_.ordinal = context_->ordinal();
  facts_.name = name;
  std::memcpy(facts_.uuid.data(), uuid.bytes, sizeof uuid.bytes);
  facts_.multiprocessors = context_->attribute(driver::kMultiprocessorCount);
  facts_.compute_capability = 10 * context_->attribute(driver::kComputeCapabilityMajor) +
                              context_->attribute(driver::kComputeCapabilityMinor);
  facts_.shares_kernels = context_->attribute(driver::kMpsEnabled) != 0;
  facts_.waits_on_memory = streams_->can_wait();
  facts_.memory = MemoryKind::kCuda;
  learn_network_facts();
  return {};
}

// Writes that pass over PCIe to a GPU, and to the host of their completion, may overtake each
// other: "GPUDirect RDMA writes to the device do not need to be flushed for consumers within the
// scope indicated" by this attribute (cuda.h), and else cuFlushGPUDirectRDMAWrites() flushes them.
void CudaDevice::learn_network_facts() {
  const bool is_ordered =
      context_->attribute(driver::kGpuDirectRdmaWritesOrdering) >= driver::kOrderedForOwner;
  const bool can_flush =
      driver_.flush_network_writes != nullptr &&
      (context_->attribute(driver::kGpuDirectRdmaFlushOptions) & driver::kFlushByHost) != 0;
  flushes_network_writes_ = !is_ordered && can_flush;
  facts_.takes_network_writes =
      context_->attribute(driver::kGpuDirectRdmaSupported) != 0 && (is_ordered || can_flush);
}

Status CudaDevice::flush_network_writes() {
  if (!flushes_network_writes_) return {};
  const SetupContext current(*context_);
  return context_->outcome_of(
      "cuFlushGPUDirectRDMAWrites",
      driver_.flush_network_writes(driver::kFlushCurrentContext, driver::kOrderedForOwner));
}

// What a context enables lasts as long as the process; so does what it enables it for.
Status CudaDevice::reach(const DeviceFacts& other) {
  if (other.uuid == facts_.uuid) return {};
  Result<std::unique_ptr<CudaContext>> peer = CudaContext::open(driver_, other.ordinal);
  if (!peer.ok()) return peer.status();
  int can = 0;
  const Status asked =
      context_->outcome_of("cuDeviceCanAccessPeer",
                           driver_.can_access_peer(&can, context_->device(), (*peer)->device()));
  if (!asked.ok()) return asked;
  if (can == 0) {
    return {Code::kNotSupported,
            "device " + std::to_string(facts_.ordinal) + " cannot reach memory of device " +
                std::to_string(other.ordinal) + ": neither NVLink nor PCIe between them lets it"};
  }
  const SetupContext current(*context_);
  const driver::Outcome outcome = driver_.enable_peer_access((*peer)->handle(), 0);
  if (outcome != driver::kSuccess && outcome != driver::kPeerAccessAlreadyEnabled) {
    return context_->outcome_of("cuCtxEnablePeerAccess to device " + std::to_string(other.ordinal),
                                outcome);
  }
  const std::scoped_lock lock(mutex_);
  reached_.push_back(std::move(*peer));
  return {};
}

}  // namespace tutti
