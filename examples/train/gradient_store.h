// Gradients of a rank: whole, and reduced after the last micro-batch (ZeRO-0, -1); or shards, to
// which those of a unit are added, over all ranks, after each micro-batch (ZeRO-2, -3).
//
// Tested by train_data_parallel_test.cc.

#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "train/array.h"
#include "train/group.h"
#include "train/shards.h"
#include "train/weight_store.h"

namespace tutti::train {

template <class T>
class GradientStore {
 public:
  /// `shards`: what this rank updates of each bucket; a whole bucket, if all ranks do. Cuts and
  /// shards must outlive it.
  GradientStore(const Layout& layout, const Cuts& cuts, const std::vector<Shard>& shards,
                Group& group, Keeps keeps);

  void begin_step(int micro_batches);
  /// As Units::gradients() and done(), by number of the unit.
  T* get(int unit);
  void done(int unit);
  /// Waits until this rank has the sums of its shards.
  void finish();

  /// This rank's shard of a bucket.
  T* shard(int bucket);

 private:
  // A unit's gradients on their way to their shards.
  struct Leaving {
    int unit = 0;
    Array<T> memory;
    std::vector<Group::Pending> calls;
  };

  std::span<T> sums(int bucket) {
    return {shard(bucket), static_cast<std::size_t>(shards_[bucket].size())};
  }
  void reduce(int bucket);
  void send_unit(int unit);
  Group::Pending scatter(int bucket, const T* whole);
  void retire();
  bool is_leaving(int unit) const;

  const Cuts& cuts_;
  const std::vector<Shard>& shards_;  // by bucket
  Group& group_;
  const Keeps keeps_;
  Array<T> memory_;                            // of the layout, or of shards
  std::vector<long> shard_at_;                 // by bucket: in memory_
  std::vector<int> to_come_;                   // by unit: micro-batches
  std::vector<std::optional<Array<T>>> open_;  // by unit: where a micro-batch's gradients are added
  std::vector<Array<T>> spare_;
  std::deque<Leaving> leaving_;
  std::vector<Group::Pending> reducing_;  // by bucket; before what it writes to is freed
};

}  // namespace tutti::train
