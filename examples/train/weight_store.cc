#include "train/weight_store.h"

#include "train/kernels/elements.h"

namespace tutti::train {

ShardPlaces places_of(const std::vector<Shard>& shards, Keeps keeps, const Layout& layout) {
  ShardPlaces places;
  long kept = 0;
  for (const Shard& shard : shards) {
    places.at.push_back(keeps == Keeps::kShards ? kept : shard.begin);
    kept += shard.size();
  }
  places.size = static_cast<std::size_t>(keeps == Keeps::kShards ? kept : layout.size);
  return places;
}

template <class T>
WeightStore<T>::WeightStore(const Layout& layout, const Cuts& cuts,
                            const std::vector<Shard>& shards, Group& group, Keeps keeps)
    : cuts_(cuts),
      shards_(shards),
      group_(group),
      keeps_(keeps),
      gathered_(cuts.units.size()),
      arriving_(cuts.buckets.size()) {
  ShardPlaces places = places_of(shards, keeps, layout);
  shard_at_ = std::move(places.at);
  memory_.resize(places.size);
  memory_.clear();
  if constexpr (kIsPrecise<T>) return;
  const ShardPlaces masters = places_of(shards, Keeps::kShards, layout);
  master_at_ = masters.at;
  masters_.resize(masters.size);
  masters_.clear();
  exact_.emplace(layout, cuts, shards);
}

template <class T>
const T* WeightStore<T>::get(int unit, Pass pass) {
  if (keeps_ != Keeps::kShards) {
    wait(unit);
    return memory_.data();
  }
  gather_unit(unit);
  wait(unit);
  // Gradients of what is before the layers do not need its weights.
  const int next = pass == Pass::kForward ? unit + 1 : unit - 1;
  if (pass == Pass::kForward ? cuts_.follows(unit, next)
                             : cuts_.follows(next, unit) && cuts_.units[next].layer >= 0) {
    gather_unit(next);
  }
  return before(gathered_[unit]->data(), cuts_.units[unit].begin);
}

template <class T>
void WeightStore<T>::gather_unit(int unit) {
  if (gathered_[unit]) return;
  if (spare_.empty()) spare_.emplace_back(static_cast<std::size_t>(cuts_.largest_unit()));
  gathered_[unit] = std::move(spare_.back());
  spare_.pop_back();
  const Unit& u = cuts_.units[unit];
  for (int b = u.first_bucket; b < u.end_bucket; ++b) {
    gather(b, gathered_[unit]->data() + (cuts_.buckets[b].begin - u.begin));
  }
}

template <class T>
void WeightStore<T>::gather(int bucket, T* whole) {
  const Bucket& b = cuts_.buckets[bucket];
  const std::span<const T> from(own(bucket), static_cast<std::size_t>(shards_[bucket].size()));
  const std::span<T> to(whole, static_cast<std::size_t>(b.size()));
  std::vector<Call> calls = {b.is_even() ? all_gather(wired(from), wired(to))
                                         : all_gather_v(wired(from), wired(to), b.counts)};
  const std::size_t exact_bytes = exact_ ? exact_->gather(bucket, calls) : 0;
  arriving_[bucket] = group_.start<T>(calls, from.size_bytes() + exact_bytes);
}

template <class T>
void WeightStore<T>::wait(int unit) {
  const Unit& u = cuts_.units[unit];
  for (int b = u.first_bucket; b < u.end_bucket; ++b) arriving_[b].wait();
}

template <class T>
void WeightStore<T>::forget(int unit) {
  if (!gathered_[unit]) return;
  wait(unit);
  spare_.push_back(std::move(*gathered_[unit]));
  gathered_[unit].reset();
}

template <class T>
Precise<T>* WeightStore<T>::shard(int bucket) {
  if constexpr (kIsPrecise<T>) {
    return rounded(bucket);
  } else {
    return masters_.data() + master_at_[bucket];
  }
}

template <class T>
T* WeightStore<T>::rounded(int bucket) {
  arriving_[bucket].wait();
  return own(bucket);
}

template <class T>
void WeightStore<T>::share() {
  for (int u = 0; u < static_cast<int>(cuts_.units.size()); ++u) forget(u);
  for (int b = 0; b < static_cast<int>(cuts_.buckets.size()); ++b) {
    if (exact_) {
      arriving_[b].wait();
      exact_->take(b, shard(b));
    }
    if (keeps_ == Keeps::kAll) gather(b, memory_.data() + cuts_.buckets[b].begin);
  }
}

template <class T>
void WeightStore<T>::read(std::span<Host<T>> all) {
  std::fill(all.begin(), all.end(), Host<T>{0});
  for (int b = 0; b < static_cast<int>(cuts_.buckets.size()); ++b) {
    const Bucket& bucket = cuts_.buckets[b];
    const auto to = all.subspan(bucket.begin, bucket.size());
    std::vector<Host<T>> mine(static_cast<std::size_t>(shards_[b].size()));
    download<Precise<T>>(shard(b), mine);
    if (keeps_ == Keeps::kReplica) {
      std::copy(mine.begin(), mine.end(), to.begin());
    } else {
      group_.all_gather_v(std::span<const Host<T>>(mine), to, bucket.counts);
    }
  }
}

template <class T>
Shard WeightStore<T>::kept(int bucket) const {
  if (keeps_ == Keeps::kShards) return shards_[bucket];
  return {cuts_.buckets[bucket].begin, cuts_.buckets[bucket].end};
}

template <class T>
void WeightStore<T>::write(std::span<const Host<T>> all) {
  for (int u = 0; u < static_cast<int>(cuts_.units.size()); ++u) {
    wait(u);
    forget(u);
  }
  const auto part = [&](const Shard& of) { return all.subspan(of.begin, of.size()); };
  for (int b = 0; b < static_cast<int>(cuts_.buckets.size()); ++b) {
    write(part(kept(b)), own(b) - (shards_[b].begin - kept(b).begin));
    if constexpr (!kIsPrecise<T>) upload<Precise<T>>(part(shards_[b]), shard(b));
  }
  if (exact_) exact_->write(all);
}

template <class T>
void WeightStore<T>::write(std::span<const Host<T>> values, T* to) {
  if constexpr (kIsPrecise<T>) {
    upload<T>(values, to);
  } else {
    Array<Precise<T>> room;
    upload<Precise<T>>(values, room);
    narrow<T>(static_cast<long>(values.size()), room.data(), to);
  }
}

template class WeightStore<float>;
template class WeightStore<double>;
template class WeightStore<OnDevice<float>>;
template class WeightStore<OnDevice<Bf16>>;

}  // namespace tutti::train
