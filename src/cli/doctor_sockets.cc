// Tested by cli_doctor_test.cc.

#include "cli/doctor_sockets.h"

#include <fmt/format.h>

#include <fstream>

namespace tutti::cli::doctor {
namespace {

// Fills 10 Gbit/s at a round trip of 0.8 ms. Kernels begin with 4 MiB and 6 MiB.
constexpr long kEnough = 1 << 20;

// "least default most"
long most_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  long least = 0, usual = 0, most = 0;
  return file >> least >> usual >> most ? most : 0;
}

Finding too_small(const char* name, long bytes, const char* usual) {
  return {Severity::kCosts, fmt::format("{} ends at {} bytes", name, bytes),
          fmt::format("a connection carries at most {:.0f} MB/s at a round trip of 1 ms",
                      static_cast<double>(bytes) / 1e3),
          fmt::format("sysctl -w {}=\"{}\"", name, usual)};
}

}  // namespace

SocketLimits read_socket_limits(const std::filesystem::path& sys) {
  return {most_of(sys / "net/ipv4/tcp_wmem"), most_of(sys / "net/ipv4/tcp_rmem")};
}

std::vector<Finding> check_sockets(const SocketLimits& limits) {
  std::vector<Finding> findings;
  if (limits.most_to_send > 0 && limits.most_to_send < kEnough) {
    findings.push_back(too_small("net.ipv4.tcp_wmem", limits.most_to_send, "4096 16384 4194304"));
  }
  if (limits.most_to_receive > 0 && limits.most_to_receive < kEnough) {
    findings.push_back(
        too_small("net.ipv4.tcp_rmem", limits.most_to_receive, "4096 131072 6291456"));
  }
  return findings;
}

}  // namespace tutti::cli::doctor
