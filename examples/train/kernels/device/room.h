// Parts of the accelerator's room(), one after the other.

#pragma once

#include "train/device/accelerator.h"

namespace tutti::train {

/// Good until the next one is made, or room() called.
class Room {
 public:
  /// The sum of bytes() of all that is taken.
  explicit Room(std::size_t bytes) : next_(static_cast<char*>(accelerator().room(bytes))) {}

  /// Of a part; they are aligned as the whole is.
  template <class S>
  static std::size_t bytes(long count) {
    constexpr std::size_t kAlignment = 256;
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(S);
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  template <class S>
  S* take(long count) {
    char* const at = next_;
    next_ += bytes<S>(count);
    return reinterpret_cast<S*>(at);
  }

 private:
  char* next_;
};

}  // namespace tutti::train
