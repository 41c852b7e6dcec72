// Why the best layout is the best, in sentences. Tested by cli_plan_test.cc.

#pragma once

#include "cli/plan_answer.h"

namespace tutti::cli {

/// REQUIRES: something fits. One sentence or two a line.
std::vector<std::string> plan_reasons(const PlanAnswer& answer);

/// REQUIRES: nothing fits. The first is the smallest change that would help.
std::vector<std::string> plan_misfit(const PlanAnswer& answer);

}  // namespace tutti::cli
