// Checks of what the system lets TCP keep under way. Tested by cli_doctor_test.cc.

#pragma once

#include <filesystem>
#include <vector>

#include "cli/doctor_findings.h"

namespace tutti::cli::doctor {

/// 0 where the system does not say. UCX lets the kernel size socket buffers within these.
struct SocketLimits {
  long most_to_send = 0;     // bytes a connection, of net.ipv4.tcp_wmem
  long most_to_receive = 0;  // of net.ipv4.tcp_rmem
};

/// `sys` is /proc/sys, or a tree like it.
SocketLimits read_socket_limits(const std::filesystem::path& sys);

/// Nothing where the limits are as large as distributions set them.
std::vector<Finding> check_sockets(const SocketLimits& limits);

}  // namespace tutti::cli::doctor
