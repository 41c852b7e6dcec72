#include "train/state_passing.h"

#include <algorithm>

#include "train/kernels/carry.h"

namespace tutti::train {

template <class T>
void Halo<T>::give(const T* x, long stride, Array<T>& halo) {
  if (group_.alone()) return;
  room_.resize(size());
  halo.resize(size());
  for (long n = 0; n < sequences_; ++n) {
    copy_rows<T>(rows_, columns_, seen(x, stride, n), place(room_.data(), n));
  }
  if (is_first()) halo.clear();
  group_.exchange(std::span<const T>(room_), after(), std::span<T>(halo), before());
}

template <class T>
void Halo<T>::give_back(const Array<T>& d_halo, long stride, T* dx) {
  if (group_.alone()) return;
  room_.resize(size());
  group_.exchange(std::span<const T>(d_halo), before(), std::span<T>(room_), after());
  if (is_last()) return;
  for (long n = 0; n < sequences_; ++n) {
    const T* const arrived = room_.data();
    add_rows<T>(rows_, columns_, place(arrived, n), seen(dx, stride, n));
  }
}

template <class T>
const Host<T>* StatePassing<T>::on_host(const T* numbers, long count, Array<Host<T>>& room) {
  if constexpr (kOnDevice<T>) {
    room.resize(static_cast<std::size_t>(count));
    download<T>(numbers, room);
    return room.data();
  } else {
    return numbers;
  }
}

template <class T>
void StatePassing<T>::put(long n, const T* log_decay, const T* state) {
  if (group_.alone()) return;
  own_.resize(size());
  const Host<T>* decays = on_host(log_decay, parts_ * decays_, decay_room_);
  const Host<T>* states = on_host(state, parts_ * decays_ * width_, room_);
  Host<T>* map = own_.data() + n * parts_ * map_size();
  for (long part = 0; part < parts_; ++part) {
    map = std::copy_n(decays + part * decays_, decays_, map);
    map = std::copy_n(states + part * decays_ * width_, decays_ * width_, map);
  }
}

template <class T>
void StatePassing<T>::start(Direction direction) {
  const int first = direction == Direction::kForward ? 0 : group_.ranks() - 1;
  has_incoming_ = group_.rank() != first;
  if (group_.alone()) return;
  incoming_.resize(size());
  const std::size_t bytes = static_cast<std::size_t>(map_size()) * sizeof(T);
  pending_ = group_.start<Host<T>>(
      exclusive_scan(std::span<const Host<T>>(own_), std::span<Host<T>>(incoming_),
                     ReduceOp::ordered(bytes, combine, this), direction),
      size() * sizeof(T));
}

template <class T>
void StatePassing<T>::wait() {
  pending_.wait();
  if (!has_incoming_) return;
  const long state = decays_ * width_;
  Array<Host<T>>& states = arrived_states();
  states.resize(elements(sequences_ * parts_, state));
  for (long part = 0; part < sequences_ * parts_; ++part) {
    std::copy_n(incoming_.data() + part * map_size() + decays_, state,
                states.data() + part * state);
  }
  if constexpr (kOnDevice<T>) upload<T>(states, states_);
}

template <class T>
void StatePassing<T>::combine(const void* earlier, void* later, std::size_t count, DataType,
                              void* self) {
  const auto& passing = *static_cast<const StatePassing*>(self);
  const long decays = passing.decays_;
  const auto* from = static_cast<const Host<T>*>(earlier);
  auto* to = static_cast<Host<T>*>(later);
  for (std::size_t n = 0; n < count; ++n) {
    carry(decays, passing.width_, to, from + decays, to + decays);
    for (long d = 0; d < decays; ++d) to[d] += from[d];
    from += passing.map_size();
    to += passing.map_size();
  }
}

template class Halo<float>;
template class Halo<double>;
template class Halo<OnDevice<float>>;
template class Halo<OnDevice<Bf16>>;
template class StatePassing<float>;
template class StatePassing<double>;
template class StatePassing<OnDevice<float>>;

}  // namespace tutti::train
