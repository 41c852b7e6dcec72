// Tested by number_list_test.cc.

#include "topology/number_list.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>

#include "base/check.h"

namespace tutti {
namespace {

// The part before `separator`, which is taken off `text` together with it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view head = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return head;
}

template <class Number>
std::optional<Number> whole_number(std::string_view text, int base) {
  Number number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || stop != end || text.front() == '-') return std::nullopt;
  return number;
}

std::optional<int> list_number(std::string_view text) {
  const std::optional<int> number = whole_number<int>(text, 10);
  return number && *number < kNumberLimit ? number : std::nullopt;
}

// "4" or "4-7".
bool append_run(std::string_view run, std::vector<int>& numbers, std::size_t most) {
  const std::size_t dash = run.find('-');
  const std::optional<int> first = list_number(run.substr(0, dash));
  const std::optional<int> last =
      dash == std::string_view::npos ? first : list_number(run.substr(dash + 1));
  if (!first || !last || *first > *last) return false;
  if (numbers.size() + static_cast<std::size_t>(*last - *first) + 1 > most) return false;
  for (int number = *first; number <= *last; ++number) numbers.push_back(number);
  return true;
}

}  // namespace

std::string to_list(const std::vector<int>& numbers) {
  std::string text;
  for (std::size_t first = 0; first < numbers.size();) {
    std::size_t last = first;
    while (last + 1 < numbers.size() && numbers[last + 1] - 1 == numbers[last]) ++last;
    if (!text.empty()) text += ',';
    text += std::to_string(numbers[first]);
    if (last > first) text.append("-").append(std::to_string(numbers[last]));
    first = last + 1;
  }
  return text;
}

std::optional<std::vector<int>> from_list(std::string_view text, std::size_t most) {
  std::vector<int> numbers;
  if (text.ends_with(',')) return std::nullopt;
  while (!text.empty()) {
    if (!append_run(take_until(text, ','), numbers, most)) return std::nullopt;
  }
  return numbers;
}

std::string to_mask(const std::vector<int>& processors) {
  std::vector<std::uint32_t> groups(1);  // lowest first
  for (const int processor : processors) {
    TUTTI_CHECK(processor >= 0 && processor < kNumberLimit, "processor %d", processor);
    const std::size_t group = static_cast<std::size_t>(processor) / 32;
    if (group >= groups.size()) groups.resize(group + 1);
    groups[group] |= std::uint32_t{1} << (processor % 32);
  }
  std::string text;
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    char digits[10];
    std::snprintf(digits, sizeof digits, "%s%08x", text.empty() ? "" : ",", *group);
    text += digits;
  }
  return text;
}

std::optional<std::vector<int>> from_mask(std::string_view text) {
  std::vector<std::uint32_t> groups;  // highest first
  if (text.ends_with(',')) return std::nullopt;
  while (!text.empty()) {
    std::string_view digits = take_until(text, ',');
    if (digits.starts_with("0x")) digits.remove_prefix(2);
    const std::optional<std::uint32_t> group = whole_number<std::uint32_t>(digits, 16);
    if (!group || groups.size() == kNumberLimit / 32) return std::nullopt;
    groups.push_back(*group);
  }
  std::vector<int> processors;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    for (int bit = 0; bit < 32; ++bit) {
      const std::uint32_t bits = groups[groups.size() - 1 - group];
      if (bits >> bit & 1) processors.push_back(static_cast<int>(group) * 32 + bit);
    }
  }
  return processors;
}

std::vector<std::string> in_pieces(std::string_view list, std::size_t longest) {
  std::vector<std::string> pieces;
  while (!list.empty()) {
    const std::string_view run = take_until(list, ',');
    if (pieces.empty() || pieces.back().size() + 1 + run.size() > longest) {
      pieces.emplace_back(run);
    } else {
      pieces.back().append(",").append(run);
    }
  }
  return pieces;
}

}  // namespace tutti
