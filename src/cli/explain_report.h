// How explained calls are printed.
//
// Tested by cli_explain_test.cc.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tutti/tuning.h"

namespace tutti::cli {

struct ExplainedCandidate {
  CallCandidate candidate;
  std::optional<double> measured;  // seconds
};

struct ExplainedCall {
  AskedCall call;
  std::vector<ExplainedCandidate> candidates;  // the one that runs first
};

/// A table a call. `guess`: the machine has no calibration.
std::string explain_text(const std::vector<ExplainedCall>& calls, bool guess);
std::string explain_json(const std::vector<ExplainedCall>& calls, bool guess);

}  // namespace tutti::cli
