// How the layout of a rank's tensors is cut for the ranks that share it: units, which a model asks
// for; buckets, which one call moves; shards, a rank's part of each bucket. Values, and pure.
//
// A bucket is a run of whole units that are neighbours in a pass over the layers, or, where a unit
// has a tensor with a copy on another stage, a part of a unit: such a tensor is a bucket of its own
// and exactly, so that both stages cut it alike and can add their shards.
//
// Tested by train_data_parallel_test.cc.

#pragma once

#include <cstddef>
#include <vector>

#include "train/tensors.h"

namespace tutti::train {

/// A run of elements of the layout that this rank keeps the optimizer's state of.
struct Shard {
  long begin = 0;  // in the layout
  long end = 0;

  long size() const { return end - begin; }
  bool operator==(const Shard&) const = default;
};

struct Bucket {
  long begin = 0;  // in the layout
  long end = 0;
  int first_unit = 0;  // units that have something in it
  int end_unit = 0;
  std::vector<std::size_t> counts;  // elements of each rank's shard, one after the other

  long size() const { return end - begin; }
  Shard shard(int rank) const;
  bool is_even() const { return counts.front() == counts.back(); }

  bool operator==(const Bucket&) const = default;
};

struct Unit {
  int layer = 0;   // as TensorRow::layer
  long begin = 0;  // in the layout
  long end = 0;
  int first_bucket = 0;
  int end_bucket = 0;

  long size() const { return end - begin; }
  bool operator==(const Unit&) const = default;
};

struct Cuts {
  std::vector<Unit> units;      // in the order of the layout
  std::vector<Bucket> buckets;  // the same

  int unit_of(int layer) const;
  /// Whether a forward pass computes unit `next` right after `unit`.
  bool follows(int unit, int next) const;
  long largest_unit() const;
};

/// Units are put together until a bucket has `bucket_elements`; 0: never.
Cuts cut(const Layout& layout, int ranks, long bucket_elements);

/// A part of a tensor in a shard.
struct TensorRun {
  const Placed* tensor = nullptr;
  long begin = 0;  // in the layout
  long end = 0;

  long size() const { return end - begin; }
};
/// Padding between tensors is in none. The layout must outlive the answer.
std::vector<TensorRun> runs_of(const Layout& layout, const Shard& shard);

/// Exact tensors that are neighbours, as far as they are in a shard.
struct ExactRun {
  long begin = 0;  // in the layout
  long end = 0;
  long at = 0;  // of the first element, as Placed::exact_offset

  long size() const { return end - begin; }
  bool operator==(const ExactRun&) const = default;
};
std::vector<ExactRun> exact_runs_of(const Layout& layout, const Shard& shard);

}  // namespace tutti::train
