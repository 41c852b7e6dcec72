#include "train/checkpoint/checksum.h"

#include <array>
#include <cstring>

namespace tutti::train {
namespace {

// [k][byte]: what a byte does to the checksum from k bytes further back.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  constexpr std::uint32_t kPolynomial = 0x82F63B78;  // reflected
  Tables tables = {};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? kPolynomial : 0);
    tables[0][byte] = sum;
  }
  for (int k = 1; k < 8; ++k) {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t sum = tables[k - 1][byte];
      tables[k][byte] = sum >> 8 ^ tables[0][sum & 0xff];
    }
  }
  return tables;
}
constexpr Tables kTables = make_tables();

std::uint32_t eight_bytes(std::uint32_t sum, const std::byte* bytes) {
  std::uint64_t next;
  std::memcpy(&next, bytes, sizeof next);
  next ^= sum;
  std::uint32_t result = 0;
  for (int k = 0; k < 8; ++k) result ^= kTables[7 - k][next >> 8 * k & 0xff];
  return result;
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
  std::uint32_t sum = ~before;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) sum = eight_bytes(sum, bytes.data() + i);
  for (; i < bytes.size(); ++i) {
    sum = sum >> 8 ^ kTables[0][(sum ^ static_cast<std::uint32_t>(bytes[i])) & 0xff];
  }
  return ~sum;
}

}  // namespace tutti::train
