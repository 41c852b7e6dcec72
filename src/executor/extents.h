// Where the chunks of a buffer lie, in elements.
//
// A buffer is one part, or one part per rank; a part is `chunks` chunks of equal length, the last
// ones shorter or empty. Parts are of equal length, or of given lengths (the _v collectives),
// packed.

#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace tutti {

class Extents {
 public:
  Extents() = default;

  /// Parts of `part` elements in chunks of `piece` elements.
  static Extents uniform(std::size_t part, std::size_t piece, int chunks) {
    Extents e;
    e.part_ = part;
    e.piece_ = piece;
    e.chunks_ = chunks;
    return e;
  }

  /// Part r has counts[r] elements and is one chunk.
  static Extents packed(std::span<const std::size_t> counts) {
    Extents e;
    e.counts_.assign(counts.begin(), counts.end());
    e.offsets_.resize(counts.size());
    for (std::size_t r = 1; r < counts.size(); ++r) {
      e.offsets_[r] = e.offsets_[r - 1] + counts[r - 1];
    }
    e.piece_ = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
    return e;
  }

  /// One part, of counts[r] elements on rank r.
  static Extents of_rank(std::span<const std::size_t> counts) {
    Extents e = packed(counts);
    e.offsets_.clear();
    return e;
  }

  std::size_t piece() const { return piece_; }

  std::size_t offset(int index) const {
    if (!counts_.empty()) return offsets_.empty() ? 0 : offsets_[index];
    if (chunks_ == 1) return index * part_;
    return index / chunks_ * part_ + std::min(part_, index % chunks_ * piece_);
  }

  /// Of the chunk in the memory of rank `owner`.
  std::size_t length(int index, int owner) const {
    if (!counts_.empty()) return counts_[offsets_.empty() ? owner : index];
    if (chunks_ == 1) return part_;
    const std::size_t before = index % chunks_ * piece_;
    return before >= part_ ? 0 : std::min(piece_, part_ - before);
  }

 private:
  std::size_t part_ = 0;
  std::size_t piece_ = 0;
  int chunks_ = 1;
  std::vector<std::size_t> counts_;
  std::vector<std::size_t> offsets_;
};

}  // namespace tutti
