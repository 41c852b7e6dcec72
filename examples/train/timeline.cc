#include "train/timeline.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tutti::train {

void Timeline::add(const std::string& row, std::string name, Clock::time_point begin,
                   Clock::time_point end) {
  if (!on_) return;
  const auto found = std::find(rows_.begin(), rows_.end(), row);
  const auto at = static_cast<std::size_t>(found - rows_.begin());
  if (found == rows_.end()) rows_.push_back(row);
  spans_.push_back({at, std::move(name), begin, end});
}

std::vector<Timeline::Span> Timeline::in_order() const {
  std::vector<Span> spans = spans_;
  std::stable_sort(spans.begin(), spans.end(),
                   [](const Span& a, const Span& b) { return a.begin < b.begin; });
  std::vector<Clock::time_point> ends(rows_.size());
  for (Span& span : spans) {
    span.begin = std::max(span.begin, ends[span.row]);
    span.end = ends[span.row] = std::max(span.begin, span.end);
  }
  return spans;
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
  const std::vector<Span> spans = in_order();
  for (const Span& span : spans) {
    events.push_back({{"ph", "X"},
                      {"name", span.name},
                      {"pid", 0},
                      {"tid", span.row},
                      {"ts", microseconds(span.begin - spans.front().begin)},
                      {"dur", microseconds(span.end - span.begin)}});
  }
  return Json({{"displayTimeUnit", "ms"}, {"traceEvents", events}}).dump() + "\n";
}

}  // namespace tutti::train
