// Packs: the bytes that a thread loads or stores at once, as words in registers.
//
// REQUIRES everywhere: the address is a multiple of the pack's size.
// Tested by cuda_elements_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"

namespace tutti::cuda {

/// 1, 2, 4, 8 or 16 bytes. Of less than a word, the low bits; zeros above.
template <int kBytes>
struct Pack {
  static constexpr int kWords = kBytes < 4 ? 1 : kBytes / 4;
  std::uint32_t words[kWords];
};

#ifdef __CUDACC__

template <int kBytes>
TUTTI_DEVICE Pack<kBytes> load_pack(const std::byte* from) {
  if constexpr (kBytes == 16) {
    const uint4 v = *reinterpret_cast<const uint4*>(from);
    return {{v.x, v.y, v.z, v.w}};
  } else if constexpr (kBytes == 8) {
    const uint2 v = *reinterpret_cast<const uint2*>(from);
    return {{v.x, v.y}};
  } else if constexpr (kBytes == 4) {
    return {{*reinterpret_cast<const std::uint32_t*>(from)}};
  } else if constexpr (kBytes == 2) {
    return {{*reinterpret_cast<const std::uint16_t*>(from)}};
  } else {
    return {{*reinterpret_cast<const std::uint8_t*>(from)}};
  }
}

template <int kBytes>
TUTTI_DEVICE void store_pack(std::byte* to, const Pack<kBytes>& pack) {
  const std::uint32_t(&w)[Pack<kBytes>::kWords] = pack.words;
  if constexpr (kBytes == 16) {
    *reinterpret_cast<uint4*>(to) = make_uint4(w[0], w[1], w[2], w[3]);
  } else if constexpr (kBytes == 8) {
    *reinterpret_cast<uint2*>(to) = make_uint2(w[0], w[1]);
  } else if constexpr (kBytes == 4) {
    *reinterpret_cast<std::uint32_t*>(to) = w[0];
  } else if constexpr (kBytes == 2) {
    *reinterpret_cast<std::uint16_t*>(to) = static_cast<std::uint16_t>(w[0]);
  } else {
    *reinterpret_cast<std::uint8_t*>(to) = static_cast<std::uint8_t>(w[0]);
  }
}

#else

template <int kBytes>
Pack<kBytes> load_pack(const std::byte* from) {
  Pack<kBytes> pack{};
  __builtin_memcpy(pack.words, from, kBytes);  // low bytes first: x86 and ARM
  return pack;
}

template <int kBytes>
void store_pack(std::byte* to, const Pack<kBytes>& pack) {
  __builtin_memcpy(to, pack.words, kBytes);
}

#endif

}  // namespace tutti::cuda
