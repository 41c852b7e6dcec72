// Tested by cli_perf_options_test.cc.

#include "cli/names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

namespace tutti::cli {
namespace {

template <class Enum>
std::vector<Enum> all_of(int count) {
  std::vector<Enum> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<Enum>(i));
  return values;
}

// Without what people leave out or write otherwise: "All-Reduce" is "allreduce".
std::string plain(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    if (c != '_' && c != '-') letters += static_cast<char>(std::tolower(c));
  }
  return letters;
}

template <class Enum>
Result<std::vector<Enum>> parse_list(const std::string& subject, const std::string& text,
                                     const std::vector<Enum>& all) {
  if (text == "all") return all;
  std::vector<Enum> values;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](Enum e) { return plain(name(e)) == plain(part); });
    if (found == all.end()) break;
    values.push_back(*found);
  }
  const auto parts_given = std::count(text.begin(), text.end(), ',') + 1;
  if (static_cast<std::ptrdiff_t>(values.size()) == parts_given) return values;

  std::vector<std::string_view> names;
  for (const Enum value : all) names.push_back(name(value));
  return Status(Code::kInvalidArgument, fmt::format("{} {}: expected all, or some of {}", subject,
                                                    text, fmt::join(names, ", ")));
}

}  // namespace

Result<std::vector<Collective>> parse_collectives(const std::string& text) {
  return parse_list("collective", text, all_of<Collective>(kCollectives));
}

Result<std::vector<DataType>> parse_data_types(const std::string& option, const std::string& text) {
  return parse_list(option, text, all_of<DataType>(kDataTypes));
}

Result<std::vector<Reduction>> parse_reductions(const std::string& option,
                                                const std::string& text) {
  return parse_list(option, text, all_of<Reduction>(kReductions));
}

}  // namespace tutti::cli
