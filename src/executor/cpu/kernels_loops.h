// The one loop of every kernel: any type, any operation, any number of sources and targets.
//
// Written with vector extensions over a unit V, an instruction set's vector: its width, loads,
// stores and the few instructions that have no operator. Each kernels_<isa>.cc defines its unit in
// an unnamed namespace, so that no code compiled for one processor can be linked into another's.
//
// No product ever feeds a sum, so contraction to fused multiply-adds cannot change a bit. No
// standard library function is called here: it would be compiled for the unit's processor and
// might be linked into code that runs on another.
// Tested by kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cpu/kernels_formats.h"
#include "executor/cpu/kernels_isa.h"

namespace tutti {

// ---- Pieces of a vector, for heads and tails ----

/// The first `bytes` of 1 to 7 bytes as a word, zeros above.
TUTTI_INLINE std::uint64_t load_bytes(const std::byte* from, std::size_t bytes) {
  std::uint64_t word = 0;
  const auto* end = reinterpret_cast<const unsigned char*>(from + bytes);
#pragma GCC unroll 3
  for (std::size_t piece = 4; piece > 0; piece /= 2) {
    if ((bytes & piece) == 0) continue;
    end -= piece;
    std::uint64_t part = 0;
    __builtin_memcpy(&part, end, piece);
    word = word << (8 * piece) | part;
  }
  return word;
}

/// The first `bytes` < V::kBytes bytes, zeros above. Through registers: a vector load of what
/// narrow stores have just written would wait for them to leave the store buffer.
template <class V>
TUTTI_INLINE typename V::Raw load_words(const std::byte* from, std::size_t bytes) {
  typename V::Raw raw{};
#pragma GCC unroll 4
  for (std::size_t word = 0; word < V::kBytes / 8; ++word) {
    const std::size_t at = 8 * word;
    if (at + 8 <= bytes) {
      std::uint64_t whole;
      __builtin_memcpy(&whole, from + at, 8);
      raw[word] = whole;
    } else if (at < bytes) {
      raw[word] = load_bytes(from + at, bytes - at);
    }
  }
  return raw;
}

template <class V>
TUTTI_INLINE void store_words(std::byte* to, typename V::Raw raw, std::size_t bytes) {
  const auto* from = reinterpret_cast<const std::byte*>(&raw);
  std::size_t at = 0;
#pragma GCC unroll 6
  for (std::size_t piece = V::kBytes / 2; piece > 0; piece /= 2) {
    if (bytes & piece) {
      __builtin_memcpy(to + at, from + at, piece);
      at += piece;
    }
  }
}

// ---- The loop ----

template <class V, class Format, class Op>
class Reducer {
 public:
  static void run(const Pass& pass) {
    const std::size_t bytes = pass.count * Format::kElementBytes;
    if (bytes < kBytes) {
      if (bytes > 0) piece(pass, 0, bytes);
      return;
    }
    Pass aligned = pass;
    const std::size_t head = bytes >= kAlignFrom ? align(aligned) : 0;
    if (bytes < kAlignFrom) aligned.stream_mask = 0;
    singles(pass, 0, head);
    std::size_t at = head;
    if (pass.source_count == 2 && pass.target_count == 1) at = pairs(aligned, at, bytes);
    for (; at + kUnroll * kBytes <= bytes; at += kUnroll * kBytes) blocks<kUnroll>(aligned, at);
    singles(pass, at, bytes);
    if (aligned.stream_mask != 0) V::fence();
  }

 private:
  static constexpr std::size_t kBytes = V::kBytes;
  static constexpr int kParts = Format::kParts;
  static constexpr std::size_t kUnroll = kParts == 4 ? 2 : 4;
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kAlignFrom = 512;  // bytes; below, aligning costs more than it gives
  using Raw = typename V::Raw;
  using Wide = typename Format::Wide;
  using Lane = typename Format::Lane;

  TUTTI_INLINE bool streams(const Pass& pass, int target) {
    return target < 32 && (pass.stream_mask >> target & 1) != 0;
  }

  /// The bytes before the lead target's next cache line; takes from the mask what cannot stream.
  static std::size_t align(Pass& pass) {
    if (pass.target_count < 32) pass.stream_mask &= (1u << pass.target_count) - 1;
    const int lead = pass.stream_mask != 0 ? __builtin_ctz(pass.stream_mask) : 0;
    std::size_t head = -reinterpret_cast<std::uintptr_t>(pass.targets[lead]) % kLine;
    if (head % Format::kElementBytes != 0) head = 0;
    std::uint32_t mask = 0;
    for (int t = 0; t < pass.target_count; ++t) {
      const auto start = reinterpret_cast<std::uintptr_t>(pass.targets[t]) + head;
      if (streams(pass, t) && start % kLine == 0) mask |= 1u << t;
    }
    pass.stream_mask = mask;
    return head;
  }

