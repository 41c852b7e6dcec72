// What a rank has of a run that a checkpoint must have: the weights and moments of its shards, in
// memory of the host.

#pragma once

#include <span>
#include <vector>

#include "train/kernels/elements.h"
#include "train/optimizer.h"

namespace tutti::train {

/// A shard's numbers. Moments are null where there is no optimizer.
template <class T>
struct ShardState {
  Shard shard;
  T* weights = nullptr;
  T* first_moments = nullptr;
  T* second_moments = nullptr;
};

/// Refers to what is elsewhere, which must outlive it.
template <class T>
struct RankState {
  const Layout* layout = nullptr;
  std::vector<ShardState<T>> shards;
  bool replicated = false;  // all ranks of the gradient group have the same shards
};

/// The state of a trainer: where it is; of one on a device a copy.
template <class T>
class TrainerState {
 public:
  /// Both must outlive it.
  TrainerState(DataParallel<T>& units, AdamW<T>& optimizer)
      : units_(units), state_{&units.layout(), {}, units.replicates()} {
    long moment = 0;
    for (const Shard& shard : units.shards()) {
      there_.push_back({shard, units.shard_weights(shard),
                        optimizer.first_moments().data() + moment,
                        optimizer.second_moments().data() + moment});
      state_.shards.push_back(here(there_.back()));
      moment += shard.size();
    }
  }

  const RankState<Host<T>>& here() const { return state_; }
  /// What was changed here becomes the trainer's; share_weights() comes after it.
  void put_back();

 private:
  using Numbers = ShardState<Precise<T>>;
  ShardState<Host<T>> here(const Numbers& there);
  Host<T>* copy(const Precise<T>* there, long count);

  DataParallel<T>& units_;
  RankState<Host<T>> state_;
  std::vector<Numbers> there_;
  std::vector<std::vector<Host<T>>> copies_;
};

template <class T>
ShardState<Host<T>> TrainerState<T>::here(const Numbers& there) {
  if constexpr (!kOnDevice<T>) {
    return there;
  } else {
    const long count = there.shard.size();
    return {there.shard, copy(there.weights, count), copy(there.first_moments, count),
            copy(there.second_moments, count)};
  }
}

template <class T>
Host<T>* TrainerState<T>::copy(const Precise<T>* there, long count) {
  std::vector<Host<T>>& here = copies_.emplace_back(static_cast<std::size_t>(count));
  download<Precise<T>>(there, here);
  return here.data();
}

template <class T>
void TrainerState<T>::put_back() {
  if constexpr (kOnDevice<T>) {
    for (std::size_t i = 0; i < there_.size(); ++i) {
      const Numbers& there = there_[i];
      const ShardState<Host<T>>& here = state_.shards[i];
      const auto count = static_cast<std::size_t>(there.shard.size());
      upload<Precise<T>>(std::span<const Host<T>>(here.weights, count), there.weights);
      upload<Precise<T>>(std::span<const Host<T>>(here.first_moments, count), there.first_moments);
      upload<Precise<T>>(std::span<const Host<T>>(here.second_moments, count),
                         there.second_moments);
      if constexpr (!kIsPrecise<T>) {
        narrow<T>(there.shard.size(), there.weights, units_.rounded_weights(there.shard));
      }
    }
  }
}

/// Weights alone, all of them here: for generation.
template <class T>
RankState<T> state_of(PlainUnits<T>& units) {
  return {&units.layout(), {{{0, units.layout().size}, units.all_weights().data()}}};
}

}  // namespace tutti::train
