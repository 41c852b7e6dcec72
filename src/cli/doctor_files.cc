// Tested by cli_doctor_files_test.cc.

#include "cli/doctor_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>

namespace tutti::cli::doctor {
namespace {

namespace fs = std::filesystem;

constexpr int kMostListed = 1 << 16;  // no machine has more of anything that is listed

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t");
  const auto end = text.find_last_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

}  // namespace

std::string first_line(const fs::path& file) {
  std::ifstream text(file);
  std::string line;
  std::getline(text, line);
  return trimmed(line);
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream text(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::optional<long> number_in(const fs::path& file) {
  std::ifstream text(file);
  long number = 0;
  return text >> number ? std::optional<long>(number) : std::nullopt;
}

std::string value_of(const fs::path& file, const std::string& key) {
  for (const std::string& line : lines_of(file)) {
    if (!line.starts_with(key)) continue;
    const auto end = line.find_first_of(": \t", key.size());
    if (end == std::string::npos || !trimmed(line.substr(key.size(), end - key.size())).empty()) {
      continue;
    }
    const auto value = line.find_first_not_of(": \t", end);
    return value == std::string::npos ? "" : trimmed(line.substr(value));
  }
  return "";
}

std::vector<fs::path> entries(const fs::path& folder) {
  std::error_code none;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, none)) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<int> parse_list(const std::string& list) {
  std::vector<int> numbers;
  std::istringstream text(list);
  for (std::string part; std::getline(text, part, ',');) {
    std::istringstream range(part);
    int first = 0, last = 0;
    char dash = 0;
    if (!(range >> first)) return {};
    last = first;
    if (range >> dash && (dash != '-' || !(range >> last))) return {};
    if (first < 0 || last < first || last >= kMostListed) return {};
    for (int number = first; number <= last; ++number) numbers.push_back(number);
  }
  return numbers;
}

std::string list_text(const std::vector<int>& numbers) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    parts.push_back(end == i + 1 ? fmt::format("{}", numbers[i])
                                 : fmt::format("{}-{}", numbers[i], numbers[end - 1]));
    i = end;
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

std::string bytes_text(double bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 5; ++unit) bytes /= 1024;
  return fmt::format("{:.3g} {}", bytes, units[unit]);
}

std::string count_text(long count, const std::string& what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string ranks_text(const std::vector<int>& ranks) {
  constexpr std::size_t kMost = 8;
  if (ranks.size() == 1) return fmt::format("rank {}", ranks[0]);
  if (ranks.size() > kMost) {
    return fmt::format("ranks {} and {} more",
                       fmt::join(ranks.begin(), ranks.begin() + kMost, ", "), ranks.size() - kMost);
  }
  return fmt::format("ranks {} and {}", fmt::join(ranks.begin(), ranks.end() - 1, ", "),
                     ranks.back());
}

bool has_capability(const fs::path& proc, int capability) {
  std::istringstream text(value_of(proc / "self/status", "CapEff"));
  std::uint64_t bits = 0;
  text >> std::hex >> bits;
  return (bits >> capability & 1) != 0;
}

}  // namespace tutti::cli::doctor
