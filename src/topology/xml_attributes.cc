// Tested by topology_xml_test.cc.

#include "topology/xml_attributes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "topology/number_list.h"

namespace tutti {
namespace {

std::optional<long> to_integer(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  if (hexadecimal && text.starts_with('-')) return std::nullopt;
  long number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, hexadecimal ? 16 : 10);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// A value as a sentence can hold it.
std::string shown(std::string_view value) {
  constexpr std::size_t kLongest = 60;
  const bool whole = value.size() <= kLongest;
  return sentence({"\"", value.substr(0, kLongest), whole ? "\"" : "…\""});
}

std::optional<double> to_real(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

}  // namespace

XmlAttributes::XmlAttributes(pugi::xml_node element, XmlReading& reading)
    : element_(element), reading_(reading) {
  for (const pugi::xml_attribute attribute : element.attributes()) {
    if (!left_.emplace(attribute.name(), attribute.value()).second) {
      reading.fail(element, sentence({"<", element.name(), "> has ", attribute.name(),
                                      " twice: expected it once"}));
    }
  }
}

bool XmlAttributes::take(const char* name, std::string& value) {
  const auto found = left_.find(name);
  if (found == left_.end()) return false;
  value = std::move(found->second);
  left_.erase(found);
  return true;
}

void XmlAttributes::wrong(const char* name, std::string_view value, std::string_view expected) {
  reading_.fail(element_, sentence({name, "=", shown(value), ": expected ", expected}));
}

void XmlAttributes::lacks(const char* name, std::string_view expected) {
  reading_.fail(element_,
                sentence({"<", element_.name(), "> lacks ", name, ": expected ", expected}));
}

std::string XmlAttributes::text(const char* name) {
  std::string value;
  take(name, value);
  return value;
}

std::string XmlAttributes::needed_text(const char* name, std::string_view expected) {
  const std::string value = text(name);
  if (value.empty()) lacks(name, expected);
  return value;
}

long XmlAttributes::as_integer(const char* name, const std::string& value, IntegerRange range) {
  const std::optional<long> number = to_integer(value);
  if (!number) {
    wrong(name, value, "an integer");
  } else if (*number < range.first || *number > range.last) {
    wrong(name, value,
          sentence({"an integer from ", std::to_string(range.first), " to ",
                    std::to_string(range.last)}));
  } else {
    return *number;
  }
  return 0;
}

long XmlAttributes::integer(const char* name, long otherwise, IntegerRange range) {
  std::string value;
  return take(name, value) ? as_integer(name, value, range) : otherwise;
}

long XmlAttributes::needed_integer(const char* name, IntegerRange range) {
  std::string value;
  if (take(name, value)) return as_integer(name, value, range);
  lacks(name, "an integer");
  return 0;
}

double XmlAttributes::real(const char* name) {
  std::string value;
  if (!take(name, value)) return 0;
  const std::optional<double> number = to_real(value);
  if (!number || *number < 0) wrong(name, value, "a number, 0 or more");
  return number.value_or(0);
}

bool XmlAttributes::flag(const char* name) { return integer(name, 0) != 0; }

std::string XmlAttributes::list_text(const char* name) {
  std::string value = text(name);
  for (const pugi::xml_node child : element_.children()) {
    if (std::strcmp(child.name(), "more") != 0) {
      reading_.note_unknown(child);
      continue;
    }
    XmlAttributes more(child, reading_);
    value.append(",").append(more.text(name));
    more.note_rest();
  }
  return value;
}

std::vector<int> XmlAttributes::list(const char* name) {
  const std::string value = list_text(name);
  std::optional<std::vector<int>> numbers = from_list(value, reading_.numbers_left());
  if (!numbers) {
    wrong(name, value, "numbers and ranges below 65536, split by commas, as in 0-3,8");
    return {};
  }
  reading_.count_numbers(numbers->size());
  return std::move(*numbers);
}

std::vector<int> XmlAttributes::set(const char* name) {
  std::vector<int> numbers = list(name);
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

std::vector<int> XmlAttributes::mask(const char* name) {
  const std::string value = text(name);
  std::optional<std::vector<int>> processors = from_mask(value);
  if (!processors) wrong(name, value, "hexadecimal groups of 32 bits, split by commas");
  return std::move(processors).value_or(std::vector<int>());
}

void XmlAttributes::note_rest() {
  for (const auto& [name, value] : left_) {
    reading_.note(element_, sentence({name, "=", shown(value), " of <", element_.name(),
                                      "> is not known and left out"}));
  }
}

}  // namespace tutti
