// Weights, gradients and optimizer state shared out over the ranks of the gradient group (data and
// context parallel): ZeRO.
//
//   stage   weights    gradients   optimizer   communication of a step, by W elements of weights
//   0       whole      whole       whole       all_reduce W
//   1       whole      whole       shard       reduce_scatter W, all_gather W
//   2       whole      shard       shard       reduce_scatter W a micro-batch, all_gather W
//   3       shard      shard       shard       reduce_scatter W a micro-batch, all_gather W forward
//                                              and backward of each
//
// The layout is cut into units (layers), put together into buckets, and each bucket into shards
// (shards.h). Gradients of a bucket are on their way as soon as its last backward pass is done,
// while other layers are computed; new weights while the first layers of the next step are; at
// stage 3 the next unit's weights while one is used. All ranks of the group make these calls in the
// same order, because the order follows the passes over layers, which are the same on all of them.
//
// Rajbhandari et al., "ZeRO", 2020; Zhao et al., "PyTorch FSDP", 2023. Tested by
// train_data_parallel_test.cc.

#pragma once

#include <memory>
#include <vector>

#include "train/array.h"
#include "train/group.h"
#include "train/shards.h"
#include "train/units.h"

namespace tutti::train {

struct DataParallelSettings {
  int zero = 1;
  long bucket_bytes = 4 << 20;  // stages 0, 1: units are put together until a call moves so much
};

template <class T>
class DataParallel final : public Units<T> {
 public:
  /// The layout has its units in the order of the forward pass. Weights are 0. The groups must
  /// outlive it.
  DataParallel(Layout layout, Groups& groups, const DataParallelSettings& settings);
  ~DataParallel() override;

  const Layout& layout() const override;
  const T* weights(int layer, Pass pass) override;
  Precise<T>* gradients(int layer) override;
  void done(int layer, Pass pass) override;
  void forget(int layer) override;

  /// Before the first micro-batch of a step: gradients become 0. `micro_batches`: after how many
  /// done(layer, kBackward) a unit's gradients are complete.
  void begin_step(int micro_batches);
  /// After the last: waits until this rank has the complete gradients of its shards, including
  /// those of tensors that are `partial` (over tensor-parallel ranks) or tied (over the embedding
  /// group).
  void finish_gradients();
  /// After the optimizer: gives all ranks the new weights, where they keep them.
  void share_weights();

  /// What the optimizer of this rank works on: all of it at stage 0.
  const std::vector<Shard>& shards() const;
  /// Whether all ranks of the group have the same shards, which are everything.
  bool replicates() const;
  /// At element `begin` of a shard of shards().
  Precise<T>* shard_weights(const Shard& shard);
  Precise<T>* shard_gradients(const Shard& shard);
  /// What share_weights() shares, to be made of the shard's weights, where T is not precise.
  T* rounded_weights(const Shard& shard);

  /// All of this rank's weights, gathered where they are shards: for checkpoints and generation.
  /// Collective over the gradient group.
  void read_weights(std::span<Host<T>> all);
  void write_weights(std::span<const Host<T>> all);

 private:
  const Precise<T>* exact_weights() const override;
  void add_partial();

  struct State;
  std::unique_ptr<State> state_;
};

/// The square of the norm of all gradients of the model, each parameter counted once: whole tensors
/// on one tensor-parallel rank, tied ones on one stage, padding never. Collective over all ranks.
template <class T>
double squared_gradient_norm(DataParallel<T>& units, Groups& groups);

}  // namespace tutti::train
