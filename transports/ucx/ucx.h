// The transport between hosts, on UCX: RDMA where there is any, TCP otherwise.
//
// Nothing is mapped. A put and the signal after it are one active message, which the receiver's
// worker writes into its window; signals that follow each other closely share a message. Windows
// may be larger than memory and are not registered with anybody.
//
// Connections are made when a rank first sends to another.
// Tested by transport_test.cc and ucx_test.cc.

#pragma once

#include <memory>
#include <span>
#include <string>

#include "bootstrap/bootstrap.h"
#include "transports/transport.h"

namespace tutti {

namespace ucx {
class Worker;
}

/// This process's part of the network. Shared by a communicator and those split from it, in any
/// order of their ends: whoever ends last says farewell.
using UcxNetwork = std::shared_ptr<ucx::Worker>;

struct UcxOptions {
  std::string interface;    // as Options::interface
  std::string net_devices;  // as Options::net_devices
  bool rendezvous = false;  // into annexes by TCP too, where it gains nothing; for tests
};

/// kNotSupported where UCX is missing or has no device; kInvalidArgument for devices not there.
Result<UcxNetwork> open_ucx_network(const UcxOptions& options);
/// "tcp on e0 and e1".
std::string describe(const UcxNetwork& network);
/// Connections that this process has made so far.
int endpoints_made(const UcxNetwork& network);

/// Collective; fails on every rank when it fails on one, naming it. Peers put into `window`, which
/// is zeroed, page-aligned, as large on all ranks, and outlives the transport. A rank that could
/// not open its network gives the status of that. `bootstrap` is not used after the return.
Result<std::unique_ptr<Transport>> make_ucx_transport(Bootstrap& bootstrap,
                                                      const Result<UcxNetwork>& network,
                                                      std::span<std::byte> window,
                                                      Deadline deadline);

}  // namespace tutti
