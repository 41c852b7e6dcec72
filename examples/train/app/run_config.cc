#include "train/app/run_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "train/data/mapped_file.h"
#include "train/failure.h"
#include "train/overload.h"

namespace tutti::train {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void fail(const Field& field, std::string_view text, const std::string& expected) {
  throw Failure(fmt::format("{} {}: expected {}", field.name, text, expected));
}

template <class Number>
Number number_of(const Field& field, std::string_view text) {
  constexpr bool kWhole = std::is_integral_v<Number>;
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  const bool good =
      read.ec == std::errc() && read.ptr == end && number >= field.least && number <= field.most;
  if (good) return number;
  const std::string kind = kWhole ? "a whole number" : "a number";
  fail(field, text,
       field.most < kUnlimited ? fmt::format("{} from {} to {}", kind, field.least, field.most)
                               : fmt::format("{}, at least {}", kind, field.least));
}

bool is_choice(std::string_view choices, std::string_view text) {
  for (std::size_t begin = 0; begin <= choices.size();) {
    const std::size_t end = std::min(choices.find('|', begin), choices.size());
    if (choices.substr(begin, end - begin) == text) return true;
    begin = end + 1;
  }
  return false;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// A value of the file as the text that the line would have.
std::string text_of(const Field& field, const Json& value, const std::string& file) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  const bool texts = value.is_array() && std::all_of(value.begin(), value.end(),
                                                     [](const Json& v) { return v.is_string(); });
  if (texts && std::holds_alternative<std::vector<std::string> RunConfig::*>(field.member)) {
    return fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), ","));
  }
  throw Failure(fmt::format("{}: {} is {}; expected a value such as {}", file, field.name,
                            value.dump(), text_of(RunConfig{}, field)));
}

bool is_flag(const Field& field) { return std::holds_alternative<bool RunConfig::*>(field.member); }
bool is_list(const Field& field) {
  return std::holds_alternative<std::vector<std::string> RunConfig::*>(field.member);
}

// One field of the line, and its value.
struct Given {
  std::string name;
  std::string value;
};

// "--name value", "--name=value", flags alone, lists up to the next field.
std::vector<Given> split_line(std::span<const std::string> line, Command command) {
  std::vector<Given> given;
  for (std::size_t i = 0; i < line.size();) {
    std::string_view word = line[i++];
    if (!word.starts_with("--")) {
      throw Failure(fmt::format("\"{}\": expected --NAME VALUE", word));
    }
    word.remove_prefix(2);
    const std::size_t equals = word.find('=');
    const std::string name(word.substr(0, equals));
    const Field* const field = name == "config" ? nullptr : &field_named(name, command);
    const auto has_value = [&] { return i < line.size() && !line[i].starts_with("--"); };
    if (equals != word.npos) {
      given.push_back({name, std::string(word.substr(equals + 1))});
    } else if (field != nullptr && is_flag(*field)) {
      given.push_back({name, has_value() ? line[i++] : "true"});
    } else if (!has_value()) {
      throw Failure(fmt::format("--{}: expected a value after it", name));
    } else {
      given.push_back({name, line[i++]});
      while (field != nullptr && is_list(*field) && has_value()) {
        given.back().value += "," + line[i++];
      }
    }
  }
  return given;
}

Json value_of(const RunConfig& config, const Field& field) {
  return std::visit([&](const auto member) { return Json(config.*member); }, field.member);
}

}  // namespace

RunConfig defaults_of(ModelFamily family) {
  RunConfig config;
  config.family = family;
  if (family == ModelFamily::kMamba) config.model = "mamba2-tiny";
  return config;
}

void set_field(RunConfig& config, const Field& field, std::string_view text) {
  std::visit(Overload{
                 [&](long RunConfig::*m) { config.*m = number_of<long>(field, text); },
                 [&](double RunConfig::*m) { config.*m = number_of<double>(field, text); },
                 [&](bool RunConfig::*m) {
                   if (text != "true" && text != "false") fail(field, text, "true or false");
                   config.*m = text == "true";
                 },
                 [&](std::string RunConfig::*m) {
                   if (!field.choices.empty() && !is_choice(field.choices, text)) {
                     fail(field, text, "one of " + std::string(field.choices));
                   }
                   config.*m = text;
                 },
                 [&](std::vector<std::string> RunConfig::*m) { config.*m = split(text); },
             },
             field.member);
}

std::string text_of(const RunConfig& config, const Field& field) {
  const Json value = value_of(config, field);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    return fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), ","));
  }
  return value.dump();
}

void read_json(RunConfig& config, std::string_view text, const std::string& file, Command command) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw Failure(fmt::format("{}: at byte {}: expected JSON", file, error.byte));
  }
  if (!json.is_object()) throw Failure(file + R"(: expected an object such as {"steps": 100})");
  for (const auto& [name, value] : json.items()) {
    try {
      const Field& field = field_named(name, command);
      set_field(config, field, text_of(field, value, file));
    } catch (const Failure& failure) {
      throw Failure(file + ": " + failure.what());
    }
  }
}

RunConfig read_config(std::span<const std::string> line, Command command,
                      const RunConfig& defaults) {
  RunConfig config = defaults;
  const std::vector<Given> given = split_line(line, command);
  for (const auto& [name, value] : given) {
    if (name == "config") read_json(config, MappedFile(value).text(), value, command);
  }
  for (const auto& [name, value] : given) {
    if (name != "config") set_field(config, field_named(name, command), value);
  }
  return config;
}

std::string to_json(const RunConfig& config, Command command) {
  Json json = Json::object();
  for (const Field& field : fields()) {
    if (is_of(field, command)) json[std::string(field.name)] = value_of(config, field);
  }
  return json.dump(2) + "\n";
}

std::string help(Command command, const RunConfig& defaults) {
  std::string text = fmt::format("  {:<30} {}\n", "--config FILE",
                                 "settings as JSON: {\"steps\": 100, …}; those here count more");
  for (const Field& field : fields()) {
    if (!is_of(field, command)) continue;
    const std::string value = text_of(defaults, field);
    text += fmt::format("  {:<30} {}\n", fmt::format("--{} {}", field.name, value),
                        field.choices.empty() ? std::string(field.help)
                                              : fmt::format("{}: {}", field.help, field.choices));
  }
  return text;
}

}  // namespace tutti::train
