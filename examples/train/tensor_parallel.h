// Between weights cut by columns and weights cut by rows (Megatron): four functions, each the
// backward pass of another.
//
//   to_columns             every rank needs all tokens, whole      identity, or gathers tokens
//   to_columns_backward    each has a part of every token's sum    adds up (and keeps its tokens)
//   from_rows              the same                                adds up (and keeps its tokens)
//   from_rows_backward     the same as to_columns
//
// With sequence parallelism a rank keeps its share of the tokens between such layers, neighbours in
// the order of the micro-batch; without it, all tokens.
//
// Shoeybi et al., "Megatron-LM", 2019; Korthikanti et al., "Reducing Activation Recomputation",
// 2022.

#pragma once

#include "train/array.h"
#include "train/group.h"

namespace tutti::train {

template <class T>
class TensorParallel {
 public:
  TensorParallel(Group& group, bool sequence) : group_(group), sequence_(sequence) {}

  int rank() const { return group_.rank(); }
  int ranks() const { return group_.ranks(); }
  Group& group() { return group_; }
  bool keeps_all_tokens() const { return group_.alone() || !sequence_; }
  /// Of a micro-batch's tokens, those that this rank keeps.
  long share(long tokens) const { return keeps_all_tokens() ? tokens : tokens / ranks(); }
  long first(long tokens) const { return keeps_all_tokens() ? 0 : share(tokens) * rank(); }

  /// Where all tokens are: `mine` itself, or `room`, made as large as needed.
  const T* to_columns(std::span<const T> mine, Array<T>& room) {
    if (keeps_all_tokens()) return mine.data();
    room.resize(mine.size() * ranks());
    group_.all_gather(mine, std::span<T>(room));
    return room.data();
  }

  /// Where this rank's tokens' sums are: `partial` itself, or `room`.
  T* from_rows(std::span<T> partial, Array<T>& room) {
    if (keeps_all_tokens()) {
      group_.all_reduce(partial);
      return partial.data();
    }
    room.resize(partial.size() / ranks());
    group_.reduce_scatter(std::span<const T>(partial), std::span<T>(room));
    return room.data();
  }

  T* to_columns_backward(std::span<T> partial, Array<T>& room) { return from_rows(partial, room); }
  const T* from_rows_backward(std::span<const T> mine, Array<T>& room) {
    return to_columns(mine, room);
  }

 private:
  Group& group_;
  const bool sequence_;
};

}  // namespace tutti::train
