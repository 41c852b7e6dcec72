// Runs a pipeline's schedule on this rank: computes its tasks, hands activations on and gradients
// back.
//
// Sends are not waited for, and what is to be received is asked for before it is needed (lane.h).
//
// Tested by train_pipeline_run_test.cc.

#pragma once

#include <memory>
#include <vector>

#include "train/group.h"
#include "train/lane.h"
#include "train/model.h"
#include "tutti/pipeline.h"

namespace tutti::train {

template <class T>
class Pipeline {
 public:
  /// `stages`: this rank's chunks. They and the group must outlive it. Collective over the group.
  /// REQUIRES: check(schedule) == "", schedule.ranks == group.ranks().
  Pipeline(Group& group, PipelineSchedule schedule, std::vector<Stage<T>*> stages);

  /// One optimizer step's micro-batches; the same number as the schedule has. The sum of losses of
  /// the last stage's tokens on this rank; 0 on other ranks. `scale` as in Stage::forward().
  double train(const std::vector<MicroBatch>& batches, double scale);
  /// Forward only; any number.
  double evaluate(const std::vector<MicroBatch>& batches);

  /// Of handing on; not in the group's own.
  Traffic take_traffic() { return lanes_.take_traffic(); }
  /// Failure where a call on a GPU has failed.
  void expect_well() const { lanes_.expect_well(); }

 private:
  double run(const PipelineSchedule& schedule, const std::vector<MicroBatch>& batches,
             double scale);
  double forward(const MicroBatch& batch, Stash& stash, const PipelineTask& task, double scale);
  void backward(const MicroBatch& batch, Stash& stash, const PipelineTask& task, bool later);
  /// Which tasks of this rank another one sends to, in the order in which it does.
  std::vector<PipelineTask> order_of(const PipelineSchedule& schedule, PipelineWork work) const;

  std::unique_ptr<Stash> take_stash(int chunk);

  const int rank_;
  const PipelineSchedule schedule_;
  const std::vector<Stage<T>*> stages_;
  std::vector<std::vector<std::unique_ptr<Stash>>> spare_;  // by chunk
  Lanes lanes_;
  Inbox<T> forward_in_, backward_in_;
  Outbox<T> forward_out_, backward_out_;
};

}  // namespace tutti::train
