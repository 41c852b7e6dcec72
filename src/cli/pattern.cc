// Input values and their reduction.
//
// Two kinds of arithmetic: integers as 64-bit words that wrap (the store keeps the low bits),
// floats as doubles, in which every value that occurs is exact.
//
// Tested by cli_pattern_test.cc.

#include "cli/pattern.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "cli/numbers.h"

namespace tutti::cli {
namespace {

// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

// Where an element is: which rank gives it, and two hashes, one of them common to all ranks.
struct Place {
  int rank = 0;
  std::uint64_t own = 0;
  std::uint64_t common = 0;
};

Place place_of(const Pattern& pattern, int rank, std::size_t index) {
  const std::uint64_t common = mix(mix(pattern.seed) ^ index);
  return {rank, mix(common ^ mix(~static_cast<std::uint64_t>(rank))), common};
}

// Whether the rank is one of `width` that take turns, chosen by the common hash.
bool in_window(const Pattern& pattern, const Place& place, std::uint64_t width) {
  const auto ranks = static_cast<std::uint64_t>(pattern.ranks);
  return (static_cast<std::uint64_t>(place.rank) + place.common % ranks) % ranks < width;
}

// An integer; the magnitudes of all ranks' sum to at most `limit`.
std::int64_t bounded(const Pattern& pattern, const Place& place, std::uint64_t limit,
                     bool with_sign) {
  const std::uint64_t share = limit / static_cast<std::uint64_t>(pattern.ranks);
  std::uint64_t magnitude = in_window(pattern, place, limit) ? 1 : 0;
  if (share > 0) magnitude = 1 + (place.own >> 1) % share;
  const auto value = static_cast<std::int64_t>(magnitude);
  return with_sign && (place.own & 1) ? -value : value;
}

// The largest integer n of an integer type such that all of -n…n, and n as a double, are exact.
std::uint64_t exact_integers(DataType type) {
  const int bits = static_cast<int>(8 * size_of(type)) - (is_signed(type) ? 1 : 0);
  return (std::uint64_t{1} << std::min(bits, 50)) - 1;
}

std::uint64_t integer_input(const Pattern& pattern, const Place& place) {
  const auto limit = exact_integers(pattern.type);
  const bool with_sign = is_signed(pattern.type);
  switch (pattern.op) {
    case Reduction::kProd:
      return place.own | 1;
    case Reduction::kAvg:
      return static_cast<std::uint64_t>(bounded(pattern, place, limit, with_sign));
    case Reduction::kPreMulSum:
      return static_cast<std::uint64_t>(
          bounded(pattern, place, limit / static_cast<std::uint64_t>(kScale), with_sign));
    case Reduction::kLogicalAnd:
      // Mostly true, or many ranks would always answer false.
      return in_window(pattern, place, 1) && (place.common >> 32 & 1) ? 0 : 1 + (place.own & 63);
    case Reduction::kLogicalOr:
      return in_window(pattern, place, 1) && (place.common >> 32 & 1) ? 1 + (place.own & 63) : 0;
    case Reduction::kLogicalXor:
      return place.own & 1 ? 1 + (place.own >> 1 & 63) : 0;
    case Reduction::kSum:
    case Reduction::kMax:
    case Reduction::kMin:
    case Reduction::kBitAnd:
    case Reduction::kBitOr:
    case Reduction::kBitXor:
    case Reduction::kUser:
      return place.own;
  }
  return 0;
}

double any_finite(DataType type, std::uint64_t hash) {
  const double value = decode(type, hash >> (64 - 8 * size_of(type)));
  return std::isfinite(value) && value != 0 ? value : 1.0;
}

double float_factor(const Pattern& pattern, const Place& place) {
  const double sign = place.own & 1 ? -1.0 : 1.0;
  if (in_window(pattern, place, 1)) return sign * 1.25;
  // Few enough that no partial product leaves the range of the narrowest type (2^-6 … 2^8).
  if (in_window(pattern, place, 6)) return sign * (place.own & 2 ? 2.0 : 0.5);
  return sign;
}

double float_input(const Pattern& pattern, const Place& place) {
  const auto exact = std::uint64_t{1} << format_of(pattern.type).precision();
  switch (pattern.op) {
    case Reduction::kSum:
    case Reduction::kUser:
      return static_cast<double>(bounded(pattern, place, exact, true));
    case Reduction::kPreMulSum:
      return static_cast<double>(
          bounded(pattern, place, exact / static_cast<std::uint64_t>(kScale), true));
    case Reduction::kAvg:
      return in_window(pattern, place, 2) ? 1.0 + static_cast<double>(place.common >> 40 & 3) : 0.0;
    case Reduction::kProd:
      return float_factor(pattern, place);
    case Reduction::kMax:
    case Reduction::kMin:
      return any_finite(pattern.type, place.own);
    case Reduction::kLogicalAnd:
    case Reduction::kLogicalOr:
    case Reduction::kLogicalXor:
      return static_cast<double>(integer_input(pattern, place) % 8);
    case Reduction::kBitAnd:
    case Reduction::kBitOr:
    case Reduction::kBitXor:
      return 0.0;  // !fits()
  }
  return 0.0;
}

// Less-than of an integer type on its widened bits.
bool less(DataType type, std::uint64_t a, std::uint64_t b) {
  return is_signed(type) ? static_cast<std::int64_t>(a) < static_cast<std::int64_t>(b) : a < b;
}

// Word is std::uint64_t or double. Bitwise operations are added by the caller.
template <class Word>
Word combine_common(Reduction op, Word a, Word b, bool a_less) {
  switch (op) {
    case Reduction::kSum:
    case Reduction::kAvg:
    case Reduction::kPreMulSum:
    case Reduction::kUser:
      return a + b;
    case Reduction::kProd:
      return a * b;
    case Reduction::kMax:
      return a_less ? b : a;
    case Reduction::kMin:
      return a_less ? a : b;
    case Reduction::kLogicalAnd:
      return a != 0 && b != 0;
    case Reduction::kLogicalOr:
      return a != 0 || b != 0;
    case Reduction::kLogicalXor:
      return (a != 0) != (b != 0);
    case Reduction::kBitAnd:
    case Reduction::kBitOr:
    case Reduction::kBitXor:
      break;
  }
  return a;
}

std::uint64_t combine(Reduction op, DataType type, std::uint64_t a, std::uint64_t b) {
  if (op == Reduction::kBitAnd) return a & b;
  if (op == Reduction::kBitOr) return a | b;
  if (op == Reduction::kBitXor) return a ^ b;
  return combine_common(op, a, b, less(type, a, b));
}

std::uint64_t integer_expected(const Pattern& pattern, std::span<const int> contributors,
                               std::size_t index) {
  const DataType type = pattern.type;
  // Through memory, so that a value is what the type holds of it.
  const auto input = [&](int rank) {
    std::byte stored[8];
    store_bits(stored, type, integer_input(pattern, place_of(pattern, rank, index)));
    return load_bits(stored, type);
  };
  std::uint64_t total = input(contributors[0]);
  for (const int rank : contributors.subspan(1)) {
    total = combine(pattern.op, type, total, input(rank));
  }
  if (pattern.op == Reduction::kPreMulSum) total *= static_cast<std::uint64_t>(kScale);
  if (pattern.op != Reduction::kAvg) return total;
  // The sums stay below 2^50, so the signed quotient is right for unsigned types too.
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(total) / pattern.ranks);
}

double float_expected(const Pattern& pattern, std::span<const int> contributors,
                      std::size_t index) {
  const auto input = [&](int rank) { return float_input(pattern, place_of(pattern, rank, index)); };
  double total = input(contributors[0]);
  for (const int rank : contributors.subspan(1)) {
    const double next = input(rank);
    total = combine_common(pattern.op, total, next, total < next);
  }
  if (pattern.op == Reduction::kPreMulSum) total *= kScale;
  return total;
}

// The nearest value below that the type holds; averages need not be exact.
std::uint64_t encode_average(const Pattern& pattern, double sum) {
  const double average = sum / pattern.ranks;
  if (average == 0) return 0;
  const int digits = format_of(pattern.type).mantissa_bits - std::ilogb(average);
  return encode(pattern.type, std::ldexp(std::nearbyint(std::ldexp(average, digits)), -digits));
}

template <class Bits>
std::vector<std::byte> make_table(DataType type, Bits bits) {
  const std::size_t width = size_of(type);
  std::vector<std::byte> table(kPeriod * width);
  for (std::size_t i = 0; i < kPeriod; ++i) store_bits(&table[i * width], type, bits(i));
  return table;
}

bool near(DataType type, std::uint64_t got, std::uint64_t expected, double tolerance) {
  if (got == expected) return true;
  if (tolerance == 0) return false;
  const double value = decode(type, expected);
  const double error = std::fabs(decode(type, got) - value);
  return error <= tolerance * std::fabs(value) + format_of(type).smallest();
}

std::size_t count_wrong_elements(std::span<const std::byte> got, const std::byte* expected,
                                 DataType type, double tolerance) {
  const std::size_t width = size_of(type);
  std::size_t wrong = 0;
  for (std::size_t at = 0; at < got.size(); at += width) {
    wrong += !near(type, load_bits(&got[at], type), load_bits(expected + at, type), tolerance);
  }
  return wrong;
}

// Calls visit(offset in the buffer, offset in the table, bytes) for each stretch of a repeating
// table.
template <class Visit>
void for_each_stretch(std::size_t bytes, std::size_t table_bytes, std::size_t start, Visit visit) {
  std::size_t from = start % table_bytes;
  for (std::size_t at = 0; at < bytes;) {
    const std::size_t length = std::min(bytes - at, table_bytes - from);
    visit(at, from, length);
    at += length;
    from = 0;
  }
}

}  // namespace

