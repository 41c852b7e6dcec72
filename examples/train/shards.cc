#include "train/shards.h"

#include <algorithm>
#include <numeric>

#include "train/failure.h"

namespace tutti::train {
namespace {

// As equal as can be.
std::vector<std::size_t> counts_of(long size, int ranks) {
  std::vector<std::size_t> counts;
  for (int rank = 0; rank < ranks; ++rank) {
    counts.push_back(static_cast<std::size_t>(size / ranks + (rank < size % ranks ? 1 : 0)));
  }
  return counts;
}

std::vector<Unit> units_of(const Layout& layout) {
  std::vector<Unit> units;
  for (const Placed& tensor : layout.tensors) {
    if (units.empty() || units.back().layer != tensor.row.layer) {
      if (!units.empty()) units.back().end = tensor.offset;
      units.push_back({.layer = tensor.row.layer, .begin = tensor.offset});
    }
  }
  if (!units.empty()) units.back().end = layout.size;
  return units;
}

// A unit in pieces: tensors with copies alone, and what is between them.
std::vector<Shard> pieces_of(const Layout& layout, const Unit& unit) {
  std::vector<Shard> pieces;
  bool open = false;  // whether the last piece goes on
  for (const Placed& tensor : layout.tensors) {
    if (tensor.row.layer != unit.layer) continue;
    const long end = tensor.offset + tensor.size();
    if (open && !tensor.row.is_tied()) {
      pieces.back().end = end;
    } else {
      pieces.push_back({tensor.offset, end});
    }
    open = !tensor.row.is_tied();
  }
  if (open) pieces.back().end = unit.end;  // padding, which makes shards even
  return pieces;
}

bool may_join(const Cuts& cuts, const Bucket& bucket, int unit, std::size_t pieces,
              long bucket_elements) {
  const int last = bucket.end_unit - 1;
  return pieces == 1 && cuts.units[last].layer >= 0 && cuts.units[unit].layer >= 0 &&
         cuts.follows(last, unit) && bucket.size() < bucket_elements;
}

}  // namespace

Shard Bucket::shard(int rank) const {
  const auto before = std::accumulate(counts.begin(), counts.begin() + rank, std::size_t{0});
  const long first = begin + static_cast<long>(before);
  return {first, first + static_cast<long>(counts[rank])};
}

int Cuts::unit_of(int layer) const {
  const auto found = std::find_if(units.begin(), units.end(),
                                  [&](const Unit& unit) { return unit.layer == layer; });
  if (found == units.end()) throw Failure("no layer " + std::to_string(layer) + " on this rank");
  return static_cast<int>(found - units.begin());
}

bool Cuts::follows(int unit, int next) const {
  if (unit < 0 || next != unit + 1 || next >= static_cast<int>(units.size())) return false;
  const int layer = units[unit].layer;
  const int next_layer = units[next].layer;
  static_assert(TensorRow::kBeforeLayers == -1);
  return next_layer == TensorRow::kAfterLayers ? layer >= 0 : next_layer == layer + 1;
}

long Cuts::largest_unit() const {
  long largest = 0;
  for (const Unit& unit : units) largest = std::max(largest, unit.size());
  return largest;
}

Cuts cut(const Layout& layout, int ranks, long bucket_elements) {
  Cuts cuts{units_of(layout), {}};
  for (int i = 0; i < static_cast<int>(cuts.units.size()); ++i) {
    Unit& unit = cuts.units[i];
    const std::vector<Shard> pieces = pieces_of(layout, unit);
    if (!cuts.buckets.empty() &&
        may_join(cuts, cuts.buckets.back(), i, pieces.size(), bucket_elements)) {
      cuts.buckets.back().end = unit.end;
      cuts.buckets.back().end_unit = i + 1;
      unit.first_bucket = static_cast<int>(cuts.buckets.size()) - 1;
    } else {
      unit.first_bucket = static_cast<int>(cuts.buckets.size());
      for (const Shard& piece : pieces) {
        cuts.buckets.push_back({piece.begin, piece.end, i, i + 1, {}});
      }
    }
    unit.end_bucket = static_cast<int>(cuts.buckets.size());
  }
  for (Bucket& bucket : cuts.buckets) bucket.counts = counts_of(bucket.size(), ranks);
  return cuts;
}

std::vector<TensorRun> runs_of(const Layout& layout, const Shard& shard) {
  std::vector<TensorRun> runs;
  for (const Placed& tensor : layout.tensors) {
    const long begin = std::max(shard.begin, tensor.offset);
    const long end = std::min(shard.end, tensor.offset + tensor.size());
    if (begin < end) runs.push_back({&tensor, begin, end});
  }
  return runs;
}

std::vector<ExactRun> exact_runs_of(const Layout& layout, const Shard& shard) {
  std::vector<ExactRun> runs;
  for (const TensorRun& run : runs_of(layout, shard)) {
    if (!run.tensor->row.exact) continue;
    if (!runs.empty() && runs.back().end == run.begin) {
      runs.back().end = run.end;
    } else {
      const long at = run.tensor->exact_offset + (run.begin - run.tensor->offset);
      runs.push_back({run.begin, run.end, at});
    }
  }
  return runs;
}

}  // namespace tutti::train
