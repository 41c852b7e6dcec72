#include "train/state_passing.h"

#include <algorithm>

#include "train/kernels/carry.h"

namespace tutti::train {

// visit(row of the shard, where it lies in a halo)
template <class T>
template <class Visit>
void Halo<T>::each_row(Visit visit) const {
  for (long n = 0; n < sequences_; ++n) {
    for (long row = 0; row < rows_; ++row) {
      visit((n + 1) * tokens_ - rows_ + row, (n * rows_ + row) * columns_);
    }
  }
}

template <class T>
void Halo<T>::give(const T* x, long stride, Array<T>& halo) {
  if (group_.alone()) return;
  room_.resize(size());
  halo.resize(size());
  each_row([&](long row, long at) { std::copy_n(x + row * stride, columns_, room_.data() + at); });
  if (is_first()) halo.clear();
  group_.exchange(std::span<const T>(room_), after(), std::span<T>(halo), before());
}

template <class T>
void Halo<T>::give_back(const Array<T>& d_halo, long stride, T* dx) {
  if (group_.alone()) return;
  room_.resize(size());
  group_.exchange(std::span<const T>(d_halo), before(), std::span<T>(room_), after());
  if (is_last()) return;
  each_row([&](long row, long at) {
    for (long c = 0; c < columns_; ++c) dx[row * stride + c] += room_[at + c];
  });
}

template <class T>
void StatePassing<T>::put(long n, const T* log_decay, const T* state) {
  if (group_.alone()) return;
  own_.resize(size());
  T* map = own_.data() + n * parts_ * map_size();
  for (long part = 0; part < parts_; ++part) {
    map = std::copy_n(log_decay + part * decays_, decays_, map);
    map = std::copy_n(state + part * decays_ * width_, decays_ * width_, map);
  }
}

template <class T>
void StatePassing<T>::start(Direction direction) {
  const int first = direction == Direction::kForward ? 0 : group_.ranks() - 1;
  has_incoming_ = group_.rank() != first;
  if (group_.alone()) return;
  incoming_.resize(size());
  const std::size_t bytes = static_cast<std::size_t>(map_size()) * sizeof(T);
  pending_ = group_.start<T>(exclusive_scan(std::span<const T>(own_), std::span<T>(incoming_),
                                            ReduceOp::ordered(bytes, combine, this), direction),
                             size() * sizeof(T));
}

template <class T>
void StatePassing<T>::wait() {
  pending_.wait();
  if (!has_incoming_) return;
  const long state = decays_ * width_;
  states_.resize(elements(sequences_ * parts_, state));
  for (long part = 0; part < sequences_ * parts_; ++part) {
    std::copy_n(incoming_.data() + part * map_size() + decays_, state,
                states_.data() + part * state);
  }
}

template <class T>
void StatePassing<T>::combine(const void* earlier, void* later, std::size_t count, DataType,
                              void* self) {
  const auto& passing = *static_cast<const StatePassing*>(self);
  const long decays = passing.decays_;
  const T* from = static_cast<const T*>(earlier);
  T* to = static_cast<T*>(later);
  for (std::size_t n = 0; n < count; ++n) {
    carry(decays, passing.width_, to, from + decays, to + decays);
    for (long d = 0; d < decays; ++d) to[d] += from[d];
    from += passing.map_size();
    to += passing.map_size();
  }
}

template class Halo<float>;
template class Halo<double>;
template class StatePassing<float>;
template class StatePassing<double>;

}  // namespace tutti::train
