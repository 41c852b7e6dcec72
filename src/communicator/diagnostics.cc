// Tested by diagnostics_test.cc.

#include "tutti/diagnostics.h"

#include "bootstrap/host.h"
#include "transports/ucx/look.h"
#include "transports/ucx/survey.h"
#include "transports/ucx/ucx.h"

namespace tutti {
namespace {

NetworkDevice public_form(const ucx::Surveyed& one) {
  return {.name = one.device.name,
          .is_rdma = one.device.is_rdma,
          .is_chosen = one.is_chosen,
          .is_excluded = one.is_excluded,
          .why_not = one.why_not,
          .speed = one.device.speed,
          .network = one.device.network};
}

Result<std::vector<NetworkDevice>> survey(const Options& options) {
  const auto usable = ucx::find_devices(options.interface);
  if (!usable.ok()) return usable.status();
  const auto rails = ucx::choose_rails(*usable, options.net_devices);
  std::vector<NetworkDevice> all;
  for (const ucx::Surveyed& one :
       ucx::explain_choice(*usable, rails.ok() ? *rails : std::vector<ucx::RailDevices>(),
                           options.interface, options.net_devices)) {
    all.push_back(public_form(one));
  }
  for (const ucx::Surveyed& one : ucx::find_unusable("/sys", *usable)) {
    all.push_back(public_form(one));
  }
  return all;
}

}  // namespace

NetworkReport network_report(const Options& options) {
  NetworkReport report;
  Result<UcxFacts> facts = ucx::look();
  if (facts.ok()) report.ucx = std::move(*facts);
  Result<std::vector<NetworkDevice>> devices = survey(options);
  if (devices.ok()) report.devices = std::move(*devices);
  const Result<UcxNetwork> network = open_ucx_network({options.interface, options.net_devices});
  report.status = facts.ok() ? network.status() : facts.status();
  if (network.ok()) report.path = describe(*network);
  return report;
}

Result<std::string> host_identity(const Options& options) {
  const Result<Host> host = this_host();
  if (!host.ok()) return host.status();
  return std::string(host->boot_id) + "/" + std::to_string(host->network_namespace) + "/" +
         std::to_string(host->pid_namespace) + "/" + options.host;
}

}  // namespace tutti
