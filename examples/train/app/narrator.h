// What rank 0 tells of a run: on the terminal, and in files where there is a folder for them. Of
// other ranks it says nothing.
//
// Tested by train_command_test.py.

#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "train/app/estimate.h"
#include "train/app/run_config.h"
#include "train/app/step_log.h"
#include "train/timeline.h"

namespace tutti::train {

class Narrator {
 public:
  Narrator(const RunConfig& config, int rank) : config_(config), speaks_(rank == 0) {}

  /// On the terminal, at once.
  void say(const std::string& text) const;
  /// Whether files are written.
  bool writes() const { return speaks_ && !config_.out.empty(); }

  /// Model, memory, mesh, what the columns mean, all settings. `resumed_after`: steps that were
  /// there before.
  void introduce(const Plan& plan, const std::string& data, const Yardstick& yardstick,
                 const Sources& sources, long resumed_after);
  void tell(const StepRecord& record, bool on_terminal);
  /// The table, the curve and, where steps were traced, the time line.
  void conclude(const Timeline& timeline);

 private:
  std::string out(const char* name) const { return config_.out + "/" + name; }
  void open_log(bool goes_on);

  const RunConfig& config_;
  const bool speaks_;
  Yardstick yardstick_;
  std::string title_;
  std::ofstream log_;
  std::vector<StepRecord> records_;
};

}  // namespace tutti::train
