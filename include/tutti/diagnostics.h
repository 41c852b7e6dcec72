// What the library finds when it looks for ways from this host to others, for those who ask why a
// start fails or why traffic is slow. `tutti doctor` prints it, with advice.
//
// Local: nothing here talks to another rank. Takes a fraction of a second.

#pragma once

#include <string>
#include <vector>

#include "tutti/api.h"
#include "tutti/options.h"
#include "tutti/status.h"

namespace tutti {

/// A network device of this host.
struct NetworkDevice {
  std::string name;          // as UCX and Options::net_devices name it: "eth0", "mlx5_0:1"
  bool is_rdma = false;      // an RDMA port; otherwise an interface
  bool is_chosen = false;    // carries traffic between hosts
  bool is_excluded = false;  // by an option; without it, it might be chosen
  std::string why_not = {};  // it is not chosen: "loopback", "slower than eth1", "its port is DOWN"
  long speed = 0;            // Mbit/s; 0: the system does not say
  std::string network = {};  // of an interface: "10.77.0.0/24"

  bool operator==(const NetworkDevice&) const = default;
};

/// What UCX is here. Empty where it is missing.
struct UcxFacts {
  std::string version;                    // "1.13.1"
  std::string library;                    // the file it was loaded from
  std::vector<std::string> components;    // what it was built with: "tcp", "ib", "cuda_cpy"
  std::vector<std::string> transports;    // what it finds here: "tcp/eth0", "rc_mlx5/mlx5_0:1"
  std::vector<std::string> memory_types;  // that it can send: "host", "cuda"

  bool operator==(const UcxFacts&) const = default;
};

struct NetworkReport {
  Status status = {};     // OK, or why ranks of this host can have no peers on other hosts
  std::string path = {};  // how they reach them: "tcp on e0 and e1"; "" when they cannot
  std::vector<NetworkDevice> devices = {};
  UcxFacts ucx = {};

  bool operator==(const NetworkReport&) const = default;
};

TUTTI_API NetworkReport network_report(const Options& options);

/// A text that is equal for ranks that may share memory, whom the library takes to be on one host:
/// one kernel, one network namespace, one pid namespace, and one Options::host.
TUTTI_API Result<std::string> host_identity(const Options& options);

}  // namespace tutti
