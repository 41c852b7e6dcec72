// What UCX is on this host, for people who ask: its version, what it was built with, and what it
// could use here if it were left free to. Local, and needs no device. Tested by ucx_look_test.cc.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tutti/status.h"

namespace tutti::ucx {

struct Facts {
  std::string version;                    // "1.13.1"
  std::string library;                    // the file it was loaded from
  std::vector<std::string> components;    // what it was built with: "tcp", "ib", "cuda_cpy"
  std::vector<std::string> transports;    // what it finds here: "tcp/eth0", "rc_mlx5/mlx5_0:1"
  std::vector<std::string> memory_types;  // that it can send: "host", "cuda"

  bool operator==(const Facts&) const = default;
};

/// kNotSupported where UCX is missing, or this library was built without it.
Result<Facts> look();

/// Adds components and transports from what ucp_context_print_info() prints: lines such as
/// "#     component 1  :  tcp" and "#      resource 1  :  md 1  dev 1  flags -- tcp/lo".
void read_context_info(std::string_view text, Facts& facts);

}  // namespace tutti::ucx
