// A stage of a language model, whatever its layers are made of: the table of embeddings before the
// first layer, the layers' sublayers one after the other, the norm, the head and the loss after the
// last one.
//
//                         weights            of this rank           communication
//   embedding             [V, C]             rows (words)           reduce_scatter S C -> K C
//   layers                                                          residual.h
//   norm, gather          [C]                whole                  all_gather K C -> S C
//   head                  [V, C]             rows (words)           all_reduce S, 2 S (the loss)
//
// Tested by train_llama_test.cc and train_mamba_test.cc.

#pragma once

#include <memory>
#include <vector>

#include "train/language_shape.h"
#include "train/model.h"
#include "train/residual.h"
#include "train/sublayer.h"

namespace tutti::train {

/// The layers of a stage: objects that compute them, and which of these make up each layer. X: of
/// the residual stream.
template <class T, class X>
struct Sublayers {
  std::unique_ptr<ResidualStream<T, X>> stream;  // that all of them use
  std::vector<std::unique_ptr<Sublayer<T, X>>> kinds;
  std::vector<std::vector<int>> layers;  // of each layer of the stage, indices of kinds
};

template <class T, class X>
class LanguageStage final : public Stage<T> {
 public:
  LanguageStage(const LanguageShape& shape, StageLayers layers, Units<T>& units,
                Recompute recompute, Sublayers<T, X> sublayers);

  std::size_t hidden_size() const override { return stream().size() * sizeof(X) / sizeof(T); }
  std::unique_ptr<Stash> make_stash() override;
  double forward(Stash& stash, const MicroBatch& batch, const T* in, T* out, double scale) override;
  void backward(Stash& stash, const MicroBatch& batch, const T* d_out, T* d_in,
                bool later) override;
  void backward_weights(Stash& stash, const MicroBatch& batch) override;

 private:
  // A sublayer's part of a layer.
  struct Step {
    Array<X> input;  // [K, C]
    std::unique_ptr<Stash> kept;
    std::unique_ptr<Stash> gradients;  // only where weights come later
  };
  struct LayerStash {
    std::vector<Step> steps;
    bool complete = false;  // whether all that the backward pass needs is there
  };
  struct StageStash;

  ResidualStream<T, X>& stream() const { return *sublayers_.stream; }
  long size() const { return static_cast<long>(stream().size()); }
  // The stream, as other stages move it.
  static X* stream_at(T* hidden) { return reinterpret_cast<X*>(hidden); }
  static const X* stream_at(const T* hidden) { return reinterpret_cast<const X*>(hidden); }
  Sublayer<T, X>& sublayer(std::size_t i, std::size_t step) const {
    return *sublayers_.kinds[static_cast<std::size_t>(sublayers_.layers[i][step])];
  }
  Stash& gradients(std::size_t i, std::size_t step, StageStash& stash);
  bool is_first() const { return layers_.first == 0; }
  bool is_last() const { return layers_.end == shape_.layers; }
  int layer(std::size_t i) const { return layers_.first + static_cast<int>(i); }
  // With tied embeddings on one stage, the table of the embeddings is the head.
  const std::string& head_name() const {
    return shape_.tied && is_first() ? shape_.table : shape_.head;
  }

  X* input_of(StageStash& stash, std::size_t i);
  void embed_tokens(const MicroBatch& batch, X* x);
  void forward_layer(std::size_t i, LayerStash& stash, X* y, Pass pass);
  void forget(std::size_t i, LayerStash& stash);
  void remember(std::size_t i, LayerStash& stash, X* y);
  void backward_layer(std::size_t i, StageStash& stash);
  void weigh_layer(std::size_t i, StageStash& stash);
  void weigh_embedding(const StageStash& stash, const MicroBatch& batch);

  double head(StageStash& stash, const MicroBatch& batch, double scale);
  void losses(const Placed& table, const T* x, const T* words, const std::int32_t* labels,
              long tokens, double scale, Precise<T>* losses);
  void head_backward(StageStash& stash, const T* norm_weight);

  const LanguageShape shape_;
  const StageLayers layers_;
  Units<T>& units_;
  const Recompute recompute_;
  const Sublayers<T, X> sublayers_;
  std::vector<std::unique_ptr<Stash>> gradients_;  // of each kind, where weights come at once

  // Room for what does not outlive a function; the others of the head.
  Array<X> dx_;
  Array<T> logits_, last_normed_;
  Array<Precise<T>> most_, sums_, losses_, last_r_;
};

}  // namespace tutti::train
