// `tutti plan --measure`: the best layouts, run for a few steps by tutti-train on this machine; and
// what that says of the machine. Tested by cli_plan_test.cc and cli_command_test.py.

#pragma once

#include "cli/plan_answer.h"
#include "cli/plan_options.h"

namespace tutti::cli {

/// Runs the first options.measure layouts of the answer, and puts what was measured into it, with
/// the peak that fits. kInvalidArgument: not of this machine, or not of what tutti-train trains;
/// kNotSupported: tutti-train or mpirun is missing.
Status measure_plans(const PlanOptions& options, PlanAnswer& answer);

/// The words of tutti-train for a layout, behind its model.
std::vector<std::string> training_line(const planner::Job& job, const planner::Layout& layout);

/// A config.json that tutti-train and parse_model() read. kInvalidArgument: layers are not all
/// alike.
Result<std::string> config_of(const planner::ModelShape& model);

/// FLOP/s of a device with which steps are predicted to take as long as measured, at the median.
double fitted_peak(const planner::Problem& problem, const std::vector<MeasuredPlan>& measured);

/// FLOP/s of a node of this machine that an earlier measurement left; 0: none.
double kept_peak(planner::Precision precision);

}  // namespace tutti::cli
