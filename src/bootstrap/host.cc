// Which machine this is. Tested by shm_test.cc.

#include "bootstrap/host.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "bootstrap/socket.h"

namespace tutti {
namespace {

Result<std::uint64_t> inode_of(const char* path) {
  struct stat status = {};
  if (stat(path, &status) != 0) return system_error(std::string("cannot stat ") + path);
  return static_cast<std::uint64_t>(status.st_ino);
}

Status read_boot_id(Host& host) {
  const char* const path = "/proc/sys/kernel/random/boot_id";
  std::ifstream file(path);
  std::string text;
  if (!std::getline(file, text)) return {Code::kSystem, std::string("cannot read ") + path};
  std::strncpy(host.boot_id, text.c_str(), sizeof(host.boot_id) - 1);
  return {};
}

std::string difference(const Host& a, const Host& b) {
  if (std::strcmp(a.boot_id, b.boot_id) != 0) return "";
  if (a.network_namespace != b.network_namespace) return " in another network namespace";
  return " in another pid namespace";
}

}  // namespace

Result<Host> this_host() {
  Host host;
  gethostname(host.name, sizeof(host.name) - 1);
  if (Status status = read_boot_id(host); !status.ok()) return status;
  const Result<std::uint64_t> network = inode_of("/proc/self/ns/net");
  if (!network.ok()) return network.status();
  const Result<std::uint64_t> pid = inode_of("/proc/self/ns/pid");
  if (!pid.ok()) return pid.status();
  host.network_namespace = *network;
  host.pid_namespace = *pid;
  return host;
}

Status check_same_host(int rank_a, const Host& a, int rank_b, const Host& b) {
  if (std::strcmp(a.boot_id, b.boot_id) == 0 && a.network_namespace == b.network_namespace &&
      a.pid_namespace == b.pid_namespace) {
    return {};
  }
  return {Code::kNotSupported, "rank " + std::to_string(rank_a) + " runs on host " + a.name +
                                   ", rank " + std::to_string(rank_b) + " on host " + b.name +
                                   difference(a, b) + ": expected ranks of one host"};
}

}  // namespace tutti
