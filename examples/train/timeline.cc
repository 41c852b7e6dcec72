#include "train/timeline.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tutti::train {

void Timeline::add(const std::string& row, std::string name, Clock::time_point begin,
                   Clock::time_point end) {
  if (!on_) return;
  const auto found = std::find(rows_.begin(), rows_.end(), row);
  const auto at = static_cast<std::size_t>(found - rows_.begin());
  if (found == rows_.end()) {
    rows_.push_back(row);
    ends_.push_back(begin);
  }
  begin = std::max(begin, ends_[at]);
  ends_[at] = std::max(begin, end);
  spans_.push_back({at, std::move(name), begin, ends_[at]});
}

std::string Timeline::to_json() const {
  using Json = nlohmann::ordered_json;
  Json events = Json::array();
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    events.push_back({{"ph", "M"},
                      {"name", "thread_name"},
                      {"pid", 0},
                      {"tid", row},
                      {"args", {{"name", rows_[row]}}}});
  }
  const auto microseconds = [](auto duration) {
    return std::chrono::duration<double, std::micro>(duration).count();
  };
  for (const Span& span : spans_) {
    events.push_back({{"ph", "X"},
                      {"name", span.name},
                      {"pid", 0},
                      {"tid", span.row},
                      {"ts", microseconds(span.begin - spans_.front().begin)},
                      {"dur", microseconds(span.end - span.begin)}});
  }
  return Json({{"displayTimeUnit", "ms"}, {"traceEvents", events}}).dump() + "\n";
}

}  // namespace tutti::train
