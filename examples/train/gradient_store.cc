#include "train/gradient_store.h"

#include <algorithm>

#include "train/kernels/elements.h"

namespace tutti::train {

template <class T>
GradientStore<T>::GradientStore(const Layout& layout, const Cuts& cuts,
                                const std::vector<Shard>& shards, Group& group, Keeps keeps)
    : cuts_(cuts),
      shards_(shards),
      group_(group),
      keeps_(keeps),
      to_come_(cuts.units.size(), 0),
      open_(cuts.units.size()),
      reducing_(cuts.buckets.size()) {
  ShardPlaces places = places_of(shards, keeps, layout);
  shard_at_ = std::move(places.at);
  memory_.resize(places.size);
  memory_.clear();
}

template <class T>
void GradientStore<T>::begin_step(int micro_batches) {
  std::fill(to_come_.begin(), to_come_.end(), micro_batches);
  memory_.clear();
}

template <class T>
T* GradientStore<T>::get(int unit) {
  if (keeps_ != Keeps::kShards) return memory_.data();
  const Unit& u = cuts_.units[unit];
  if (!open_[unit]) {
    if (leaving_.size() >= 2) retire();
    if (spare_.empty()) spare_.emplace_back(static_cast<std::size_t>(cuts_.largest_unit()));
    open_[unit] = std::move(spare_.back());
    spare_.pop_back();
    clear_elements(open_[unit]->data(), u.size());
  }
  return before(open_[unit]->data(), u.begin);
}

template <class T>
void GradientStore<T>::done(int unit) {
  --to_come_[unit];
  if (keeps_ == Keeps::kShards) return send_unit(unit);
  const Unit& u = cuts_.units[unit];
  for (int b = u.first_bucket; b < u.end_bucket; ++b) {
    const Bucket& bucket = cuts_.buckets[b];
    const auto begin = to_come_.begin() + bucket.first_unit;
    const auto end = to_come_.begin() + bucket.end_unit;
    if (std::all_of(begin, end, [](int left) { return left == 0; })) reduce(b);
  }
}

template <class T>
void GradientStore<T>::reduce(int bucket) {
  const Bucket& b = cuts_.buckets[bucket];
  const std::span<T> whole(memory_.data() + b.begin, static_cast<std::size_t>(b.size()));
  reducing_[bucket] =
      keeps_ == Keeps::kReplica
          ? group_.start<T>(all_reduce(wired(whole), wired(whole)), whole.size_bytes())
          : scatter(bucket, whole.data());
}

template <class T>
Group::Pending GradientStore<T>::scatter(int bucket, const T* whole) {
  const Bucket& b = cuts_.buckets[bucket];
  const std::span<const T> from(whole, static_cast<std::size_t>(b.size()));
  return group_.start<T>(b.is_even() ? reduce_scatter(wired(from), wired(sums(bucket)))
                                     : reduce_scatter_v(wired(from), wired(sums(bucket)), b.counts),
                         from.size_bytes());
}

// The sums so far travel along, as a part of this rank's own gradients of its shard.
template <class T>
void GradientStore<T>::send_unit(int unit) {
  while (is_leaving(unit)) retire();
  get(unit);
  Leaving leaving{unit, std::move(*open_[unit]), {}};
  open_[unit].reset();
  const Unit& u = cuts_.units[unit];
  for (int b = u.first_bucket; b < u.end_bucket; ++b) {
    const Bucket& bucket = cuts_.buckets[b];
    T* whole = leaving.memory.data() + (bucket.begin - u.begin);
    T* own = whole + (shards_[b].begin - bucket.begin);
    add(shards_[b].size(), own, sums(b).data(), own);
    leaving.calls.push_back(scatter(b, whole));
  }
  leaving_.push_back(std::move(leaving));
}

template <class T>
bool GradientStore<T>::is_leaving(int unit) const {
  return std::any_of(leaving_.begin(), leaving_.end(),
                     [&](const Leaving& leaving) { return leaving.unit == unit; });
}

template <class T>
void GradientStore<T>::retire() {
  Leaving& first = leaving_.front();
  for (Group::Pending& call : first.calls) call.wait();
  spare_.push_back(std::move(first.memory));
  leaving_.pop_front();
}

template <class T>
void GradientStore<T>::finish() {
  for (std::size_t u = 0; u < to_come_.size(); ++u) {
    if (to_come_[u] == 0) continue;
    throw Failure("gradients of layer " + std::to_string(cuts_.units[u].layer) + ": " +
                  std::to_string(to_come_[u]) + " micro-batches are missing");
  }
  while (!leaving_.empty()) retire();
  for (Group::Pending& call : reducing_) call.wait();
}

template <class T>
T* GradientStore<T>::shard(int bucket) {
  return memory_.data() + shard_at_[bucket];
}

template class GradientStore<float>;
template class GradientStore<double>;
template class GradientStore<OnDevice<float>>;

}  // namespace tutti::train
