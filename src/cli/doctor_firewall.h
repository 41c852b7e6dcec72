// Checks of this host's packet filter, and of the ports that ranks use. What filters between hosts
// do, only a start shows: doctor_tour.h. Tested by cli_doctor_network_test.cc.

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/doctor_findings.h"
#include "tutti/status.h"

namespace tutti::cli::doctor {

/// A list of rules that packets to this host pass.
struct FilterChain {
  std::string name;               // "inet filter input"
  bool drops_by_default = false;  // what no rule accepts
  int dropping_rules = 0;         // rules that drop or reject

  bool operator==(const FilterChain&) const = default;
};

struct Firewall {
  bool is_readable = false;  // needs root, and the command nft or iptables-save
  std::vector<FilterChain> chains = {};
};

/// Of the JSON that `nft -j list ruleset` prints; nothing where it is none.
std::optional<std::vector<FilterChain>> parse_nft(std::string_view json);

/// Of what `iptables-save` prints.
std::vector<FilterChain> parse_iptables(const std::string& text);

/// Asks nft, or else iptables-save.
Firewall read_firewall();

Findings check_firewall(const Firewall& firewall);

/// Where ranks listen, for people who set filters: "32768 to 60999 (net.ipv4.ip_local_port_range)",
/// and what UCX is told, where it is: "20000-20999", or "". `sys` is /proc/sys.
std::string ports_of_ranks(const std::filesystem::path& sys, const std::string& ucx_range);

/// Of a start that failed.
Finding failed_start(const Status& status, const std::string& ports);

/// Of a call between ranks that have started.
Finding failed_call(const Status& status, const std::string& ports);

}  // namespace tutti::cli::doctor
