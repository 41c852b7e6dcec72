// Ranks whose calls on memory of a device go through host memory: a communicator of theirs, staging
// memory of it, and the proxy that uses both.
//
// Tested by enqueue_test.cc.

#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "communicator/device_proxy.h"
#include "communicator/impl.h"

namespace tutti {

class HostRoute final {
 public:
  struct Setting {
    Device& device;
    Status no_kernels = {};  // as of may_wait_in_kernels()
    std::chrono::milliseconds call_timeout;
    bool check_peers = false;  // whether they live, for those that wait in other ways
    /// What has failed elsewhere, and who is told of a failure here: in the proxy's thread.
    std::function<Status()> look_around;
    std::function<void(const Status&)> on_failure;
  };

  /// `host`: for this alone. Fails on this rank only; the caller lets all agree.
  static Result<std::unique_ptr<HostRoute>> create(std::unique_ptr<Communicator::Impl> host,
                                                   const Setting& setting);
  /// Options of a communicator that will do for it.
  static Options options_of(const Options& options, int ranks);

  /// What was enqueued comes to its end, or fails; no thread of this runs any more. The host stays.
  void end() { proxy_.reset(); }

  Communicator::Impl& host() const { return *host_; }
  DeviceProxy& proxy() const { return *proxy_; }

 private:
  HostRoute(std::unique_ptr<Communicator::Impl> host, const Setting& setting)
      : setting_(setting), host_(std::move(host)) {}
  Status look_around();

  const Setting setting_;
  const std::unique_ptr<Communicator::Impl> host_;
  Memory staging_memory_;  // of host_
  std::unique_ptr<Staging> staging_;
  std::chrono::steady_clock::time_point peers_checked_;  // of the proxy's thread
  std::unique_ptr<DeviceProxy> proxy_;                   // its thread uses what is above
};

}  // namespace tutti
