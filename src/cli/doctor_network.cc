// Tested by cli_doctor_test.cc.

#include "cli/doctor_network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace tutti::cli::doctor {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Components of UCX that drive RDMA devices.
bool has_rdma_component(const UcxFacts& ucx) { return contains(ucx.components, "ib"); }

bool has_cuda(const UcxFacts& ucx) { return contains(ucx.memory_types, "cuda"); }

// UCX's own for a device: "rc_mlx5/mlx5_0:1".
std::vector<std::string> transports_on(const UcxFacts& ucx, const std::string& device) {
  std::vector<std::string> found;
  std::copy_if(ucx.transports.begin(), ucx.transports.end(), std::back_inserter(found),
               [&](const std::string& name) { return name.ends_with("/" + device); });
  return found;
}

std::string speed_of(const NetworkDevice& device) {
  return device.speed == 0 ? "-" : fmt::format("{} Mbit/s", device.speed);
}

Finding missing_ucx(const Status& why) {
  return {Severity::kFails, why.message(), "only ranks of one host can make a communicator",
          "Debian, Ubuntu: apt install libucx0 to run, libucx-dev to build"};
}

bool is_loopback(const NetworkDevice& device) {
  return device.network.starts_with("127.") || device.network.starts_with("::1/");
}

Finding only_loopback(const NetworkDevice& device) {
  return {Severity::kNote, fmt::format("{} is used, which is loopback", device.name),
          "ranks on other machines cannot be reached",
          "give an interface an address, or name another one in TUTTI_INTERFACE"};
}

// An RDMA port that is there and does not carry traffic.
Finding idle_rdma(const NetworkDevice& port, const UcxFacts& ucx) {
  const std::string cost = "TCP takes several times as long, and the CPU does the work";
  if (!has_rdma_component(ucx)) {
    return {Severity::kCosts, fmt::format("{}: this UCX was built without RDMA", port.name), cost,
            "install a UCX that has it: ucx_info -v names --with-verbs"};
  }
  return {Severity::kCosts, fmt::format("{}: not used: {}", port.name, port.why_not), cost,
          "see what ibstat says of the port: cable, switch, subnet manager"};
}

Finding idle_hardware(const NetworkDevice& device) {
  return {Severity::kNote, fmt::format("{}: not used: {}", device.name, device.why_not), "",
          "give it an address if it is meant to carry traffic between hosts"};
}

// An option leaves it out, though it is faster than what is used. Only of RDMA is it certain that
// it leads to the other hosts too.
Finding excluded(const NetworkDevice& device, const NetworkDevice& used) {
  return {device.is_rdma ? Severity::kCosts : Severity::kNote,
          fmt::format("{} ({}) is {}; {} ({}) is used", device.name, speed_of(device),
                      device.why_not, used.name, speed_of(used)),
          "large calls may take as long as the slower device needs",
          "unset TUTTI_NET_DEVICES and TUTTI_INTERFACE, or name the faster one"};
}

bool any_rdma(const NetworkReport& report) {
  return std::any_of(report.devices.begin(), report.devices.end(),
                     [](const NetworkDevice& device) { return device.is_rdma; });
}

const NetworkDevice* fastest_chosen(const NetworkReport& report) {
  const NetworkDevice* best = nullptr;
  for (const NetworkDevice& device : report.devices) {
    if (device.is_chosen && (best == nullptr || device.speed > best->speed)) best = &device;
  }
  return best;
}

Finding way(const NetworkReport& report) {
  std::vector<std::string> transports;
  for (const NetworkDevice& device : report.devices) {
    if (!device.is_chosen) continue;
    for (std::string& one : transports_on(report.ucx, device.name)) transports.push_back(one);
  }
  return {Severity::kGood,
          fmt::format("other hosts are reached by {}; UCX's transports there: {}", report.path,
                      transports.empty() ? "none" : fmt::format("{}", fmt::join(transports, ", "))),
          "", ""};
}

Finding no_rdma(const UcxFacts& ucx) {
  const std::string lacks = has_rdma_component(ucx) ? "" : ", and this UCX was built without it";
  return {Severity::kNote, "no RDMA device on this host" + lacks,
          "traffic between hosts goes by TCP: tens of µs a message, CPU time for every byte", ""};
}

std::vector<Finding> about_device(const NetworkDevice& device, const NetworkReport& report) {
  const NetworkDevice* used = fastest_chosen(report);
  if (device.is_chosen) {
    if (is_loopback(device)) return {only_loopback(device)};
    if (!device.is_rdma || !transports_on(report.ucx, device.name).empty()) return {};
    return {{Severity::kFails, fmt::format("{}: UCX finds no transport for it", device.name),
             "communicators on several hosts do not start",
             "name other devices in TUTTI_NET_DEVICES, or install a UCX with RDMA"}};
  }
  const bool is_faster = used != nullptr && device.speed > used->speed;
  if (device.is_excluded) {
    return is_faster ? std::vector{excluded(device, *used)} : std::vector<Finding>();
  }
  if (used != nullptr && used->is_rdma) return {};
  if (device.is_rdma) return {idle_rdma(device, report.ucx)};
  if (device.network.empty()) return {idle_hardware(device)};
  return {};
}

}  // namespace

std::string device_table(const std::vector<NetworkDevice>& devices) {
  std::size_t width = 0;
  for (const NetworkDevice& device : devices) width = std::max(width, device.name.size());
  std::string text;
  for (const NetworkDevice& device : devices) {
    text += fmt::format("  {:<{}}  {:<9}  {:>13}  {:<18}  {}\n", device.name, width,
                        device.is_rdma ? "rdma" : "interface", speed_of(device),
                        device.network.empty() ? "-" : device.network,
                        device.is_chosen ? "used" : "not used: " + device.why_not);
  }
  return text.empty() ? "  no network device\n" : text;
}

std::vector<Finding> check_ucx(const NetworkReport& report) {
  const UcxFacts& ucx = report.ucx;
  if (ucx.version.empty()) return {missing_ucx(report.status)};
  std::vector<Finding> findings = {
      {Severity::kGood, fmt::format("UCX {} ({})", ucx.version, ucx.library), "", ""}};
  const std::string memory =
      fmt::format("UCX can send memory of: {}", fmt::join(ucx.memory_types, ", "));
  if (has_cuda(ucx)) {
    findings.push_back({Severity::kGood, memory, "", ""});
  } else {
    findings.push_back({Severity::kNote, memory + "; no CUDA memory", "", ""});
  }
  return findings;
}

std::vector<Finding> check_devices(const NetworkReport& report) {
  if (report.ucx.version.empty()) return {};
  std::vector<Finding> findings;
  if (report.status.ok()) {
    findings.push_back(way(report));
  } else {
    findings.push_back({Severity::kFails, report.status.message(),
                        "communicators on several hosts do not start",
                        "see docs/hosts.md, \"Which devices\""});
  }
  if (!any_rdma(report)) findings.push_back(no_rdma(report.ucx));
  for (const NetworkDevice& device : report.devices) {
    for (Finding& finding : about_device(device, report)) findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<Finding> check_network(const NetworkReport& report) {
  std::vector<Finding> findings = check_ucx(report);
  for (Finding& finding : check_devices(report)) findings.push_back(std::move(finding));
  return findings;
}

}  // namespace tutti::cli::doctor
