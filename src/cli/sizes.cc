// Tested by cli_sizes_test.cc.

#include "cli/sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

namespace tutti::cli {
namespace {

constexpr std::string_view kSuffixes = "KMGT";

Status expected(const std::string& option, const std::string& text, const std::string& what) {
  return {Code::kInvalidArgument, fmt::format("{} {}: expected {}", option, text, what)};
}

// 1 for "", 1024 for "K", "KB", "KiB" in any case, and so on; 0 for anything else.
std::size_t unit(std::string_view suffix) {
  if (suffix.empty() || suffix == "B" || suffix == "b") return 1;
  const auto place = kSuffixes.find(static_cast<char>(std::toupper(suffix[0])));
  if (place == std::string_view::npos) return 0;
  const std::string_view rest = suffix.substr(1);
  const bool known = rest.empty() || rest == "B" || rest == "b" || rest == "iB" || rest == "ib";
  return known ? std::size_t{1} << 10 * (place + 1) : 0;
}

}  // namespace

Result<std::size_t> parse_bytes(const std::string& option, const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  const std::size_t scale = unit({rest, static_cast<std::size_t>(end - rest)});
  if (error == std::errc::result_out_of_range) {
    return expected(option, text, fmt::format("at most {} bytes", kMaxBytes));
  }
  if (error != std::errc() || scale == 0 || !std::isfinite(value) || std::signbit(value)) {
    return expected(option, text, "a size such as 64, 8K, 1.5M or 2G");
  }
  const double bytes = value * static_cast<double>(scale);
  if (bytes > static_cast<double>(kMaxBytes)) {
    return expected(option, text, fmt::format("at most {} bytes", kMaxBytes));
  }
  return static_cast<std::size_t>(bytes);
}

Result<std::int64_t> parse_integer(const std::string& option, const std::string& text,
                                   std::int64_t low, std::int64_t high) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && rest == end && low <= value && value <= high) return value;
  if (low == high) return expected(option, text, fmt::format("{}", low));
  return expected(option, text, fmt::format("a whole number from {} to {}", low, high));
}

Result<double> parse_number(const std::string& option, const std::string& text, double low,
                            double high) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && rest == end && low < value && value <= high) return value;
  return expected(option, text, fmt::format("a number above {}, at most {}", low, high));
}

std::vector<std::size_t> sizes_of(const SizeRange& range) {
  std::vector<std::size_t> sizes;
  for (std::size_t size = range.begin; size <= range.end && sizes.size() <= kMaxSizes;) {
    sizes.push_back(size);
    const auto scaled = static_cast<std::size_t>(static_cast<double>(size) * range.factor);
    // A size of 0, or a factor close to 1, must still move on.
    size = range.factor > 1 ? std::max(scaled, size + 1) : size + range.step;
  }
  return sizes;
}

std::string short_bytes(std::size_t bytes) {
  std::size_t value = bytes;
  std::size_t suffix = 0;
  while (value >= 1024 && value % 1024 == 0 && suffix < kSuffixes.size()) {
    value /= 1024;
    ++suffix;
  }
  return suffix == 0 ? fmt::format("{}", value) : fmt::format("{}{}", value, kSuffixes[suffix - 1]);
}

}  // namespace tutti::cli
