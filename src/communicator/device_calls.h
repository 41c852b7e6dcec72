// What a communicator has for calls on memory of a device: the device, kernels where all ranks
// reach each other's devices, and a proxy for everything else.
//
// Whether a call is one for kernels depends on what all ranks know, so that they agree. Tested by
// enqueue_test.cc.

#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "communicator/device_memory.h"
#include "communicator/device_proxy.h"
#include "communicator/impl.h"
#include "executor/cuda/executor.h"
#include "transports/cuda_p2p/boards.h"

namespace tutti {

class DeviceCalls final {
 public:
  /// Collective over the bootstrap; fails on every rank when it fails on one. `host`: a
  /// communicator of the same ranks, for the proxy alone; `group`: the ranks and their hosts.
  static Result<std::unique_ptr<DeviceCalls>> create(Bootstrap& bootstrap, const Options& options,
                                                     std::shared_ptr<Device> device,
                                                     std::unique_ptr<Communicator::Impl> host,
                                                     const Group& group, Deadline deadline);
  /// What was enqueued comes to its end, or fails at the call timeout.
  ~DeviceCalls();

  const std::shared_ptr<Device>& device() const { return device_; }

  /// As Communicator::enqueue(). REQUIRES: validate() is OK for every call.
  Status enqueue(std::span<const Call> group, Stream stream);
  Status health() const;
  void abort(const std::string& reason);

  /// As Communicator::allocate_on_device() and register_on_device(), over a bootstrap of the ranks.
  DeviceMemory& memory() { return *memory_; }

  /// About the last call that was enqueued.
  Explanation explain() const;
  /// "device 0 (NVIDIA H200), cuda_p2p, NVLS".
  std::string description() const;

 private:
  DeviceCalls(const Options& options, std::shared_ptr<Device> device,
              std::unique_ptr<Communicator::Impl> host);

  void add_kernels(Bootstrap& bootstrap, Deadline deadline);
  Status add_multicast(Boards& boards, Bootstrap& bootstrap, Deadline deadline) const;
  Status add_proxy(Bootstrap& bootstrap, Deadline deadline);
  Result<std::unique_ptr<DeviceProxy>> make_proxy(const Status& no_kernels);
  bool is_for_kernels(const Call& call) const;
  Status check(const Call& call) const;
  Status issue_kernel(const Call& call, Stream stream);
  Status issue_group(std::span<const Call> group, Stream stream, bool captured);
  Status begin_for(std::span<const Call> calls, Stream stream, bool captured,
                   std::optional<DeviceProxy::Visit>& visit);
  Status issue_kernels(std::span<const Call> calls, Stream stream, std::vector<Call>& left_over);
  Status look_around();
  void fail(const Status& status);
  void give_up(const Status& status, const std::string& reason);

  const Options options_;
  // Shared: with boards of other ranks (boards.h), and with communicators split from this one.
  const std::shared_ptr<Device> device_;
  const std::unique_ptr<Communicator::Impl> host_;
  Memory staging_memory_;  // of host_

  std::unique_ptr<Boards> boards_;         // null: not all ranks reach each other's devices
  std::unique_ptr<CudaExecutor> kernels_;  // null where there are no boards
  Status why_no_kernels_;
  Status why_no_multicast_;
  std::unique_ptr<DeviceMemory> memory_;

  mutable std::mutex mutex_;
  Status failure_;

  bool last_was_kernel_ = false;                         // of the caller's thread
  std::chrono::steady_clock::time_point peers_checked_;  // of the proxy's

  // The thread of the proxy uses what is above.
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<DeviceProxy> proxy_;
};

}  // namespace tutti
