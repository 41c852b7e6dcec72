// What `tutti plan` found, for reports of every kind.

#pragma once

#include <optional>
#include <vector>

#include "tutti/planner_inference.h"

namespace tutti::cli {

/// What a few steps of a layout took.
struct MeasuredPlan {
  planner::Plan plan;
  double seconds = 0;  // of a step
  double memory = 0;   // of the largest process
  std::optional<double> joules_per_token = {};
};

struct PlanAnswer {
  planner::Problem problem;
  planner::SearchSettings settings;
  planner::Ranking ranking;
  double seconds = 0;  // that the search took

  std::vector<planner::Rival> rivals = {};  // where something fits
  std::vector<planner::WhatIf> what_ifs = {};
  std::vector<planner::Remedy> remedies = {};  // where nothing does
  std::vector<MeasuredPlan> measured = {};     // where that was asked for …
  double fitted_peak = 0;                      // … and FLOP/s of a device that fit it
};

/// kInvalidArgument where no layout divides. Of layouts that differ only in the order of the mesh,
/// or in the chunks of a pipeline, the best alone is listed.
Result<PlanAnswer> plan_training(const planner::Problem& problem,
                                 const planner::SearchSettings& settings);

struct InferenceAnswer {
  planner::InferenceProblem problem;
  planner::InferenceSettings settings;
  planner::InferenceRanking ranking;
  std::vector<planner::InferenceWhatIf> what_ifs = {};  // where something fits
  std::vector<planner::InferenceRemedy> remedies = {};  // where nothing does
};

Result<InferenceAnswer> plan_inference(const planner::InferenceProblem& problem,
                                       const planner::InferenceSettings& settings);

}  // namespace tutti::cli
