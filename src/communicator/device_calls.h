// What a communicator has for calls on memory of a device: the device; kernels among the ranks of a
// host, where they reach each other's devices; a way between the hosts where there are several of
// as many ranks; and a way through host memory for everything else.
//
// What a call runs on depends on what all ranks know, so that they agree. Tested by
// enqueue_test.cc.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "communicator/device_memory.h"
#include "communicator/host_route.h"
#include "communicator/impl.h"
#include "communicator/two_levels.h"
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

  /// As Communicator::allocate_on_device() and register_on_device(), over a bootstrap of the ranks
  /// of this host where there are levels, else of all.
  DeviceMemory& memory() { return *memory_; }
  const std::optional<Levels>& levels() const { return levels_; }

  /// About the last call that was enqueued.
  Explanation explain() const;
  /// "device 0 (NVIDIA H200), cuda_p2p, NVLS".
  std::string description() const;

 private:
  // What a call can run on.
  enum class Way { kKernels, kTwoLevels, kHostMemory };

  DeviceCalls(const Options& options, std::shared_ptr<Device> device);

  Status open(Bootstrap& bootstrap, std::unique_ptr<Communicator::Impl> host, const Group& group,
              Deadline deadline);
  void add_kernels(Bootstrap& bootstrap, Deadline deadline);
  void add_kernels_inside(Bootstrap& bootstrap, Communicator::Impl& host, Deadline deadline);
  Status add_multicast(Boards& boards, Bootstrap& bootstrap, Deadline deadline) const;
  Status add_route(Bootstrap& bootstrap, std::unique_ptr<Communicator::Impl> host,
                   Deadline deadline);
  Status add_routes(Bootstrap& bootstrap, std::unique_ptr<Communicator::Impl> host,
                    Deadline deadline);
  /// Collective, for this rank's part of a route; fails on this rank only.
  Result<std::unique_ptr<HostRoute>> make_route(Bootstrap& bootstrap,
                                                std::unique_ptr<Communicator::Impl> host,
                                                std::function<void(const Status&)> on_failure,
                                                Deadline deadline);
  Status may_go_directly(Communicator::Impl& host) const;
  Result<std::unique_ptr<DeviceAnnex>> make_annex(Bootstrap& bootstrap, Communicator::Impl& host,
                                                  Deadline deadline) const;

  Way way_of(const Call& call) const;
  Status check(const Call& call) const;
  Status issue_kernel(const Call& call, Stream stream);
  Status issue_levels(const Call& call, Stream stream, bool captured);
  Status issue_steps(const LevelSteps& steps, Stream stream, bool captured, int& issued);
  Status issue_group(std::span<const Call> group, Stream stream, bool captured);
  Status begin_for(std::span<const StagedCall> calls, Stream stream, bool captured,
                   std::optional<DeviceProxy::Visit>& visit);
  Status issue_others(std::span<const Call> calls, Stream stream, bool captured,
                      std::vector<StagedCall>& left_over);
  std::string between_hosts() const;
  void fail(const Status& status);
  void fail_of_rail(const Status& status);
  void wait_for_news(std::chrono::milliseconds most) const;
  void give_up(const Status& status, const std::string& reason);

  const Options options_;
  // Shared: with boards of other ranks (boards.h), and with communicators split from this one.
  const std::shared_ptr<Device> device_;
  int rank_ = 0;
  int ranks_ = 1;

  // Of the ranks of this host.
  std::unique_ptr<Boards> boards_;         // null: not all reach each other's devices
  std::unique_ptr<CudaExecutor> kernels_;  // null where there are no boards
  Status why_no_kernels_;
  Status why_no_multicast_;
  std::unique_ptr<DeviceMemory> memory_;

  std::optional<Levels> levels_;  // where kernels are of the ranks of one of several hosts
  std::span<std::byte> scratch_;  // of the device, for calls in two levels
  Status no_visits_;              // as of may_wait_in_kernels()

  mutable std::mutex mutex_;
  Status failure_;

  Way last_way_ = Way::kHostMemory;  // of the caller's thread
  bool last_went_directly_ = false;  // past host memory, what did not go by kernels

  // Their threads use what is above, and abort() any thread; set under the mutex.
  std::unique_ptr<HostRoute> route_;  // of all ranks
  std::unique_ptr<HostRoute> rail_;   // of those of this one's place on all hosts; null: no levels
};

}  // namespace tutti
