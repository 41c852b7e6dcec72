// Ranks whose calls on memory of a device a thread makes, through host memory or past it: a
// communicator of theirs, staging memory of it, and the proxy that uses both.
//
// Tested by enqueue_test.cc.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "communicator/device_annex.h"
#include "communicator/device_proxy.h"
#include "communicator/impl.h"

namespace tutti {

class HostRoute final {
 public:
  struct Setting {
    Device& device;
    Status no_kernels = {};  // as of may_wait_in_kernels()
    std::chrono::milliseconds call_timeout;
    /// For calls that only move: null where `why_not_direct` says why not.
    std::unique_ptr<DeviceAnnex> annex = nullptr;
    Status why_not_direct = {};
    bool check_peers = false;  // whether they live, for those that wait in other ways
    /// What has failed elsewhere, and who is told of a failure here: in the proxy's thread.
    std::function<Status()> look_around;
    std::function<void(const Status&)> on_failure;
  };

  /// `host`: for this alone. Fails on this rank only; the caller lets all agree.
  static Result<std::unique_ptr<HostRoute>> create(std::unique_ptr<Communicator::Impl> host,
                                                   Setting setting);
  /// Options of a communicator that will do for it.
  static Options options_of(const Options& options, int ranks);

  /// What was enqueued comes to its end, or fails; no thread of this runs any more. The host stays.
  void end() { proxy_.reset(); }

  Communicator::Impl& host() const { return *host_; }
  DeviceProxy& proxy() const { return *proxy_; }
  /// OK where calls that only move pass memory of the host by (GPUDirect); else why not.
  const Status& why_not_direct() const { return setting_.why_not_direct; }
  /// Whether there are any, and all of them do.
  bool go_directly(std::span<const StagedCall> calls) const;

 private:
  HostRoute(std::unique_ptr<Communicator::Impl> host, Setting setting)
      : setting_(std::move(setting)), host_(std::move(host)) {}
  DirectStaging direct_staging() const;
  Status look_around();

  const Setting setting_;  // with the annex, which peers put into as long as there is a host
  const std::unique_ptr<Communicator::Impl> host_;
  Memory staging_memory_;  // of host_
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<DeviceVisits> visits_;  // whose kernels use it, until they have ended
  std::chrono::steady_clock::time_point peers_checked_;  // of the proxy's thread
  std::unique_ptr<DeviceProxy> proxy_;                   // its thread uses what is above
};

}  // namespace tutti
