// The model and the machine of `tutti plan`: presets, files, this machine. Tested by
// cli_plan_test.cc.

#pragma once

#include "cli/plan_options.h"

namespace tutti::cli {

/// kInvalidArgument names the option, or the file and the field of it.
Result<planner::ModelShape> plan_model(const std::string& name);
Result<planner::MachineShape> plan_machine(const PlanOptions& options);

}  // namespace tutti::cli
