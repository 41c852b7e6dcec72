// Tested by cli_doctor_network_test.cc.

#include "cli/doctor_firewall.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

using Json = nlohmann::json;

// What a command prints; nothing where it fails, is not there, or takes longer than a few seconds.
std::optional<std::string> output_of(const std::string& command) {
  const std::string line = "PATH=$PATH:/usr/sbin:/sbin timeout 3 " + command + " 2>/dev/null";
  std::FILE* const pipe = popen(line.c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  std::string text;
  char piece[4096];
  for (std::size_t bytes = 0; (bytes = fread(piece, 1, sizeof piece, pipe)) > 0;) {
    text.append(piece, bytes);
  }
  return pclose(pipe) == 0 ? std::optional(text) : std::nullopt;
}

std::string chain_name(const Json& part, const char* key) {
  return fmt::format("{} {} {}", part.value("family", ""), part.value("table", ""),
                     part.value(key, ""));
}

bool drops(const Json& rule) {
  for (const Json& expression : rule.value("expr", Json::array())) {
    if (expression.contains("drop") || expression.contains("reject")) return true;
  }
  return false;
}

std::string describe(const FilterChain& chain) {
  const std::string rules = count_text(chain.dropping_rules, "rule");
  if (chain.drops_by_default) return fmt::format("{} drops what it does not accept", chain.name);
  return fmt::format("{} has {} that drop or reject", chain.name, rules);
}

bool may_drop(const FilterChain& chain) {
  return chain.drops_by_default || chain.dropping_rules > 0;
}

bool is_about_network(const Status& status) {
  return status.code() == Code::kTimeout || status.code() == Code::kPeerLost;
}

}  // namespace

std::optional<std::vector<FilterChain>> parse_nft(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object() || !document.contains("nftables")) return std::nullopt;
  std::map<std::string, FilterChain> chains;  // those that incoming packets begin in
  for (const Json& entry : document["nftables"]) {
    const Json chain = entry.value("chain", Json::object());
    if (chain.value("hook", "") != "input") continue;
    const std::string name = chain_name(chain, "name");
    chains[name] = {name, chain.value("policy", "") == "drop", 0};
  }
  for (const Json& entry : document["nftables"]) {
    const Json rule = entry.value("rule", Json::object());
    const auto found = chains.find(chain_name(rule, "chain"));
    if (found != chains.end() && drops(rule)) ++found->second.dropping_rules;
  }
  std::vector<FilterChain> all;
  for (const auto& [name, chain] : chains) all.push_back(chain);
  return all;
}

// ":INPUT DROP [0:0]" and "-A INPUT … -j REJECT …"
std::vector<FilterChain> parse_iptables(const std::string& text) {
  FilterChain chain{"iptables INPUT", false, 0};
  std::istringstream lines(text);
  bool is_filter = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("*")) is_filter = line == "*filter";
    if (!is_filter) continue;
    if (line.starts_with(":INPUT DROP")) chain.drops_by_default = true;
    const bool drops =
        line.find("-j DROP") != std::string::npos || line.find("-j REJECT") != std::string::npos;
    if (line.starts_with("-A INPUT ") && drops) ++chain.dropping_rules;
  }
  return {chain};
}

Firewall read_firewall() {
  if (const auto json = output_of("nft -j list ruleset")) {
    if (auto chains = parse_nft(*json)) return {true, std::move(*chains)};
  }
  if (const auto text = output_of("iptables-save")) return {true, parse_iptables(*text)};
  return {};
}

Findings check_firewall(const Firewall& firewall) {
  if (!firewall.is_readable) {
    return {{Severity::kNote,
             "rules of the packet filter were not looked at: needs root, and nft or iptables-save",
             "", ""}};
  }
  std::vector<std::string> dropping;
  for (const FilterChain& chain : firewall.chains) {
    if (may_drop(chain)) dropping.push_back(describe(chain));
  }
  if (dropping.empty()) return {good("no rule of the packet filter drops what comes in")};
  return {{Severity::kNote, fmt::format("packet filter: {}", fmt::join(dropping, "; ")),
           "ranks on other hosts may not get through: run under a launcher over the hosts to see",
           "accept TCP and UDP from the other hosts; docs/hosts.md, \"Firewalls\", lists the "
           "ports"}};
}

std::string ports_of_ranks(const std::filesystem::path& sys, const std::string& ucx_range) {
  std::istringstream text(first_line(sys / "net/ipv4/ip_local_port_range"));
  int first = 32768, last = 60999;  // what kernels begin with
  text >> first >> last;
  return fmt::format("{} to {} (net.ipv4.ip_local_port_range){}", first, last,
                     ucx_range.empty() ? "" : " and " + ucx_range + " (UCX_TCP_PORT_RANGE)");
}

Finding failed_start(const Status& status, const std::string& ports) {
  Finding finding{Severity::kFails, fmt::format("the ranks cannot start: {}", status.message()),
                  "no communicator", "docs/hosts.md says what each failure looks like"};
  if (!is_about_network(status)) return finding;
  finding.fix = fmt::format(
      "if those ranks are there, let TCP and UDP pass between their hosts, both ways, on ports {}; "
      "docs/hosts.md, \"Firewalls\"",
      ports);
  return finding;
}

Finding failed_call(const Status& status, const std::string& ports) {
  return {Severity::kFails,
          fmt::format("the ranks have met, and lost each other: {}", status.message()),
          "calls between hosts fail",
          fmt::format("if all ranks are there, let TCP pass between all pairs of hosts, both ways, "
                      "on ports {}; whom else a rank waits for is said on standard error",
                      ports)};
}

}  // namespace tutti::cli::doctor
