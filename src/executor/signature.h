// What ranks must agree on in a call, as three words and as text.

#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tutti/types.h"

namespace tutti {

struct Signature {
  std::uint64_t what = 0;  // collective, type, reduction, variable, root; see pack()
  std::uint64_t count = 0;
  std::uint64_t detail = 0;  // digest of the rest: scale, counts per rank; bytes of an element

  bool operator==(const Signature&) const = default;
};

struct SignatureFacts {
  Collective collective = Collective::kBarrier;
  DataType type = DataType::kUint8;
  Reduction reduction = Reduction::kSum;
  bool variable = false;
  int root = 0;
};

std::uint64_t pack(const SignatureFacts& facts);
SignatureFacts unpack(std::uint64_t what);

/// A 64-bit digest of two words; not cryptographic.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  // Multiply-xorshift; the constant is 2^64 over the golden ratio (Knuth, TAOCP 6.4).
  const std::uint64_t x = (a ^ b) * 0x9E3779B97F4A7C15u;
  return x ^ (x >> 29) ^ (b << 1);
}

std::uint64_t digest(std::span<const std::size_t> counts);

/// "all_reduce (float, 1048576, sum)", "broadcast (float, 8, root 3)".
std::string describe(const Signature& signature);
/// The same of a call with a number: "all_reduce #1042 (float, 1048576, sum)".
std::string title(const Signature& signature, std::uint64_t sequence);

}  // namespace tutti
