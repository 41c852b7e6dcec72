// What shards of a sequence tell each other where a layer goes from token to token, as scans and
// convolutions do. Rank r of the context group has the r-th shard of each sequence, of neighbours.
//
// A shard is an affine map of the state that it starts from: decay state + own. So the state that
// rank r starts from is the exclusive scan over the ranks of maps one after the other, which do not
// commute; and gradients the same in reverse. What is sent does not grow with the sequence.
//
// Tested by train_mamba_test.cc.

#pragma once

#include "train/array.h"
#include "train/group.h"
#include "train/kernels/elements.h"
#include "train/residual.h"

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
  // The rows of sequence n that the next rank sees, and their place in a halo.
  template <class S>
  Rows<S> seen(S* x, long stride, long n) const {
    return {x + ((n + 1) * tokens_ - rows_) * stride, stride};
  }
  template <class S>
  Rows<S> place(S* halo, long n) const {
    return {halo + n * rows_ * columns_, columns_};
  }
  bool is_first() const { return group_.rank() == 0; }
  bool is_last() const { return group_.rank() == group_.ranks() - 1; }
  int before() const { return is_first() ? -1 : group_.rank() - 1; }
  int after() const { return is_last() ? -1 : group_.rank() + 1; }

  Group& group_;
  const long sequences_, tokens_, rows_, columns_;
  Array<T> room_;
};

/// Passes states while the caller computes: those of all sequences of a micro-batch, each of parts
/// (heads, channels) that have nothing to do with each other, so that a long message can be sent in
/// pieces. T is precise. The library scans memory of the host: from a device maps are fetched,
/// which waits for it, and what comes in is brought back; they are small.
template <class T>
class StatePassing {
 public:
  /// A part has `decays` numbers that say how a shard changes a state or its gradient, the
  /// logarithm of a factor each, for `width` numbers of the state each (carry.h).
  StatePassing(Group& group, long sequences, long parts, long decays, long width)
      : group_(group), sequences_(sequences), parts_(parts), decays_(decays), width_(width) {}

  /// Of sequence n, before start(): this shard's map, log_decay [parts, decays] and what it makes
  /// of zero [parts, decays, width]; or the same of gradients.
  void put(long n, const T* log_decay, const T* state);

  /// kForward: states go to later shards; kReverse: gradients to earlier ones.
  void start(Direction direction);
  void wait();
  /// What this shard starts from, after wait(): [parts, decays, width] of sequence n; null: zero.
  const T* incoming(long n) const {
    return has_incoming_ ? states_.data() + n * parts_ * decays_ * width_ : nullptr;
  }

 private:
  long map_size() const { return decays_ * (1 + width_); }
  std::size_t size() const { return elements(sequences_ * parts_, map_size()); }
  // Where a device's numbers are on the host, brought there in `room`; others' themselves.
  static const Host<T>* on_host(const T* numbers, long count, Array<Host<T>>& room);
  // Where incoming states lie on the host.
  Array<Host<T>>& arrived_states() {
    if constexpr (kOnDevice<T>) {
      return room_;
    } else {
      return states_;
    }
  }
  static void combine(const void* earlier, void* later, std::size_t count, DataType type,
                      void* self);

  Group& group_;
  const long sequences_, parts_, decays_, width_;
  Array<Host<T>> own_, incoming_;     // [sequences, parts][decays, then states]
  Array<T> states_;                   // of incoming_
  Array<Host<T>> decay_room_, room_;  // on the way from a device, or to it
  bool has_incoming_ = false;
  Group::Pending pending_;
};

}  // namespace tutti::train
