// What `tutti plan` was asked. Tested by cli_plan_test.cc.

#pragma once

#include <string>
#include <vector>

#include "tutti/planner.h"
#include "tutti/planner_inference.h"

namespace tutti::cli {

struct PlanOptions {
  std::string model;    // a preset, a config.json, or a folder with one
  std::string machine;  // a preset, "this", or a file of tutti topo --xml
  std::string figures;  // "memory=141,between.bandwidth=25": what is changed of it
  int nodes = 0;        // 0: as the machine has them
  int gpus = 0;         // of a node

  planner::Job job;
  planner::SearchSettings search;

  bool inference = false;
  planner::InferenceJob inference_job;
  planner::InferenceSettings inference_search;

  int measure = 0;  // so many of the best are run here

  std::string json_file;  // "-": standard output, and nothing else there
  std::string front_file;
  std::string times_file;
};

/// Options, or the help text that was asked for instead.
struct PlanLine {
  PlanOptions options;
  std::string help;
};

/// `arguments` are what follows `tutti plan`. kInvalidArgument is a sentence for the user.
Result<PlanLine> parse_plan(std::vector<std::string> arguments);

}  // namespace tutti::cli
