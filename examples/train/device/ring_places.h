// Places in a ring of bytes, taken in turn and free again in the order in which they were taken.
//
// Tested by train_device_cuda_test.cc.

#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>

namespace tutti::train {

/// Tag: what says when a place is free again.
template <class Tag>
class RingPlaces {
 public:
  explicit RingPlaces(std::size_t bytes) : bytes_(bytes) {}

  /// Where the next `bytes` go, which lie together. `free_again(tag)` is called for those that must
  /// be free for it, the oldest first. REQUIRES: at most the ring's bytes.
  template <class FreeAgain>
  std::size_t next(std::size_t bytes, FreeAgain free_again) {
    const std::size_t begin = head_ + bytes <= bytes_ ? head_ : 0;
    const auto overlaps = [&](const Place& place) {
      return place.begin < begin + bytes && begin < place.end;
    };
    while (std::any_of(taken_.begin(), taken_.end(), overlaps)) {
      free_again(taken_.front().tag);
      taken_.pop_front();
    }
    head_ = begin + bytes;
    last_begin_ = begin;
    return begin;
  }
  /// Once the tag of the last one is known.
  void take(Tag tag) { taken_.push_back({last_begin_, head_, std::move(tag)}); }

  /// The oldest ones, as long as `is_free(tag)`.
  template <class IsFree>
  void retire(IsFree is_free) {
    while (!taken_.empty() && is_free(taken_.front().tag)) taken_.pop_front();
  }
  std::size_t taken() const { return taken_.size(); }

 private:
  struct Place {
    std::size_t begin = 0;
    std::size_t end = 0;
    Tag tag;
  };

  const std::size_t bytes_;
  std::size_t head_ = 0;
  std::size_t last_begin_ = 0;
  std::deque<Place> taken_;  // the oldest first
};

}  // namespace tutti::train
