// Copies from memory of the host that may be changed as soon as the call returns: by way of a ring
// of pinned memory, so that neither waits for what was issued before, unless the ring is full.

#pragma once

#include "train/device/cuda/events.h"
#include "train/device/ring_places.h"

namespace tutti::train {

class Uploads {
 public:
  /// Events must outlive it.
  explicit Uploads(Events& events) : events_(events) {}
  /// Waits for what is under way.
  ~Uploads();
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  void write(void* to, const void* from, std::size_t bytes, cudaStream_t stream);

 private:
  void write_piece(std::byte* to, const std::byte* from, std::size_t bytes, cudaStream_t stream);

  static constexpr std::size_t kRing = std::size_t{16} << 20;
  static constexpr std::size_t kPiece = kRing / 4;

  Events& events_;
  std::byte* ring_ = nullptr;  // from the first write on
  RingPlaces<cudaEvent_t> places_{kRing};
};

}  // namespace tutti::train
