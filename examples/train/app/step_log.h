// What a run says of its steps: a line for people, a line of JSON, and a table at the end.
//
// Tested by train_step_log_test.cc.

#pragma once

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "train/llama_config.h"
#include "train/trainer.h"

namespace tutti::train {

/// A step, and what it is measured by.
struct StepRecord {
  StepReport report;
  double waited = 0;  // seconds for other ranks; mean of all ranks
  double hidden = 0;  // communication under way meanwhile; mean of all ranks
  double memory = 0;  // bytes, of the largest process
  std::optional<double> joules;
  std::optional<double> validation_loss;
};

/// What shares of the peak refer to.
/// Where figures are from.
struct Sources {
  std::string peak;
  bool rapl = false;  // what counts energy
  bool nvml = false;
};

struct Yardstick {
  TokenFlops flops;  // a token
  double peak = 0;   // FLOP/s of all ranks together
  long steps = 0;    // of the run
  long tokens = 0;   // that are computed in a step, learned from or not
};

double tokens_per_second(const StepRecord& record, const Yardstick& yardstick);
/// Of the peak, 0 to 1, as attention is counted.
double utilisation(const StepRecord& record, const Yardstick& yardstick, double flops);

/// "step  10/100  loss 2.3456  …"
std::string to_line(const StepRecord& record, const Yardstick& yardstick);
/// What the columns of to_line() are.
std::string explain_line(const Yardstick& yardstick, const Sources& sources);
std::string to_json(const StepRecord& record, const Yardstick& yardstick);

/// A dozen steps, and the run as a whole.
std::string final_table(const std::vector<StepRecord>& records, const Yardstick& yardstick);

}  // namespace tutti::train
