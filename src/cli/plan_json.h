// Everything that `tutti plan` found, as JSON. Seconds, bytes, joules. Tested by cli_plan_test.cc.

#pragma once

#include "cli/plan_answer.h"

namespace tutti::cli {

std::string plan_json(const PlanAnswer& answer);
std::string plan_json(const InferenceAnswer& answer);

}  // namespace tutti::cli
