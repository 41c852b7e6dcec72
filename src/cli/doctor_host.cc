// Tested by cli_command_test.py.

#include "cli/doctor_host.h"

#include "cli/doctor_network.h"
#include "cli/doctor_sockets.h"
#include "cli/machine.h"

namespace tutti::cli::doctor {
namespace {

long speed_of_used(const std::vector<NetworkDevice>& devices) {
  long speed = 0;
  for (const NetworkDevice& device : devices) speed += device.is_chosen ? device.speed : 0;
  return speed;
}

}  // namespace

HostReport examine_host(const Options& options) {
  const NetworkReport network = network_report(options);
  std::vector<Finding> findings = check_network(network);
  if (network.path.starts_with("tcp")) {
    for (Finding& finding : check_sockets(read_socket_limits("/proc/sys"))) {
      findings.push_back(std::move(finding));
    }
  }
  return {.host = this_machine().host,
          .text = device_table(network.devices) + render(findings),
          .worst = worst(findings),
          .speed = speed_of_used(network.devices)};
}

}  // namespace tutti::cli::doctor
