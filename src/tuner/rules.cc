#include "tuner/rules.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "algorithms/catalog.h"
#include "plan/cut.h"

namespace tutti {
namespace {

// One line, word by word.
class Line {
 public:
  Line(int number, const std::string& text) : number_(number), text_(text), words_(text) {}

  // Nothing for a line without a rule.
  Result<std::optional<Rule>> read() {
    std::string word;
    if (!(words_ >> word) || word[0] == '#') return std::optional<Rule>();
    Status status = collective(word);
    while (status.ok() && words_ >> word && word != "->") status = condition(word);
    if (status.ok() && word != "->") status = wrong("\"->\" and an algorithm");
    bool says_something = false;
    while (status.ok() && words_ >> word && word[0] != '#') {
      status = consequence(word);
      says_something = true;
    }
    if (status.ok() && !says_something)
      status = wrong("an algorithm, tile= or lanes= behind \"->\"");
    if (!status.ok()) return status;
    return std::optional<Rule>(rule_);
  }

 private:
  Status collective(const std::string& word) {
    if (word == "*") return {};
    rule_.collective = parse_collective(word);
    return rule_.collective ? Status() : wrong("a collective or * instead of " + word);
  }

  Status condition(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (name == "bytes") return range(word, value, rule_.bytes);
    if (name == "ranks") return range(word, value, rule_.ranks);
    if (name == "hosts") return range(word, value, rule_.hosts);
    if (name != "type") return wrong("bytes=, ranks=, hosts= or type= instead of " + word);
    rule_.type = parse_data_type(value);
    return rule_.type ? Status() : wrong("a data type instead of " + word);
  }

  Status consequence(const std::string& word) {
    if (word.starts_with("tile=")) {
      const auto bytes = number(word.substr(5));
      if (!bytes || *bytes < kScratchAlignment) return wrong("tile=64 or more instead of " + word);
      rule_.tile_bytes = *bytes;
      return {};
    }
    if (word.starts_with("lanes=")) {
      const auto lanes = number(word.substr(6));
      if (!lanes || *lanes < 1 || *lanes > kMostLanes)
        return wrong("lanes=1 to 16 instead of " + word);
      rule_.lanes = static_cast<int>(*lanes);
      return {};
    }
    const bool known = std::any_of(catalog().begin(), catalog().end(), [&](const Algorithm& a) {
      return a.name == word && (!rule_.collective || a.collective == *rule_.collective);
    });
    if (!known) return wrong("an algorithm (docs/algorithms.md) instead of " + word);
    rule_.algorithm = word;
    return {};
  }

  // "16K", "16K..1M", "..1M", "1M.."
  Status range(const std::string& word, const std::string& text, Bounds& range) {
    const std::size_t dots = text.find("..");
    const std::string least = text.substr(0, dots);
    const std::string most = dots == std::string::npos ? least : text.substr(dots + 2);
    const auto low = least.empty() ? Bounds().least : number(least);
    const auto high = most.empty() ? Bounds().most : number(most);
    if (text.empty() || !low || !high || *low > *high) {
      return wrong("a number or a range such as 16K..1M instead of " + word);
    }
    range = {*low, *high};
    return {};
  }

  static std::optional<std::size_t> number(const std::string& text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string suffix(end, text.data() + text.size());
    const std::size_t at = std::string("KMG").find(suffix.empty() ? '?' : suffix[0]);
    if (error != std::errc() || suffix.size() > 1) return std::nullopt;
    if (suffix.empty()) return value;
    if (at == std::string::npos || value > (std::size_t{1} << 30)) return std::nullopt;
    return value << 10 * (at + 1);
  }

  Status wrong(const std::string& expected) const {
    return {Code::kInvalidArgument,
            "rules line " + std::to_string(number_) + ": \"" + text_ + "\": expected " + expected};
  }

  const int number_;
  const std::string& text_;
  std::istringstream words_;
  Rule rule_;
};

}  // namespace

Result<Rules> Rules::parse(std::string_view text) {
  Rules rules;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    Result<std::optional<Rule>> rule = Line(number, line).read();
    if (!rule.ok()) return rule.status();
    if (*rule) rules.rules_.push_back(std::move(**rule));
  }
  return rules;
}

const Rule* Rules::find(Collective collective, DataType type, std::size_t bytes,
                        const Group& group) const {
  for (const Rule& rule : rules_) {
    if (rule.collective && *rule.collective != collective) continue;
    if (rule.type && *rule.type != type) continue;
    if (!rule.bytes.holds(bytes) || !rule.ranks.holds(group.ranks)) continue;
    if (!rule.hosts.holds(group.host_count())) continue;
    return &rule;
  }
  return nullptr;
}

}  // namespace tutti
