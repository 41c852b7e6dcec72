// What tests say about findings of `tutti doctor`.

#pragma once

#include <gtest/gtest.h>

#include <string>

#include "cli/doctor_findings.h"

namespace tutti::cli::doctor {

/// The only finding of that severity.
inline Finding only(const Findings& findings, Severity severity) {
  Findings all;
  for (const Finding& finding : findings) {
    if (finding.severity == severity) all.push_back(finding);
  }
  EXPECT_EQ(all.size(), 1u) << render(findings);
  return all.empty() ? Finding() : all[0];
}

inline bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

/// Whoever finds a fault says what it leads to and what to do.
inline void expect_advice(const Findings& findings) {
  for (const Finding& finding : findings) {
    if (finding.severity < Severity::kCosts) continue;
    EXPECT_NE(finding.cost, "") << finding.what;
    EXPECT_NE(finding.fix, "") << finding.what;
  }
}

}  // namespace tutti::cli::doctor
