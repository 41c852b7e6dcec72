// Reads a model's config.json field by field: what is missing, of another kind, or not computed
// here is refused, naming file, field and value, with what would be accepted.
//
// Tested by train_llama_config_test.cc and train_mamba_config_test.cc.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::train {

using Json = nlohmann::json;

/// Infinity, which JSON has not and Python writes, becomes null.
Json parse_config(std::string_view text, const std::string& file);

/// An object of a document, whose fields are asked for by name. null counts as absent. The document
/// must outlive it.
class Fields {
 public:
  Fields(const Json& json, std::string where);

  bool has(const char* name) const { return json_.contains(name) && !json_.at(name).is_null(); }
  const Json& at(const char* name) const { return json_.at(name); }
  Fields object(const char* name) const { return {json_.at(name), where_ + ": " + name}; }

  [[noreturn]] void fail(const char* name, const std::string& expected) const;

  /// Numbers above 0.
  long count(const char* name) const;
  long count(const char* name, long otherwise) const { return has(name) ? count(name) : otherwise; }
  double number(const char* name) const;
  double number(const char* name, double otherwise) const {
    return has(name) ? number(name) : otherwise;
  }
  std::string text(const char* name, const char* otherwise) const;
  bool flag(const char* name, bool otherwise) const;
  /// A whole number, or a list of them; none where it is absent.
  std::vector<long> numbers(const char* name) const;
  /// What is computed here has only this value, and so has what is absent.
  void must_be(const char* name, const Json& value) const;
  /// There are no others.
  void must_be_among(const std::vector<std::string_view>& names) const;

 private:
  const Json& json_;
  const std::string where_;
};

/// null, a number or a list: what numbers() reads.
Json tokens_json(const std::vector<long>& tokens);

}  // namespace tutti::train
