// Random numbers without a state: the n-th number of a named stream is a function of seed, name and
// n, whoever asks, in whatever order. Ranks compute exactly the numbers that they need.
//
// Philox 4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011. Tested by train_random_test.cc against the paper's known answers.

#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace tutti::train {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

inline PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view name)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        stream_(hash(name)) {}

  /// 64 random bits.
  std::uint64_t bits(std::uint64_t n) const {
    const PhiloxCounter r = numbers(n);
    return std::uint64_t{r[1]} << 32 | r[0];
  }
  /// In [0, 1).
  double uniform(std::uint64_t n) const { return static_cast<double>(bits(n) >> 11) * 0x1p-53; }
  /// In [0, limit), as fair as 64 bits are. REQUIRES: limit > 0.
  std::uint64_t below(std::uint64_t n, std::uint64_t limit) const {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(bits(n)) * limit >> 64);
  }
  /// Mean 0, variance 1 (Box and Muller).
  double normal(std::uint64_t n) const {
    const PhiloxCounter r = numbers(n);
    const double u = (r[0] + 1.0) * 0x1p-32;  // not 0
    const double angle = 2 * std::numbers::pi * (r[2] * 0x1p-32);
    return std::sqrt(-2 * std::log(u)) * std::cos(angle);
  }

 private:
  PhiloxCounter numbers(std::uint64_t n) const {
    return philox({static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32),
                   static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                  key_);
  }
  // FNV-1a.
  static std::uint64_t hash(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
  }

  PhiloxKey key_;
  std::uint64_t stream_;
};

}  // namespace tutti::train
