// Calls on memory of a device, as the communicator takes them. Tested by enqueue_test.cc.

#include <numeric>
#include <utility>

#include "bootstrap/exchange.h"
#include "communicator/device_calls.h"
#include "communicator/impl.h"
#include "communicator/message_bootstrap.h"
#include "communicator/validate.h"
#include "schedule/schedule.h"

namespace tutti {
namespace {

Status no_device() {
  return {Code::kNotSupported,
          "the communicator has no device: expected one in Options::device (TUTTI_DEVICE)"};
}

Status on_host_only(const Call& call) {
  return {Code::kNotSupported, std::string(name(call.collective)) +
                                   " runs on host memory only: expected run() or start()"};
}

}  // namespace

Status Communicator::Impl::add_device(Bootstrap& bootstrap, const OpenDevice& open_device,
                                      Deadline deadline) {
  Result<std::shared_ptr<Device>> device = open_device(options_.device);
  if (Status status = agree(bootstrap, device.status(), deadline); !status.ok()) return status;
  Result<std::unique_ptr<Impl>> host =
      create(bootstrap, HostRoute::options_of(options_, ranks()), network_, open_device, deadline);
  if (!host.ok()) return host.status();
  Result<std::unique_ptr<DeviceCalls>> calls = DeviceCalls::create(
      bootstrap, options_, std::move(*device), std::move(*host), preparer_.group(), deadline);
  if (!calls.ok()) return calls.status();
  device_ = std::move(*calls);
  if (options_.log_level >= 2) log(device_->description());
  return {};
}

OpenDevice Communicator::Impl::same_device() const {
  std::shared_ptr<Device> device = device_ == nullptr ? nullptr : device_->device();
  return [device](int) { return device; };
}

std::vector<int> Communicator::Impl::all_ranks() const {
  std::vector<int> all(ranks());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

Status Communicator::Impl::enqueue(std::span<const Call> group, void* stream) {
  if (device_ == nullptr) return no_device();
  for (const Call& call : group) {
    if (Status status = validate(call, rank(), ranks()); !status.ok()) return status;
    if (is_scan(call.collective)) return on_host_only(call);
  }
  if (group.empty()) return {};
  last_is_enqueued_.store(true, std::memory_order_relaxed);
  Status status = device_->enqueue(group, stream);
  return status.ok() ? status : log_failure(std::move(status));
}

Status Communicator::Impl::health() const {
  return device_ == nullptr ? Status() : device_->health();
}

std::vector<int> Communicator::Impl::sharing_ranks() const {
  return device_->levels().has_value() ? device_->levels()->inside() : all_ranks();
}

// What those who share memory have agreed on, for all ranks to agree on.
Status Communicator::Impl::agree_with_all(const Status& shared, Deadline deadline) {
  if (!device_->levels().has_value()) return shared;
  MessageBootstrap bootstrap(*this, all_ranks());
  return agree(bootstrap, shared.ok() ? shared : counted_among(sharing_ranks(), shared), deadline);
}

Result<Memory> Communicator::Impl::allocate_on_device(std::size_t bytes) {
  if (device_ == nullptr) return no_device();
  MessageBootstrap bootstrap(*this, sharing_ranks());
  const Deadline deadline = std::chrono::steady_clock::now() + options_.call_timeout;
  Result<Memory> memory = device_->memory().allocate(bootstrap, bytes, deadline);
  if (Status status = agree_with_all(memory.status(), deadline); !status.ok()) return status;
  return memory;
}

Status Communicator::Impl::register_on_device(const void* address) {
  if (device_ == nullptr) return no_device();
  MessageBootstrap bootstrap(*this, sharing_ranks());
  const Deadline deadline = std::chrono::steady_clock::now() + options_.call_timeout;
  return agree_with_all(device_->memory().share(bootstrap, address, deadline), deadline);
}

}  // namespace tutti
