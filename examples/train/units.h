// Weights and gradients of a rank, unit by unit: what lies before the layers, each layer, what lies
// after them. A model asks for a unit when it computes with it and says when it has done; so
// sharded weights can be gathered just before and forgotten after, and gradients can be on their
// way while other layers are still computed (data_parallel.h).

#pragma once

#include "train/element.h"
#include "train/tensors.h"

namespace tutti::train {

enum class Pass { kForward, kBackward };

template <class T>
class Units {
 public:
  virtual ~Units() = default;

  /// Of all tensors of this rank, with offsets into what the functions below answer.
  virtual const Layout& layout() const = 0;

  /// The unit's weights; `layer` as in TensorRow. Answers the address of the first element of the
  /// layout, so that offsets hold whatever the unit. Good until done().
  virtual const T* weights(int layer, Pass pass) = 0;
  /// Those of an exact tensor of the unit, as they are, where `w` is what weights() answered for
  /// it.
  const Precise<T>* exact(const T* w, const Placed& tensor) const {
    if constexpr (kIsPrecise<T>) {
      return w + tensor.offset;
    } else {
      return exact_weights() + tensor.exact_offset;
    }
  }
  /// The same for gradients, to be added to. Good until done().
  virtual Precise<T>* gradients(int layer) = 0;

  /// This pass over this micro-batch needs the unit no more; after kBackward its gradients are
  /// complete for the micro-batch.
  virtual void done(int layer, Pass pass) = 0;
  /// The unit's weights are needed no more for now, though the pass is not done: between backward()
  /// and backward_weights().
  virtual void forget(int) {}

 private:
  // Of all exact tensors, where others are rounded.
  virtual const Precise<T>* exact_weights() const { return nullptr; }
};

/// All of it in memory, nothing shared: for one rank, for tests, for generation, which asks for no
/// gradients and gets none.
template <class T>
class PlainUnits final : public Units<T> {
 public:
  explicit PlainUnits(Layout layout);

  const Layout& layout() const override { return layout_; }
  const T* weights(int, Pass) override { return weights_.data(); }
  Precise<T>* gradients(int) override { return all_gradients().data(); }
  void done(int, Pass) override {}

  std::vector<T>& all_weights() { return weights_; }
  std::vector<T>& all_gradients() {
    gradients_.resize(weights_.size(), T{0});
    return gradients_;
  }

 private:
  const Layout layout_;
  std::vector<T> weights_;
  std::vector<T> gradients_;
};

template <class T>
PlainUnits<T>::PlainUnits(Layout layout)
    : layout_(std::move(layout)), weights_(layout_.size, T{0}) {}

}  // namespace tutti::train