bool fits(Reduction op, DataType type) {
  const bool bitwise =
      op == Reduction::kBitAnd || op == Reduction::kBitOr || op == Reduction::kBitXor;
  return !(bitwise && is_float(type));
}

std::vector<std::byte> input_table(const Pattern& pattern, int rank) {
  return make_table(pattern.type, [&](std::size_t index) {
    const Place place = place_of(pattern, rank, index);
    return is_float(pattern.type) ? encode(pattern.type, float_input(pattern, place))
                                  : integer_input(pattern, place);
  });
}

std::vector<std::byte> expected_table(const Pattern& pattern) {
  std::vector<int> everybody(static_cast<std::size_t>(pattern.ranks));
  std::iota(everybody.begin(), everybody.end(), 0);
  return reduced_table(pattern, everybody);
}

std::vector<std::byte> reduced_table(const Pattern& pattern, std::span<const int> contributors) {
  return make_table(pattern.type, [&](std::size_t index) {
    if (!is_float(pattern.type)) return integer_expected(pattern, contributors, index);
    const double value = float_expected(pattern, contributors, index);
    return pattern.op == Reduction::kAvg ? encode_average(pattern, value)
                                         : encode(pattern.type, value);
  });
}

void user_sum(const void* src, void* dst, std::size_t count, DataType type, void*) {
  const std::size_t width = size_of(type);
  const auto* from = static_cast<const std::byte*>(src);
  auto* to = static_cast<std::byte*>(dst);
  for (std::size_t at = 0; at < count * width; at += width) {
    const std::uint64_t a = load_bits(to + at, type);
    const std::uint64_t b = load_bits(from + at, type);
    store_bits(to + at, type,
               is_float(type) ? encode(type, decode(type, a) + decode(type, b)) : a + b);
  }
}

void fill(std::span<std::byte> target, std::span<const std::byte> table, std::size_t first,
          DataType type) {
  for_each_stretch(target.size(), table.size(), first * size_of(type),
                   [&](std::size_t at, std::size_t from, std::size_t length) {
                     std::copy_n(&table[from], length, &target[at]);
                   });
}

std::size_t count_wrong(std::span<const std::byte> got, std::span<const std::byte> table,
                        std::size_t first, DataType type, double tolerance) {
  std::size_t wrong = 0;
  for_each_stretch(got.size(), table.size(), first * size_of(type),
                   [&](std::size_t at, std::size_t from, std::size_t length) {
                     const auto part = got.subspan(at, length);
                     if (std::memcmp(part.data(), &table[from], length) == 0) return;
                     wrong += count_wrong_elements(part, &table[from], type, tolerance);
                   });
  return wrong;
}

double tolerance_of(Reduction op, DataType type) {
  if (op != Reduction::kAvg || !is_float(type)) return 0;
  return 3.5 * std::ldexp(1.0, -format_of(type).precision());
}

}  // namespace tutti::cli
