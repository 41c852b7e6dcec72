#include "train/config_fields.h"

#include <algorithm>

#include "train/failure.h"

namespace tutti::train {
namespace {

// Of the same length, so that places in the text stay true.
std::string without_infinity(std::string_view text) {
  constexpr std::string_view kInfinity = "Infinity";
  std::string json(text);
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (quoted && json[i] == '\\') {
      ++i;
    } else if (json[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && json.compare(i, kInfinity.size(), kInfinity) == 0) {
      json.replace(i, kInfinity.size(), "null    ");
    }
  }
  return json;
}

}  // namespace

Json parse_config(std::string_view text, const std::string& file) {
  try {
    return Json::parse(without_infinity(text));
  } catch (const Json::parse_error& error) {
    throw Failure(file + ": at byte " + std::to_string(error.byte) + ": expected JSON (" +
                  error.what() + ")");
  }
}

Fields::Fields(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
  if (!json.is_object()) throw Failure(where_ + ": expected an object");
}

void Fields::fail(const char* name, const std::string& expected) const {
  throw Failure(where_ + ": " + name +
                (has(name) ? " is " + json_.at(name).dump() : " is missing") + "; expected " +
                expected);
}

long Fields::count(const char* name) const {
  if (!has(name) || !json_.at(name).is_number_integer() || json_.at(name).get<long>() < 1) {
    fail(name, "a whole number above 0");
  }
  return json_.at(name).get<long>();
}

double Fields::number(const char* name) const {
  if (!has(name) || !json_.at(name).is_number() || !(json_.at(name).get<double>() > 0)) {
    fail(name, "a number above 0");
  }
  return json_.at(name).get<double>();
}

std::string Fields::text(const char* name, const char* otherwise) const {
  if (!has(name)) return otherwise;
  if (!json_.at(name).is_string()) fail(name, "a text");
  return json_.at(name).get<std::string>();
}

bool Fields::flag(const char* name, bool otherwise) const {
  if (!has(name)) return otherwise;
  if (!json_.at(name).is_boolean()) fail(name, "true or false");
  return json_.at(name).get<bool>();
}

std::vector<long> Fields::numbers(const char* name) const {
  if (!has(name)) return {};
  const Json& value = json_.at(name);
  const Json list = value.is_array() ? value : Json::array({value});
  std::vector<long> numbers;
  for (const Json& entry : list) {
    if (!entry.is_number_integer()) fail(name, "a whole number, or a list of them");
    numbers.push_back(entry.get<long>());
  }
  return numbers;
}

void Fields::must_be(const char* name, const Json& value) const {
  if (has(name) && json_.at(name) != value) fail(name, value.dump());
}

void Fields::must_be_among(const std::vector<std::string_view>& names) const {
  for (const auto& [name, value] : json_.items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string known;
    for (const std::string_view each : names) known.append(known.empty() ? "" : ", ").append(each);
    fail(name.c_str(), "only " + known);
  }
}

Json tokens_json(const std::vector<long>& tokens) {
  if (tokens.empty()) return nullptr;
  return tokens.size() == 1 ? Json(tokens.front()) : Json(tokens);
}

}  // namespace tutti::train
