// Numbers and sizes as options give them, and the list of sizes that a run measures.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tutti/status.h"

namespace tutti::cli {

/// The largest size an option takes: 1 PiB.
inline constexpr std::size_t kMaxBytes = std::size_t{1} << 50;

/// "64", "8K", "1.5M", "2GiB" in bytes (powers of 1024). `option` is named in the error.
Result<std::size_t> parse_bytes(const std::string& option, const std::string& text);

/// A whole number in [low, high].
Result<std::int64_t> parse_integer(const std::string& option, const std::string& text,
                                   std::int64_t low, std::int64_t high);

/// A number in (low, high].
Result<double> parse_number(const std::string& option, const std::string& text, double low,
                            double high);

struct SizeRange {
  std::size_t begin = std::size_t{32} << 20;
  std::size_t end = std::size_t{32} << 20;
  std::size_t step = std::size_t{1} << 20;  // added, when factor is 0
  double factor = 0;                        // multiplied with, when above 1
};

/// More sizes than this are a mistake.
inline constexpr std::size_t kMaxSizes = 10'000;

/// begin, …, at most end; stops after kMaxSizes + 1. REQUIRES: begin <= end, step > 0 or factor
/// > 1.
std::vector<std::size_t> sizes_of(const SizeRange& range);

/// "8", "1K", "64M": exact, or in plain bytes.
std::string short_bytes(std::size_t bytes);

}  // namespace tutti::cli
