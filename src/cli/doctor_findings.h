// What `tutti doctor` has to say: findings, as values, and how they are printed.
//
// A check is a function that answers findings; it prints nothing and decides nothing about the exit
// status. Tested by cli_doctor_test.cc.

#pragma once

#include <string>
#include <vector>

namespace tutti::cli::doctor {

enum class Severity {
  kGood,   // as it should be
  kNote,   // worth knowing; nothing is wrong
  kCosts,  // works, slower than it could
  kFails,  // does not work
};

struct Finding {
  Severity severity = Severity::kGood;
  std::string what;
  std::string cost = {};  // what it leads to; "" where it costs nothing
  std::string fix = {};   // what to do; "" where there is nothing to do

  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

Finding good(std::string what);

void append(Findings& findings, Findings more);

/// kGood where there are none.
Severity worst(const Findings& findings);

/// A line each, and further ones for cost and fix, after so many spaces.
std::string render(const Findings& findings, int indent = 2);

/// The last line: "All is well.", or what the worst means.
std::string verdict(Severity worst);

/// 0 where nothing costs performance or fails, otherwise 1.
int exit_status(Severity worst);

}  // namespace tutti::cli::doctor
