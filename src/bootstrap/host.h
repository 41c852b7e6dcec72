// Which machine, and which view of it, a rank runs in.
//
// Ranks can share memory when they run under one kernel (boot id), reach the same abstract sockets
// (network namespace) and see each other's process ids (pid namespace). Tested by shm_test.cc.

#pragma once

#include <cstdint>
#include <string>

#include "tutti/status.h"

namespace tutti {

/// A value that travels as bytes.
struct Host {
  char name[65] = {};     // for messages only
  char boot_id[37] = {};  // random, new at every boot
  std::uint64_t network_namespace = 0;
  std::uint64_t pid_namespace = 0;

  bool operator==(const Host&) const = default;
};

Result<Host> this_host();

/// OK, or kNotSupported saying where the two ranks are.
Status check_same_host(int rank_a, const Host& a, int rank_b, const Host& b);

}  // namespace tutti
