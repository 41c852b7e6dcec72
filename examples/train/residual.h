// The residual stream x of a stage, which every sublayer adds to: x + f(norm(x)). Here is what all
// sublayers do on the way from the stream to their weights and back, with the calls that tensor
// parallelism needs (tensor_parallel.h): S tokens of a micro-batch on this rank of the context
// group, of which this rank keeps K between sublayers, C wide. The stream, and its gradient, are of
// X: T, or Precise<T>, as models want it.
//
//   norm, gather       x [K, C] -> [S, C]             all_gather K C -> S C
//   product, add up    [S, in] -> x + … [K, C]        reduce_scatter S C -> K C
//
// and backwards the same in reverse, where gathering and adding up change places. Without sequence
// parallelism K is S, and only sums are exchanged (all_reduce S C).
//
// What a sublayer adds waits for the next norm, which makes the sum and its norm in one pass.

#pragma once

#include <type_traits>

#include "train/array.h"
#include "train/kernels/elements.h"
#include "train/kernels/matmul.h"
#include "train/kernels/norm.h"
#include "train/spare.h"
#include "train/tensor_parallel.h"

namespace tutti::train {

inline std::size_t elements(long rows, long columns) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
}

template <class T, class X>
class ResidualStream {
 public:
  ResidualStream(Group& tensor, bool sequence_parallel, long tokens, long width, double epsilon)
      : tensor_(tensor, sequence_parallel),
        tokens_(tokens),
        kept_(tensor_.share(tokens)),
        width_(width),
        epsilon_(epsilon) {}

  TensorParallel<T>& tensor() { return tensor_; }
  Spare<T>& spare() { return spare_; }
  long tokens() const { return tokens_; }  // S
  long kept() const { return kept_; }      // K
  long width() const { return width_; }    // C
  std::size_t size() const { return elements(kept_, width_); }

  // ---- forward

  /// From what T is computed with.
  void begin(const T* embedded, X* x) const {
    if constexpr (std::is_same_v<T, X>) {
      copy_elements(embedded, static_cast<long>(size()), x);
    } else {
      widen(static_cast<long>(size()), embedded, x);
    }
  }

  /// normed [S, C] of x [K, C]; keeps r [K].
  void norm(const X* x, const T* w, Array<Precise<T>>& r, Array<T>& normed) {
    if (waiting_.sum != x) settle();
    spare_.lend(r, static_cast<std::size_t>(kept_));
    Array<T>& mine = tensor_.keeps_all_tokens() ? normed : normed_;
    spare_.lend(normed, elements(tokens_, width_));
    mine.resize(size());
    if (waiting_.sum == x) {
      add_rms_norm(kept_, width_, epsilon_, waiting_.x, waiting_.more, w, waiting_.sum, mine.data(),
                   r.data());
      waiting_ = {};
    } else {
      rms_norm(kept_, width_, epsilon_, x, w, mine.data(), r.data());
    }
    tensor_.to_columns(std::span<const T>(mine), normed);
  }

  /// y [K, C] = x + the sum over ranks of inner wᵀ; inner [S, in], w [C, in]. y is there when it
  /// has been normed, or settle() was called; until then x is needed, and partial() taken.
  void add_rows(long in, const T* inner, const T* w, const X* x, X* y) {
    linear({tokens_, in, width_}, inner, w, partial());
    waiting_ = {x, tensor_.from_rows(partial_, scattered_), y};
  }
  void settle() {
    if (waiting_.sum == nullptr) return;
    add(static_cast<long>(size()), waiting_.x, waiting_.more, waiting_.sum);
    waiting_ = {};
  }

  // ---- backward; dx [K, C] becomes, step by step, what it was of y, of x

  /// Gradients of all tokens [S, C], from those kept here.
  void gather(const X* dx, Array<T>& all) {
    if constexpr (std::is_same_v<T, X>) {
      const std::span<const T> mine(dx, size());
      if (tensor_.from_rows_backward(mine, all) != all.data()) all.assign(mine);
    } else {
      Array<T>& mine = tensor_.keeps_all_tokens() ? all : normed_;
      mine.resize(size());
      narrow<T>(static_cast<long>(size()), dx, mine.data());
      tensor_.from_rows_backward(std::span<const T>(mine), all);
    }
  }

  /// Through the product with `columns` rows of weights, the norm, and into dx. dy [S, columns];
  /// keeps d_normed [K, C], the gradient of the norm's output.
  void back_through_norm(long columns, const T* dy, const T* w, const T* norm_weight, const X* x,
                         const Array<Precise<T>>& r, Array<T>& d_normed, X* dx) {
    linear_backward_input({tokens_, width_, columns}, dy, w, partial());
    back_from_partial(norm_weight, x, r, d_normed, dx);
  }
  /// The same where partial() already is this rank's part of the gradient of the norm's output.
  void back_from_partial(const T* norm_weight, const X* x, const Array<Precise<T>>& r,
                         Array<T>& d_normed, X* dx) {
    d_normed.assign({tensor_.to_columns_backward(partial_, scattered_), size()});
    rms_norm_backward_input(kept_, width_, d_normed.data(), x, norm_weight, r.data(), dx);
  }
  void weigh_norm(const Array<T>& d_normed, const X* x, const Array<Precise<T>>& r,
                  Precise<T>* dw) const {
    rms_norm_backward_weight(kept_, width_, d_normed.data(), x, r.data(), dw);
  }

  /// Room of [S, C] for what the ranks are about to add up.
  T* partial() {
    partial_.resize(elements(tokens_, width_));
    return partial_.data();
  }
  /// This rank's sums of it, [K, C].
  T* add_up() { return tensor_.from_rows(partial_, scattered_); }

 private:
  // x + more, which is to be at sum.
  struct Sum {
    const X* x = nullptr;
    const T* more = nullptr;
    X* sum = nullptr;  // null: there is none
  };

  TensorParallel<T> tensor_;
  const long tokens_;
  const long kept_;
  const long width_;
  const double epsilon_;
  Spare<T> spare_;
  Array<T> partial_, scattered_, normed_;
  Sum waiting_;
};

}  // namespace tutti::train
