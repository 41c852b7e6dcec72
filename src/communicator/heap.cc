#include "communicator/heap.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace tutti {

std::optional<std::size_t> Heap::take(std::size_t bytes) {
  if (bytes > largest_hole()) return std::nullopt;
  const std::size_t length =
      std::max<std::size_t>(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  for (auto hole = holes_.begin(); hole != holes_.end(); ++hole) {
    if (hole->second < length) continue;
    const std::size_t offset = hole->first;
    const std::size_t rest = hole->second - length;
    holes_.erase(hole);
    if (rest != 0) holes_[offset + length] = rest;
    pieces_[offset] = length;
    return offset;
  }
  return std::nullopt;
}

std::size_t Heap::give_back(std::size_t offset) {
  const auto piece = pieces_.find(offset);
  TUTTI_CHECK(piece != pieces_.end(), "offset %zu", offset);
  const std::size_t length = piece->second;
  pieces_.erase(piece);
  auto hole = holes_.emplace(offset, length).first;
  const auto next = std::next(hole);
  if (next != holes_.end() && offset + length == next->first) {
    hole->second += next->second;
    holes_.erase(next);
  }
  if (hole != holes_.begin()) {
    const auto before = std::prev(hole);
    if (before->first + before->second == offset) {
      before->second += hole->second;
      holes_.erase(hole);
    }
  }
  return length;
}

std::size_t Heap::largest_hole() const {
  std::size_t largest = 0;
  for (const auto& [offset, length] : holes_) largest = std::max(largest, length);
  return largest;
}

}  // namespace tutti
