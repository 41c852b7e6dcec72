// Numbers and figures of `tutti plan` as people read them. Tested by cli_plan_test.cc.

#pragma once

#include <string>

#include "tutti/planner_advice.h"

namespace tutti::cli {

std::string plan_seconds(double seconds);  // "1.23 s", "45.6 ms", "7.8 us"
std::string plan_count(double count);      // "13.0 G", "45.6 k"
std::string plan_gib(double bytes);        // "61.2 GiB"
std::string plan_percent(double share);    // "12 %", "0.3 %"

/// "llama2-13b: 13.0 G parameters in 40 layers of width 5120".
std::string plan_model_line(const planner::ModelShape& model);
/// All figures, a line each.
std::string plan_figures(const planner::MachineShape& machine);

/// A bar of letters, and what they stand for: "CCCCCCTTT  C compute 67 %, T tensor 33 %". `longest`
/// is the total of the longest bar.
std::string plan_bar(const std::vector<planner::Part>& parts, double longest);

}  // namespace tutti::cli
