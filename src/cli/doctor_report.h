// All that `tutti doctor` found, of all hosts. A value. Tested by cli_doctor_report_test.cc.

#pragma once

#include <string>
#include <vector>

#include "cli/doctor_findings.h"
#include "tutti/status.h"

namespace tutti::cli::doctor {

/// What was looked at together.
struct Section {
  std::string title;  // "network"
  std::string table;  // lines before the findings
  Findings findings;

  bool operator==(const Section&) const = default;
};

struct HostReport {
  std::string host;                    // its name
  std::vector<int> ranks = {};         // that run there; empty without a launcher
  long speed = 0;                      // Mbit/s of devices used, all together; 0: not known
  std::vector<Section> sections = {};  // equal for hosts that are alike
  Section moment = {};                 // what may differ from moment to moment

  bool operator==(const HostReport&) const = default;
};

struct Report {
  std::vector<HostReport> hosts = {};
  int ranks = 0;         // of all hosts; 0 without a launcher
  Section between = {};  // hosts; without a title: nothing was looked at

  bool operator==(const Report&) const = default;
};

Severity worst(const Report& report);

/// Hosts that are alike are described once.
std::string render(const Report& report);

/// The findings, as a document for programs.
std::string to_json(const Report& report, const std::string& version);

/// A host's report as it travels. unpack() gives kMismatch for what pack() has not made.
std::string pack(const HostReport& report);
Result<HostReport> unpack(const std::string& packed);

}  // namespace tutti::cli::doctor
