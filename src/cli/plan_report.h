// What `tutti plan` prints. Tested by cli_plan_test.cc.

#pragma once

#include "cli/plan_answer.h"

namespace tutti::cli {

std::string plan_text(const PlanAnswer& answer);
std::string plan_text(const InferenceAnswer& answer);

}  // namespace tutti::cli
