// What a layer is made of, when text is made: the forward pass of new tokens alone, x + f(norm(x)),
// with what f needs of those before them kept: keys and values of attention; of a Mamba the state
// of its scan and what its convolution still sees. One object does this for all layers of its kind.
//
// Tested by train_generate_test.cc.

#pragma once

#include <memory>

#include "train/array.h"
#include "train/group.h"
#include "train/model_family.h"
#include "train/tensors.h"

namespace tutti::train {

/// The residual stream of tokens that follow `position` others; of all tensor-parallel ranks alike.
template <class T>
class NewTokens {
 public:
  NewTokens(Group& tensor, const LanguageShape& shape) : tensor_(tensor), shape_(shape) {}

  long position = 0;
  long count = 0;
  Array<T> x;       // [count, C]
  Array<T> normed;  // [count, C]

  Group& tensor() const { return tensor_; }
  long width() const { return shape_.width; }
  std::size_t size(long columns) const { return static_cast<std::size_t>(count * columns); }

  /// normed = norm(x); or of its last token alone.
  void norm(const T* w) { norm(0, w); }
  void norm_last(const T* w) { norm(count - 1, w); }
  /// x += the sum over ranks of inner wᵀ; inner [count, columns], w [C, columns].
  void add_rows(long columns, const T* inner, const T* w);

 private:
  void norm(long first, const T* w);

  Group& tensor_;
  const LanguageShape shape_;
  Array<T> r_, partial_;
};

template <class T>
class Continuation {
 public:
  virtual ~Continuation() = default;

  /// x + f(norm(x)) in the place of x. Weights as Units answers them.
  virtual void run(int layer, const T* w, NewTokens<T>& tokens) = 0;
};

/// Of at most `positions` tokens. What is given must outlive them.
template <class T>
std::unique_ptr<Continuation<T>> continue_attention(const AttentionSettings& settings,
                                                    Group& tensor, const Layout& layout,
                                                    long positions);
/// `width` on all ranks.
template <class T>
std::unique_ptr<Continuation<T>> continue_mlp(long width, Group& tensor, const Layout& layout);
template <class T>
std::unique_ptr<Continuation<T>> continue_mamba1(const MambaConfig& config, Group& tensor,
                                                 const Layout& layout);
template <class T>
std::unique_ptr<Continuation<T>> continue_mamba2(const MambaConfig& config, Group& tensor,
                                                 const Layout& layout);

/// Of a whole model; as Sublayers (language_stage.h).
template <class T>
struct Continuations {
  std::vector<std::unique_ptr<Continuation<T>>> kinds;
  std::vector<std::vector<int>> layers;  // of each layer, indices of kinds

  static Continuations of(const ModelConfig& config, Group& tensor, const Layout& layout,
                          long positions);
};

}  // namespace tutti::train
