// Memory of a window, given out in pages: first fit over a list of holes.
//
// Tested by heap_test.cc.

#pragma once

#include <cstddef>
#include <map>
#include <optional>

namespace tutti {

class Heap {
 public:
  static constexpr std::size_t kAlignment = std::size_t{64} << 10;

  explicit Heap(std::size_t bytes) { holes_[0] = bytes; }

  /// The offset of a piece of at least `bytes` bytes, or nothing when no hole is large enough.
  std::optional<std::size_t> take(std::size_t bytes);
  /// REQUIRES: take() gave `offset`. Returns the piece's length.
  std::size_t give_back(std::size_t offset);

  std::size_t largest_hole() const;

 private:
  std::map<std::size_t, std::size_t> holes_;   // offset -> length
  std::map<std::size_t, std::size_t> pieces_;  // offset -> length
};

}  // namespace tutti
