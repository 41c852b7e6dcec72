// What a layer is made of: y = x + f(norm(x)), where f is attention, an MLP, or the mixer of a
// Mamba. One object computes all layers of its kind on a stage.

#pragma once

#include <memory>

#include "train/model.h"

namespace tutti::train {

/// What of the activations is computed again for the backward pass instead of being kept.
enum class Recompute {
  kNone,
  kSelective,  // norms, what is gathered from them, products of elements: cheap and large
  kFull,       // everything but a layer's input
};

/// Weights and their gradients are given as Units answers them. x, y and dx: [K, C] (residual.h),
/// of the residual stream's type; y is as ResidualStream::add_rows() leaves it.
template <class T, class X>
class Sublayer {
 public:
  virtual ~Sublayer() = default;

  /// What forward() keeps of a micro-batch in one layer; gradients that weigh() needs.
  virtual std::unique_ptr<Stash> make_kept() const = 0;
  virtual std::unique_ptr<Stash> make_gradients() const = 0;

  virtual void forward(int layer, const T* w, const X* x, Stash& kept, X* y) = 0;
  /// Gives back the memory of what restore() computes again (kSelective), or of all (kFull).
  virtual void drop(Stash& kept, Recompute recompute) = 0;
  virtual void restore(int layer, const T* w, const X* x, Stash& kept) = 0;

  /// dx: from the gradient of y to that of x.
  virtual void backward(int layer, const T* w, const X* x, const Stash& kept, Stash& gradients,
                        X* dx) = 0;
  /// Adds the gradients of the weights; needs no other rank of the pipeline.
  virtual void weigh(int layer, const X* x, const Stash& kept, const Stash& gradients,
                     Precise<T>* dw) = 0;
};

/// One with types for what it keeps.
template <class T, class X, class Kept, class Gradients>
class SublayerOf : public Sublayer<T, X> {
 public:
  std::unique_ptr<Stash> make_kept() const final { return std::make_unique<Kept>(); }
  std::unique_ptr<Stash> make_gradients() const final { return std::make_unique<Gradients>(); }

  void forward(int layer, const T* w, const X* x, Stash& kept, X* y) final {
    run(layer, w, x, static_cast<Kept&>(kept), y);
  }
  void drop(Stash& kept, Recompute recompute) final { forget(static_cast<Kept&>(kept), recompute); }
  void restore(int layer, const T* w, const X* x, Stash& kept) final {
    remember(layer, w, x, static_cast<Kept&>(kept));
  }
  void backward(int layer, const T* w, const X* x, const Stash& kept, Stash& gradients,
                X* dx) final {
    run_backward(layer, w, x, static_cast<const Kept&>(kept), static_cast<Gradients&>(gradients),
                 dx);
  }
  void weigh(int layer, const X* x, const Stash& kept, const Stash& gradients,
             Precise<T>* dw) final {
    run_weigh(layer, x, static_cast<const Kept&>(kept), static_cast<const Gradients&>(gradients),
              dw);
  }

 protected:
  virtual void run(int layer, const T* w, const X* x, Kept& kept, X* y) = 0;
  virtual void forget(Kept& kept, Recompute recompute) = 0;
  virtual void remember(int layer, const T* w, const X* x, Kept& kept) = 0;
  virtual void run_backward(int layer, const T* w, const X* x, const Kept& kept,
                            Gradients& gradients, X* dx) = 0;
  virtual void run_weigh(int layer, const X* x, const Kept& kept, const Gradients& gradients,
                         Precise<T>* dw) = 0;
};

}  // namespace tutti::train
