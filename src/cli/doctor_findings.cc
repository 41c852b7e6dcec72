// Tested by cli_doctor_test.cc.

#include "cli/doctor_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace tutti::cli::doctor {
namespace {

const char* label(Severity severity) {
  switch (severity) {
    case Severity::kGood:
      return "good";
    case Severity::kNote:
      return "note";
    case Severity::kCosts:
      return "slow";
    case Severity::kFails:
      return "FAILS";
  }
  return "";
}

}  // namespace

Finding good(std::string what) { return {Severity::kGood, std::move(what)}; }

void append(Findings& findings, Findings more) {
  std::move(more.begin(), more.end(), std::back_inserter(findings));
}

Severity worst(const Findings& findings) {
  Severity worst = Severity::kGood;
  for (const Finding& finding : findings) worst = std::max(worst, finding.severity);
  return worst;
}

std::string render(const Findings& findings, int indent) {
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("{:{}}{:<5}  {}\n", "", indent, label(finding.severity), finding.what);
    if (!finding.cost.empty()) text += fmt::format("{:{}}cost: {}\n", "", indent + 7, finding.cost);
    if (!finding.fix.empty()) text += fmt::format("{:{}}fix: {}\n", "", indent + 7, finding.fix);
  }
  return text;
}

std::string verdict(Severity worst) {
  switch (worst) {
    case Severity::kGood:
    case Severity::kNote:
      return "All is well.\n";
    case Severity::kCosts:
      return "Something makes it slower than it could be.\n";
    case Severity::kFails:
      return "Something does not work.\n";
  }
  return "";
}

int exit_status(Severity worst) { return worst >= Severity::kCosts ? 1 : 0; }

}  // namespace tutti::cli::doctor
