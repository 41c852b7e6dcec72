// What a rank has of a run that a checkpoint must have: the weights and moments of its shards.

#pragma once

#include <span>
#include <vector>

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

template <class T>
RankState<T> state_of(DataParallel<T>& units, AdamW<T>& optimizer) {
  RankState<T> state{&units.layout(), {}, units.replicates()};
  long moment = 0;
  for (const Shard& shard : units.shards()) {
    state.shards.push_back({shard, units.shard_weights(shard),
                            optimizer.first_moments().data() + moment,
                            optimizer.second_moments().data() + moment});
    moment += shard.size();
  }
  return state;
}

/// Weights alone, all of them here: for generation.
template <class T>
RankState<T> state_of(PlainUnits<T>& units) {
  return {&units.layout(), {{{0, units.layout().size}, units.all_weights().data()}}};
}

}  // namespace tutti::train
