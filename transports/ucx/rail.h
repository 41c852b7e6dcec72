// One way into the network: a UCX context and worker on one device, or on several that UCX bundles.
//
// Not safe for several threads: the worker's lock is its owner's. Tested by ucx_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/memory_kind.h"
#include "transports/ucx/devices.h"
#include "transports/ucx/library.h"

namespace tutti::ucx {

ucs_memory_type_t memory_type_of(MemoryKind kind);

/// An error of UCX as a sentence: "cannot create a worker on e0: Input/output error".
Status ucx_error(const Api& api, const std::string& what, ucs_status_t status);

class Rail {
 public:
  static Result<std::unique_ptr<Rail>> open(const Api& api, const RailDevices& devices);
  ~Rail();
  Rail(const Rail&) = delete;
  Rail& operator=(const Rail&) = delete;

  const RailDevices& devices() const { return devices_; }
  ucp_worker_h worker() const { return worker_; }
  const std::string& address() const { return address_; }
  /// Whether UCX moves memory of the kind on these devices.
  bool moves(MemoryKind kind) const;
  /// Readable when there is something to do, once arm() has said true.
  int event_fd() const { return event_fd_; }
  bool arm() { return api_.worker_arm(worker_) == UCS_OK; }
  bool progress() { return api_.worker_progress(worker_) != 0; }
  /// Most bytes of a parcel's data that travel as one piece.
  std::size_t most_data() const { return devices_.is_rdma ? kUnlimited : kTcpPiece; }

 private:
  static constexpr std::size_t kUnlimited = std::size_t{1} << 30;
  // What one receive of UCX's tcp takes in, so that data goes to its place from there; longer
  // messages would be put together elsewhere first.
  static constexpr std::size_t kTcpPiece = std::size_t{256} << 10;

  Rail(const Api& api, const RailDevices& devices) : api_(api), devices_(devices) {}
  Status configure(ucp_config_t* config) const;
  Status open_context();
  Status open_worker();

  const Api& api_;
  const RailDevices devices_;
  ucp_context_h context_ = nullptr;
  ucp_worker_h worker_ = nullptr;
  std::string address_;
  std::uint64_t memory_types_ = 0;  // bits, by ucs_memory_type_t
  int event_fd_ = -1;
};

}  // namespace tutti::ucx
