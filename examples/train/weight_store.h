// Weights of a rank: whole; or whole, of which it updates shards that are then gathered (ZeRO-1,
// -2); or shards, of which a unit is gathered while it is used (ZeRO-3).
//
// Gathering begins early and is waited for late: after the optimizer for everything, which the next
// forward pass waits for unit by unit; at ZeRO-3 for the unit that comes next in the pass. Where
// weights are rounded masters, exact ones go along with them (exact_weights.h).
//
// Tested by train_data_parallel_test.cc.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "train/array.h"
#include "train/exact_weights.h"
#include "train/group.h"
#include "train/shards.h"
#include "train/units.h"

namespace tutti::train {

/// What a rank has of weights or gradients.
enum class Keeps {
  kReplica,  // everything, and works on everything
  kAll,      // everything, and works on its shards
  kShards,   // its shards
};

/// Where each of the shards is kept: in the layout, or one after the other.
struct ShardPlaces {
  std::vector<long> at;  // by shard
  std::size_t size = 0;  // of the memory
};
ShardPlaces places_of(const std::vector<Shard>& shards, Keeps keeps, const Layout& layout);

/// The address of an element `elements` before `first`, which may lie outside of any array: for
/// adding an offset of the layout to.
template <class T>
T* before(T* first, long elements) {
  return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(first) -
                              static_cast<std::uintptr_t>(elements) * sizeof(T));
}

template <class T>
class WeightStore {
 public:
  /// `shards`: what this rank updates of each bucket. All that is given must outlive it.
  /// Weights are 0.
  WeightStore(const Layout& layout, const Cuts& cuts, const std::vector<Shard>& shards,
              Group& group, Keeps keeps);

  /// As Units::weights() and forget(), by number of the unit.
  const T* get(int unit, Pass pass);
  void forget(int unit);
  /// As Units::exact_weights(), good for the units that get() was called for.
  const Precise<T>* exact() const { return exact_ ? exact_->data() : nullptr; }

  /// This rank's shard of a bucket, to be read or changed: not on its way to others. Where T is not
  /// precise it is a master, of which rounded() must be made before share().
  Precise<T>* shard(int bucket);
  T* rounded(int bucket);
  /// Every rank has new shards: gathers them where they are kept.
  void share();

  /// Of all ranks' shards, in memory of the host. Collective.
  void read(std::span<Host<T>> all);
  void write(std::span<const Host<T>> all);

 private:
  T* own(int bucket) { return memory_.data() + shard_at_[bucket]; }
  // The part of a bucket that is kept here.
  Shard kept(int bucket) const;
  void write(std::span<const Host<T>> values, T* to);
  // Begins to gather a bucket into `whole`, where its first element is to be.
  void gather(int bucket, T* whole);
  void gather_unit(int unit);
  void wait(int unit);

  const Cuts& cuts_;
  const std::vector<Shard>& shards_;  // by bucket
  Group& group_;
  const Keeps keeps_;
  Array<T> memory_;                                // of the layout, or of shards
  Array<Precise<T>> masters_;                      // shard after shard; none where T is precise
  std::vector<long> master_at_;                    // by bucket: in masters_
  std::vector<long> shard_at_;                     // by bucket: in memory_
  std::vector<std::optional<Array<T>>> gathered_;  // by unit; only where shards are kept
  std::optional<ExactWeights<Precise<T>>> exact_;  // none where T is precise
  std::vector<Array<T>> spare_;
  std::vector<Group::Pending> arriving_;  // by bucket; before what it writes to is freed
};

}  // namespace tutti::train
