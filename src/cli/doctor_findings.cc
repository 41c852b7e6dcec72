// Tested by cli_doctor_test.cc.

#include "cli/doctor_findings.h"

#include <fmt/format.h>

#include <algorithm>

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

Severity worst(const std::vector<Finding>& findings) {
  Severity worst = Severity::kGood;
  for (const Finding& finding : findings) worst = std::max(worst, finding.severity);
  return worst;
}

std::string render(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("  {:<5}  {}\n", label(finding.severity), finding.what);
    if (!finding.cost.empty()) text += fmt::format("         cost: {}\n", finding.cost);
    if (!finding.fix.empty()) text += fmt::format("         fix: {}\n", finding.fix);
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
