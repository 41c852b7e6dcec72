// Tested by cli_doctor_report_test.cc.

#include "cli/doctor_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

namespace tutti::cli::doctor {
namespace {

std::string indented(const std::string& lines) {
  std::string text;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size() - 1) + 1;
    text += "  " + lines.substr(at, end - at);
    at = end;
  }
  return text;
}

std::string render(const Section& section) {
  if (section.table.empty() && section.findings.empty()) return "";
  return fmt::format("  {}\n{}{}", section.title, indented(section.table),
                     render(section.findings, 4));
}

std::string render(const std::vector<Section>& sections) {
  std::string text;
  for (const Section& section : sections) text += render(section);
  return text;
}

// "host1 (2 of 3 ranks)"
std::string title(const HostReport& host, int ranks) {
  if (ranks == 0) return host.host;
  return fmt::format("{} ({} of {} ranks)", host.host, host.ranks.size(), ranks);
}

// A line, not a page.
std::string list(std::vector<std::string> names) {
  constexpr std::size_t kMost = 8;
  const std::size_t more = names.size() > kMost ? names.size() - kMost : 0;
  if (more > 0) names.resize(kMost);
  return fmt::format("{}{}", fmt::join(names, ", "),
                     more > 0 ? fmt::format(" and {} more", more) : "");
}

// Hosts of which `part` says the same come together.
std::string render_alike(const Report& report,
                         const std::function<std::string(const HostReport&)>& part) {
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;  // a text, and whose it is
  for (const HostReport& host : report.hosts) {
    const std::string text = part(host);
    if (text.empty()) continue;
    const auto same = [&](const auto& group) { return group.first == text; };
    auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group == groups.end()) group = groups.insert(group, {text, {}});
    group->second.push_back(title(host, report.ranks));
  }
  std::string all;
  for (const auto& [text, hosts] : groups) all += list(hosts) + "\n" + text + "\n";
  return all;
}

}  // namespace

Severity worst(const Report& report) {
  Severity worst_of_all = worst(report.between.findings);
  for (const HostReport& host : report.hosts) {
    worst_of_all = std::max(worst_of_all, worst(host.moment.findings));
    for (const Section& section : host.sections) {
      worst_of_all = std::max(worst_of_all, worst(section.findings));
    }
  }
  return worst_of_all;
}

std::string render(const Report& report) {
  std::string text;
  if (report.hosts.size() == 1) {
    text = render_alike(
        report, [](const HostReport& host) { return render(host.sections) + render(host.moment); });
  } else {
    text = render_alike(report, [](const HostReport& host) { return render(host.sections); }) +
           render_alike(report, [](const HostReport& host) { return render(host.moment); });
  }
  if (report.between.title.empty()) return text;
  return fmt::format("{}{}\n{}\n", text, report.between.title, render(report.between.findings));
}

}  // namespace tutti::cli::doctor
