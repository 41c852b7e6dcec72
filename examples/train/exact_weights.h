// Tensors that are computed with as their masters are, where all others are rounded
// (TensorRow::exact): there are few, so every rank has all of them, whatever else it keeps. Those
// of a bucket are gathered along with it, whoever has how many of them in its shard.
//
// Tested by train_data_parallel_test.cc.

#pragma once

#include <span>
#include <vector>

#include "train/array.h"
#include "train/shards.h"
#include "tutti/tutti.h"

namespace tutti::train {

/// T is precise.
template <class T>
class ExactWeights {
 public:
  /// `shards`: what this rank updates of each bucket. Layout and shards must outlive it.
  ExactWeights(const Layout& layout, const Cuts& cuts, const std::vector<Shard>& shards);

  /// One tensor after the other, as Placed::exact_offset says.
  const T* data() const { return memory_.data(); }

  /// From the layout, in memory of the host.
  void write(std::span<const Host<T>> all);
  /// This rank's, from its shard of a bucket, which are not on their way to others.
  void take(int bucket, const T* shard);
  /// Adds the call that gathers a bucket's, if it has any; answers the bytes that this rank gives.
  std::size_t gather(int bucket, std::vector<Call>& calls);

 private:
  // One after the other in memory_.
  struct InBucket {
    long begin = 0;
    long size = 0;
    long mine = 0;                    // where this rank's begin
    long count = 0;                   // of those
    std::vector<std::size_t> counts;  // of each rank, with its part of the bucket
  };

  const Layout& layout_;
  const std::vector<Shard>& shards_;
  std::vector<InBucket> in_buckets_;
  Array<T> memory_;
};

}  // namespace tutti::train
