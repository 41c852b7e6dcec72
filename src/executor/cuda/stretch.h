// Who works on which stretch of a buffer, and with how large accesses.
//
// Tested by cuda_kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"

namespace tutti::cuda {

/// [begin, begin + bytes) of a buffer.
struct Stretch {
  std::size_t begin = 0;
  std::size_t bytes = 0;
};

/// Part `index` of `parts` that are as equal as lines of 128 bytes allow. Ranks and blocks that ask
/// with the same numbers get the same answer; without an element too many, or cut in two.
TUTTI_DEVICE Stretch part_of(const Stretch& whole, int parts, int index) {
  constexpr std::size_t kLine = 128;
  const std::size_t lines = (whole.bytes + kLine - 1) / kLine;
  const auto boundary = [&](int i) {
    const std::size_t at = lines * static_cast<std::size_t>(i) / static_cast<std::size_t>(parts);
    return at * kLine < whole.bytes ? at * kLine : whole.bytes;
  };
  const std::size_t begin = boundary(index);
  return {whole.begin + begin, boundary(index + 1) - begin};
}

/// How addresses lie to each other: what they all have in common with the first.
class Alignment {
 public:
  TUTTI_DEVICE explicit Alignment(const std::byte* first) : first_(bits(first)) {}
  TUTTI_DEVICE void and_with(const std::byte* other) { apart_ |= bits(other) ^ first_; }

  /// Whether addresses that are `at` further, for some `at`, are multiples of `size` all at once.
  TUTTI_DEVICE bool allows(std::uintptr_t size) const { return apart_ % size == 0; }
  /// How far the next such addresses are.
  TUTTI_DEVICE std::size_t to_next(std::uintptr_t size) const { return -first_ % size; }

 private:
  TUTTI_DEVICE static std::uintptr_t bits(const std::byte* address) {
    return reinterpret_cast<std::uintptr_t>(address);
  }
  std::uintptr_t first_;
  std::uintptr_t apart_ = 0;
};

/// Threads of the block take packs of kBytes at work.operator()<kBytes, kTogether>(at, step): those
/// at `at`, `at + step`, … kTogether of them; until all of [begin, end) is done.
template <int kBytes, int kTogether, class Work>
TUTTI_DEVICE void walk_packs(const Block& block, std::size_t begin, std::size_t end, Work& work) {
  const std::size_t step = block.threads() * kBytes;
  std::size_t at = begin + block.thread() * kBytes;
  if constexpr (kTogether > 1) {
    TUTTI_LOOP
    for (; at + (kTogether - 1) * step < end; at += kTogether * step) {
      work.template operator()<kBytes, kTogether>(at, step);
    }
  }
  TUTTI_LOOP
  for (; at < end; at += step) work.template operator()<kBytes, 1>(at, step);
}

/// The same for all `bytes` from addresses that are so aligned: in packs of 16 bytes, kTogether at
/// once, and pieces of kSmall before and after them; in pieces alone where addresses lie unlike.
template <int kSmall, int kTogether, class Work>
TUTTI_DEVICE void walk(const Block& block, const Alignment& alignment, std::size_t bytes,
                       Work work) {
  constexpr int kPack = 16;
  std::size_t head = alignment.allows(kPack) ? alignment.to_next(kPack) : bytes;
  if (head > bytes) head = bytes;
  const std::size_t tail = bytes - (bytes - head) % kPack;
  walk_packs<kSmall, 1>(block, 0, head, work);
  walk_packs<kPack, kTogether>(block, head, tail, work);
  walk_packs<kSmall, 1>(block, tail, bytes, work);
}

/// Elements are of any size here: words where addresses allow it, otherwise bytes.
template <class Work>
TUTTI_DEVICE void walk_bytes(const Block& block, const Alignment& alignment, std::size_t bytes,
                             const Work& work) {
  if (alignment.allows(4) && alignment.to_next(4) == 0 && bytes % 4 == 0) {
    walk<4, Work::kTogether>(block, alignment, bytes, work);
  } else {
    walk<1, Work::kTogether>(block, alignment, bytes, work);
  }
}

}  // namespace tutti::cuda
