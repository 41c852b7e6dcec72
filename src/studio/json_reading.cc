#include "studio/json_reading.h"

namespace tutti {
namespace {

const nlohmann::json& nothing() {
  static const nlohmann::json null;
  return null;
}

}  // namespace

void JsonReading::fail(const std::string& where, std::string_view what, Code code) {
  if (failed()) return;
  error_ = Status(code, file_ + ": " + where + (where.empty() ? "" : ": ") + std::string(what));
}

JsonValue JsonValue::member(const char* name) const {
  const bool there = has(name);
  return {there ? value_->at(name) : nothing(), where_.empty() ? name : where_ + "." + name,
          *reading_};
}

std::string JsonValue::text(const char* name) const {
  const JsonValue found = member(name);
  if (found.value_->is_string()) return found.value_->get<std::string>();
  found.fail("expected a text");
  return "";
}

int JsonValue::as_integer(int least, int most) const {
  if (value_->is_number_integer()) {
    const auto number = value_->get<std::int64_t>();
    if (number >= least && number <= most) return static_cast<int>(number);
  }
  fail("expected a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return least;
}

int JsonValue::integer(const char* name, int least, int most) const {
  return member(name).as_integer(least, most);
}

bool JsonValue::flag(const char* name) const {
  const JsonValue found = member(name);
  if (found.value_->is_boolean()) return found.value_->get<bool>();
  found.fail("expected true or false");
  return false;
}

JsonValue JsonValue::object(const char* name) const {
  const JsonValue found = member(name);
  if (!found.value_->is_object()) found.fail("expected an object");
  return found;
}

std::vector<JsonValue> JsonValue::list(const char* name) const {
  std::vector<JsonValue> values;
  if (!has(name)) return values;
  const JsonValue found = member(name);
  if (!found.value_->is_array()) found.fail("expected a list");
  for (std::size_t i = 0; found.value_->is_array() && i < found.value_->size(); ++i) {
    values.emplace_back(found.value_->at(i), found.where_ + "[" + std::to_string(i) + "]",
                        *reading_);
  }
  return values;
}

std::vector<int> JsonValue::integers(const char* name, int least, int most) const {
  std::vector<int> numbers;
  for (const JsonValue& value : list(name)) numbers.push_back(value.as_integer(least, most));
  return numbers;
}

}  // namespace tutti
