#include "train/pipeline_run.h"

namespace tutti::train {

template <class T>
Pipeline<T>::Pipeline(Group& group, PipelineSchedule schedule, std::vector<Stage<T>*> stages)
    : rank_(group.rank()),
      schedule_(std::move(schedule)),
      stages_(std::move(stages)),
      spare_(stages_.size()),
      lanes_(Lanes::make(group, /*closed=*/schedule_.chunks > 1)),
      forward_in_(lanes_.forward_in, stages_.front()->hidden_size()),
      backward_in_(lanes_.backward_in, stages_.front()->hidden_size()),
      forward_out_(lanes_.forward_out, stages_.front()->hidden_size()),
      backward_out_(lanes_.backward_out, stages_.front()->hidden_size()) {}

template <class T>
double Pipeline<T>::train(const std::vector<MicroBatch>& batches, double scale) {
  return run(schedule_, batches, scale);
}

template <class T>
double Pipeline<T>::evaluate(const std::vector<MicroBatch>& batches) {
  return run(make_forward_only(schedule_.ranks, schedule_.chunks, static_cast<int>(batches.size())),
             batches, 0);
}

template <class T>
double Pipeline<T>::run(const PipelineSchedule& schedule, const std::vector<MicroBatch>& batches,
                        double scale) {
  forward_in_.expect(order_of(schedule, PipelineWork::kForward));
  backward_in_.expect(order_of(schedule, PipelineWork::kBackward));
  const PipelineWork last = scale == 0                 ? PipelineWork::kForward
                            : schedule.splits_backward ? PipelineWork::kWeights
                                                       : PipelineWork::kBackward;
  std::vector<std::unique_ptr<Stash>> stashes(batches.size() * stages_.size());
  double loss = 0;
  for (const PipelineTask& task : schedule.tasks[rank_]) {
    const MicroBatch& batch = batches[task.micro_batch];
    std::unique_ptr<Stash>& stash = stashes[task.micro_batch * stages_.size() + task.chunk];
    switch (task.work) {
      case PipelineWork::kForward:
        stash = take_stash(task.chunk);
        loss += forward(batch, *stash, task, scale);
        break;
      case PipelineWork::kBackward:
        backward(batch, *stash, task, /*later=*/schedule.splits_backward);
        break;
      case PipelineWork::kWeights:
        stages_[task.chunk]->backward_weights(*stash, batch);
        break;
    }
    if (task.work == last) spare_[task.chunk].push_back(std::move(stash));
  }
  forward_out_.finish();
  backward_out_.finish();
  return loss;
}

template <class T>
double Pipeline<T>::forward(const MicroBatch& batch, Stash& stash, const PipelineTask& task,
                            double scale) {
  const int stage = schedule_.stage(rank_, task.chunk);
  const bool last = stage == schedule_.stages() - 1;
  const T* in = stage == 0 ? nullptr : forward_in_.take(task);
  T* out = last ? nullptr : forward_out_.next();
  const double loss = stages_[task.chunk]->forward(stash, batch, in, out, scale);
  if (!last) forward_out_.send();
  return loss;
}

template <class T>
void Pipeline<T>::backward(const MicroBatch& batch, Stash& stash, const PipelineTask& task,
                           bool later) {
  const int stage = schedule_.stage(rank_, task.chunk);
  const T* d_out = stage == schedule_.stages() - 1 ? nullptr : backward_in_.take(task);
  T* d_in = stage == 0 ? nullptr : backward_out_.next();
  stages_[task.chunk]->backward(stash, batch, d_out, d_in, later);
  if (stage > 0) backward_out_.send();
}

template <class T>
std::vector<PipelineTask> Pipeline<T>::order_of(const PipelineSchedule& schedule,
                                                PipelineWork work) const {
  const int ranks = schedule.ranks;
  const int step = work == PipelineWork::kForward ? 1 : -1;
  const int sender = (rank_ - step + ranks) % ranks;
  std::vector<PipelineTask> order;
  for (const PipelineTask& task : schedule.tasks[sender]) {
    const int stage = schedule.stage(sender, task.chunk) + step;
    if (task.work != work || stage < 0 || stage >= schedule.stages()) continue;
    order.push_back({work, stage / ranks, task.micro_batch});
  }
  return order;
}

template <class T>
std::unique_ptr<Stash> Pipeline<T>::take_stash(int chunk) {
  if (spare_[chunk].empty()) return stages_[chunk]->make_stash();
  std::unique_ptr<Stash> stash = std::move(spare_[chunk].back());
  spare_[chunk].pop_back();
  return stash;
}

template class Pipeline<float>;
template class Pipeline<double>;
template class Pipeline<OnDevice<float>>;
template class Pipeline<OnDevice<Bf16>>;

}  // namespace tutti::train