  /// [from, to) one vector at a time, cached.
  static void singles(const Pass& pass, std::size_t from, std::size_t to) {
    Pass cached = pass;
    cached.stream_mask = 0;
    for (; from + kBytes <= to; from += kBytes) blocks<1>(cached, from);
    if (from < to) piece(cached, from, to - from);
  }

  /// The common case, two sources and one target, with the pointers in registers. Returns where the
  /// rest begins.
  static std::size_t pairs(const Pass& pass, std::size_t at, std::size_t bytes) {
    const std::byte* const left = pass.sources[0];
    const std::byte* const right = pass.sources[1];
    std::byte* const target = pass.targets[0];
    const bool stream = streams(pass, 0);
    for (; at + kUnroll * kBytes <= bytes; at += kUnroll * kBytes) {
#pragma GCC unroll 4
      for (std::size_t b = at; b < at + kUnroll * kBytes; b += kBytes) {
        Wide sum[kParts];
        begin(V::load(left + b), sum);
        add(V::load(right + b), sum);
        const Raw result = Format::encode(sum);
        if (stream) {
          V::stream(target + b, result);
        } else {
          V::store(target + b, result);
        }
      }
    }
    return at;
  }

  template <std::size_t kBlocks>
  TUTTI_INLINE void blocks(const Pass& pass, std::size_t at) {
    Wide sum[kBlocks][kParts];
    const std::byte* source = pass.sources[0] + at;
#pragma GCC unroll 4
    for (std::size_t b = 0; b < kBlocks; ++b) begin(V::load(source + b * kBytes), sum[b]);
    for (int s = 1; s < pass.source_count; ++s) {
      source = pass.sources[s] + at;
#pragma GCC unroll 4
      for (std::size_t b = 0; b < kBlocks; ++b) add(V::load(source + b * kBytes), sum[b]);
    }
    Raw result[kBlocks];
#pragma GCC unroll 4
    for (std::size_t b = 0; b < kBlocks; ++b) result[b] = Format::encode(sum[b]);
    for (int t = 0; t < pass.target_count; ++t) {
      std::byte* target = pass.targets[t] + at;
      if (streams(pass, t)) {
#pragma GCC unroll 4
        for (std::size_t b = 0; b < kBlocks; ++b) V::stream(target + b * kBytes, result[b]);
      } else {
#pragma GCC unroll 4
        for (std::size_t b = 0; b < kBlocks; ++b) V::store(target + b * kBytes, result[b]);
      }
    }
  }

  static void piece(const Pass& pass, std::size_t at, std::size_t bytes) {
    Wide sum[kParts];
    begin(V::load_piece(pass.sources[0] + at, bytes), sum);
    for (int s = 1; s < pass.source_count; ++s) {
      add(V::load_piece(pass.sources[s] + at, bytes), sum);
    }
    const Raw result = Format::encode(sum);
    for (int t = 0; t < pass.target_count; ++t) V::store_piece(pass.targets[t] + at, result, bytes);
  }

  TUTTI_INLINE void begin(Raw raw, Wide (&sum)[kParts]) {
    Format::decode(raw, sum);
#pragma GCC unroll 4
    for (int k = 0; k < kParts; ++k) sum[k] = Op::template first<Lane>(sum[k]);
  }

  TUTTI_INLINE void add(Raw raw, Wide (&sum)[kParts]) {
    Wide wide[kParts];
    Format::decode(raw, wide);
#pragma GCC unroll 4
    for (int k = 0; k < kParts; ++k) sum[k] = Op::template apply<Lane>(sum[k], wide[k]);
  }
};

template <class V, class Format>
void scale_floats(const std::byte* source, std::byte* target, std::size_t count, double factor) {
  using Lane = typename Format::Lane;
  const typename Format::Wide by = typename Format::Wide{} + static_cast<Lane>(factor);
  const auto scaled = [by](typename V::Raw raw) __attribute__((always_inline)) {
    typename Format::Wide wide[Format::kParts];
    Format::decode(raw, wide);
    for (auto& part : wide) part *= by;
    return Format::encode(wide);
  };
  const std::size_t bytes = count * Format::kElementBytes;
  std::size_t at = 0;
  for (; at + V::kBytes <= bytes; at += V::kBytes) {
    V::store(target + at, scaled(V::load(source + at)));
  }
  if (at == bytes) return;
  V::store_piece(target + at, scaled(V::load_piece(source + at, bytes - at)), bytes - at);
}

}  // namespace tutti
