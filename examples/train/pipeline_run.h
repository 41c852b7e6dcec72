// Runs a pipeline's schedule on this rank: computes its tasks, hands activations on and gradients
// back.
//
// What is received is asked for as early as its sender may send it, so that waiting for it is
// short; sends are not waited for until their memory is needed again.
//
// Tested by train_pipeline_run_test.cc.

#pragma once

#include <memory>
#include <vector>

#include "train/group.h"
#include "train/model.h"
#include "train/pipeline.h"

namespace tutti::train {

template <class T>
class Pipeline {
 public:
  /// `stages`: this rank's chunks. They and the group must outlive it.
  /// REQUIRES: check(schedule) == "", schedule.ranks == group.ranks().
  Pipeline(Group& group, PipelineSchedule schedule, std::vector<Stage<T>*> stages);

  /// One optimizer step's micro-batches; the same number as the schedule has. The sum of losses of
  /// the last stage's tokens on this rank; 0 on other ranks. `scale` as in Stage::forward().
  double train(const std::vector<MicroBatch>& batches, double scale);
  /// Forward only.
  double evaluate(const std::vector<MicroBatch>& batches);

 private:
  struct Hidden;  // what is on its way between stages

  Group& group_;
  const PipelineSchedule schedule_;
  const std::vector<Stage<T>*> stages_;
};

}  // namespace tutti::train
