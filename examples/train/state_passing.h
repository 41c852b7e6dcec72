// What shards of a sequence tell each other where a layer goes from token to token, as scans and
// convolutions do. Rank r of the context group has the r-th shard of each sequence, of neighbours.
//
// A shard is an affine map of the state that it starts from: decay state + own. So the state that
// rank r starts from is the exclusive scan over the ranks of maps one after the other, which do not
// commute; and gradients the same in reverse. What is sent does not grow with the sequence.
//
// Tested by train_mamba_test.cc.

#pragma once

#include <algorithm>
#include <functional>

#include "train/array.h"
#include "train/group.h"

namespace tutti::train {

/// The last `rows` rows of each sequence's shard for the next rank, before its first token.
template <class T>
class Halo {
 public:
  Halo(Group& group, long sequences, long tokens, long rows, long columns)
      : group_(group), sequences_(sequences), tokens_(tokens), rows_(rows), columns_(columns) {}

  /// x [sequences * tokens, columns] with its stride; halo [sequences, rows, columns] of the
  /// previous rank, zeros on the first one.
  void give(const T* x, long stride, Array<T>& halo);
  /// Adds d_halo of the next rank to the last rows of this rank's dx.
  void give_back(const Array<T>& d_halo, long stride, T* dx);

  /// Of sequence n; null where there is one rank, and the halo is zero.
  const T* of(const Array<T>& halo, long n) const {
    return group_.alone() ? nullptr : halo.data() + n * rows_ * columns_;
  }
  T* of(Array<T>& halo, long n) const {
    return group_.alone() ? nullptr : halo.data() + n * rows_ * columns_;
  }
  std::size_t size() const { return static_cast<std::size_t>(sequences_ * rows_ * columns_); }

 private:
  bool is_first() const { return group_.rank() == 0; }
  bool is_last() const { return group_.rank() == group_.ranks() - 1; }
  int before() const { return is_first() ? -1 : group_.rank() - 1; }
  int after() const { return is_last() ? -1 : group_.rank() + 1; }
  template <class Visit>
  void each_row(Visit visit) const;

  Group& group_;
  const long sequences_, tokens_, rows_, columns_;
  Array<T> room_;
};

/// Passes states of all sequences of a micro-batch at once, while the caller computes.
template <class T>
class StatePassing {
 public:
  /// state += what `decay` makes of `from`.
  using Carry = std::function<void(const T* decay, const T* from, T* state)>;

  /// `decay_size` numbers say how a shard changes a state, or its gradient; they are added up from
  /// shard to shard.
  StatePassing(Group& group, long sequences, long state_size, long decay_size, Carry carry)
      : group_(group),
        sequences_(sequences),
        state_size_(state_size),
        decay_size_(decay_size),
        carry_(std::move(carry)) {}

  /// Of sequence n, before start(): this shard's map, or what it makes of gradients.
  void put(long n, const T* decay, const T* state) {
    own_.resize(static_cast<std::size_t>(sequences_ * map_size()));
    T* const map = own_.data() + n * map_size();
    std::copy_n(state, state_size_, std::copy_n(decay, decay_size_, map));
  }

  /// kForward: states go to later shards; kReverse: gradients to earlier ones.
  void start(Direction direction);
  void wait() { pending_.wait(); }
  /// What this shard starts from, after wait(); null: zero.
  const T* incoming(long n) const {
    return has_incoming_ ? incoming_.data() + n * map_size() + decay_size_ : nullptr;
  }

 private:
  long map_size() const { return decay_size_ + state_size_; }
  static void combine(const void* earlier, void* later, std::size_t count, DataType type,
                      void* self);

  Group& group_;
  const long sequences_, state_size_, decay_size_;
  const Carry carry_;
  Array<T> own_, incoming_;  // [sequences][decay, state]
  bool has_incoming_ = false;
  Group::Pending pending_;
};

}  // namespace tutti::train
