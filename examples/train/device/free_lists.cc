#include "train/device/free_lists.h"

#include <algorithm>

namespace tutti::train {
namespace {

// As the driver rounds: sizes that it does not tell apart are one.
std::size_t rounded(std::size_t bytes) {
  constexpr std::size_t kSmall = 512, kLarge = std::size_t{2} << 20;
  const std::size_t unit = bytes < kLarge ? kSmall : kLarge;
  return std::max(kSmall, (bytes + unit - 1) / unit * unit);
}

}  // namespace

FreeLists::~FreeLists() {
  give_back_kept();
  for (const auto& [memory, bytes] : used_) source_.release(memory);
}

void* FreeLists::allocate(std::size_t bytes) {
  bytes = rounded(bytes);
  if (void* kept = take_kept(bytes)) return kept;
  void* memory = source_.allocate(bytes);
  if (memory == nullptr && !kept_.empty()) {
    give_back_kept();
    memory = source_.allocate(bytes);
  }
  if (memory == nullptr) return nullptr;
  used_[memory] = bytes;
  in_use_ += bytes;
  most_ = std::max(most_, in_use_);
  return memory;
}

void* FreeLists::take_kept(std::size_t bytes) {
  const auto found = kept_.lower_bound(bytes);
  if (found == kept_.end() || found->first > bytes + bytes / 8) return nullptr;
  void* const memory = found->second;
  in_use_ += used_[memory] = found->first;
  most_ = std::max(most_, in_use_);
  kept_.erase(found);
  return memory;
}

void FreeLists::release(void* memory) {
  const auto found = used_.find(memory);
  in_use_ -= found->second;
  kept_.emplace(found->second, memory);
  used_.erase(found);
}

void FreeLists::give_back_kept() {
  for (const auto& [bytes, memory] : kept_) source_.release(memory);
  kept_.clear();
}

}  // namespace tutti::train
