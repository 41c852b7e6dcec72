// Tested by cli_doctor_network_test.cc.

#include "cli/doctor_ucx_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

using Settings = std::map<std::string, std::string>;

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream text(list);
  for (std::string part; std::getline(text, part, ',');) parts.push_back(part);
  return parts;
}

std::vector<std::string> chosen_devices(const NetworkReport& report) {
  std::vector<std::string> names;
  for (const NetworkDevice& device : report.devices) {
    if (device.is_chosen) names.push_back(device.name);
  }
  return names;
}

bool uses_rdma(const NetworkReport& report) {
  return std::any_of(report.devices.begin(), report.devices.end(), [](const NetworkDevice& device) {
    return device.is_chosen && device.is_rdma;
  });
}

// Whether UCX_TLS leaves a transport on RDMA: "all", "rc,self", "ib", "^ud".
bool allows_rdma(const std::string& list) {
  const bool forbids = list.starts_with("^");
  const auto names = split(forbids ? list.substr(1) : list);
  const auto has = [&](const char* name) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& one) {
      return one == name || one.starts_with(std::string(name) + "_");
    });
  };
  if (forbids) return !has("ib") && !(has("rc") && has("ud") && has("dc"));
  return has("all") || has("ib") || has("rc") || has("ud") || has("dc");
}

Findings check_transports(const std::string& list, const NetworkReport& report) {
  if (report.path.empty()) return {};
  if (!uses_rdma(report)) {
    return {{Severity::kNote, "UCX_TLS=" + list + " is without effect: over TCP Tutti sets it", "",
             ""}};
  }
  if (allows_rdma(list)) return {};
  return {{Severity::kFails,
           fmt::format("UCX_TLS={} leaves no transport for {}", list, report.path),
           "communicators on several hosts do not start",
           "unset UCX_TLS, or add rc; TUTTI_NET_DEVICES chooses TCP instead"}};
}

Findings check_choice(const std::string& list, const NetworkReport& report) {
  const auto wanted = split(list), chosen = chosen_devices(report);
  if (list == "all" ||
      std::set(wanted.begin(), wanted.end()) == std::set(chosen.begin(), chosen.end())) {
    return {};
  }
  return {{Severity::kNote,
           fmt::format("UCX_NET_DEVICES={} is without effect: Tutti chooses devices itself", list),
           report.path.empty() ? "" : "traffic goes by " + report.path,
           "TUTTI_NET_DEVICES=" + list}};
}

Findings check_ports(const std::string& range, const NetworkReport& report, const Crew& crew) {
  if (uses_rdma(report) || report.path.empty()) return {};
  int first = 0, last = 0;
  if (std::sscanf(range.c_str(), "%d-%d", &first, &last) != 2) return {};  // UCX itself says why
  const long ports = std::max(last - first + 1L, 0L);
  const long needed = long{crew.on_host} * static_cast<long>(chosen_devices(report).size());
  if (ports >= needed) return {};
  return {{Severity::kFails,
           fmt::format("UCX_TCP_PORT_RANGE={} is {}; {} here need {}", range,
                       count_text(ports, "port"), count_text(crew.on_host, "rank"), needed),
           "communicators on several hosts do not start", "a wider range"}};
}

}  // namespace

Settings read_ucx_settings(const char* const* environment) {
  Settings settings;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (!entry.starts_with("UCX_") || equals == std::string_view::npos) continue;
    settings[std::string(entry.substr(0, equals))] = entry.substr(equals + 1);
  }
  return settings;
}

Findings check_ucx_settings(const Settings& settings, const NetworkReport& report,
                            const Crew& crew) {
  if (report.ucx.version.empty()) return {};
  Findings findings;
  for (const auto& [name, value] : settings) {
    if (name == "UCX_TLS") append(findings, check_transports(value, report));
    if (name == "UCX_NET_DEVICES") append(findings, check_choice(value, report));
    if (name == "UCX_TCP_PORT_RANGE") append(findings, check_ports(value, report, crew));
  }
  return findings;
}

}  // namespace tutti::cli::doctor
