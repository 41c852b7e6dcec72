// One reading of a JSON document: a value together with where it is, so that what is wrong with it
// can be said: "plan.json: gpus[0].threadblocks[2].ops[1].name: expected a text".
//
// Whoever asks for what is not there gets a stand-in and goes on; the first such sentence is kept.
// Tested by import_formats_test.cc.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/status.h"

namespace tutti {

class JsonReading {
 public:
  explicit JsonReading(std::string file) : file_(std::move(file)) {}

  void fail(const std::string& where, std::string_view what, Code code = Code::kInvalidArgument);
  bool failed() const { return !error_.ok(); }
  Status error() const { return error_; }

 private:
  std::string file_;
  Status error_;
};

class JsonValue {
 public:
  /// Both must outlive it.
  JsonValue(const nlohmann::json& value, std::string where, JsonReading& reading)
      : value_(&value), where_(std::move(where)), reading_(&reading) {}

  bool has(const char* name) const { return value_->is_object() && value_->contains(name); }

  std::string text(const char* name) const;
  int integer(const char* name, int least, int most) const;
  bool flag(const char* name) const;
  JsonValue object(const char* name) const;
  /// Empty where there is no such member.
  std::vector<JsonValue> list(const char* name) const;
  std::vector<int> integers(const char* name, int least, int most) const;

  void fail(std::string_view what, Code code = Code::kInvalidArgument) const {
    reading_->fail(where_, what, code);
  }

 private:
  JsonValue member(const char* name) const;
  int as_integer(int least, int most) const;

  const nlohmann::json* value_;
  std::string where_;
  JsonReading* reading_;
};

}  // namespace tutti
