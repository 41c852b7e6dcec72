// What pipelines, optimizers and checkpoints know of a model: a table of tensors, and stages that
// compute micro-batches forward and backward.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "train/array.h"
#include "train/group.h"
#include "train/kernels/cross_entropy.h"
#include "train/units.h"

namespace tutti::train {

/// What a rank computes of a model: layers first … end-1, in order, one stage after the other.
struct StageLayers {
  int first = 0;
  int end = 0;

  bool operator==(const StageLayers&) const = default;
};
/// Layers of each of `stages` stages, as equal as can be; earlier stages have the larger share, for
/// the last one has the head.
std::vector<StageLayers> split_layers(int layers, int stages);

/// This rank's tokens of a micro-batch, and the words that follow each: sequences one after the
/// other, each cut as context parallelism wants it (share_of()).
struct MicroBatch {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> labels;
};

/// What is kept of a micro-batch in a stage between its forward and its backward pass.
struct Stash {
  virtual ~Stash() = default;
};

/// One stage on one rank. `hidden` is what stages hand on, [tokens that this rank keeps, width]:
/// memory of hidden_size() numbers, which others move and do not look at.
template <class T>
class Stage {
 public:
  virtual ~Stage() = default;

  virtual std::unique_ptr<Stash> make_stash() = 0;
  virtual std::size_t hidden_size() const = 0;

  /// The first stage reads tokens instead of `in`; the last one computes the sum of its tokens'
  /// losses instead of `out`, and 0 is answered by others. `scale`: what gradients of the loss are
  /// multiplied with; 0 for no gradients, nothing is kept then.
  virtual double forward(Stash& stash, const MicroBatch& batch, const T* in, T* out,
                         double scale) = 0;

  /// From d_out (the last stage: null) to d_in (the first: null). Gradients of weights are added
  /// too, unless `later`: then backward_weights() does so, which needs nothing from other ranks of
  /// the pipeline.
  virtual void backward(Stash& stash, const MicroBatch& batch, const T* d_out, T* d_in,
                        bool later) = 0;
  virtual void backward_weights(Stash& stash, const MicroBatch& batch) = 0;
};

/// An architecture and how it is computed; what Trainer knows of LLaMA and Mamba alike.
class Model {
 public:
  virtual ~Model() = default;

  virtual int layers() const = 0;
  virtual long vocabulary() const = 0;
  virtual long sequences() const = 0;  // of a micro-batch
  virtual long sequence() const = 0;   // tokens of each

  /// Why it cannot run on this mesh, with what would fit; "" if it can.
  virtual std::string objection(const Mesh& mesh) const = 0;
  /// Tensors of a stage: layers, and what is before the first and after the last.
  virtual std::vector<TensorRow> tensors(StageLayers layers, const Mesh& mesh) const = 0;
  /// This rank's share of a sequence's tokens.
  virtual std::vector<std::int32_t> share(const std::vector<std::int32_t>& sequence,
                                          const Groups& groups) const = 0;

  /// `units` has the tensors of the stage, perhaps among others. Units and groups must outlive it.
  virtual std::unique_ptr<Stage<float>> make_stage(StageLayers layers, Groups& groups,
                                                   Units<float>& units) const = 0;
  virtual std::unique_ptr<Stage<double>> make_stage(StageLayers layers, Groups& groups,
                                                    Units<double>& units) const = 0;
  /// On the accelerator of the thread.
  virtual std::unique_ptr<Stage<OnDevice<float>>> make_stage(
      StageLayers layers, Groups& groups, Units<OnDevice<float>>& units) const = 0;
  virtual std::unique_ptr<Stage<OnDevice<Bf16>>> make_stage(StageLayers layers, Groups& groups,
                                                            Units<OnDevice<Bf16>>& units) const = 0;
};

}  // namespace tutti::train
