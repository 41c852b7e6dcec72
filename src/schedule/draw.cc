// The time line as text. Tested by draw_test.cc.

#include "schedule/draw.h"

#include <algorithm>
#include <string>
#include <vector>

#include "schedule/shape.h"
#include "schedule/timeline.h"

namespace tutti {
namespace {

using Column = std::vector<std::string>;  // a cell per time unit

constexpr const char* kIdle = ".";

// A rank's cells: its steps, and dots while it waits.
Column draw_rank(const Program& program, const std::vector<Timeline::Moment>& moments, int units) {
  Column column;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    column.resize(moments[i].unit, kIdle);
    column.push_back(dump(program.steps[i]));
  }
  const bool stuck = moments.size() < program.steps.size();
  column.resize(units, stuck ? kIdle : "");
  return column;
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

std::size_t width_of(const Column& column) {
  std::size_t width = 0;
  for (const std::string& cell : column) width = std::max(width, cell.size());
  return width;
}

void strip_blanks(std::string& line) { line.resize(line.find_last_not_of(' ') + 1); }

}  // namespace

std::string draw_text(const Schedule& schedule) {
  if (std::string wrong = check_shape(schedule); !wrong.empty()) return wrong + "\n";
  const Timeline time = timeline(schedule);
  std::vector<Column> columns;
  Column units{"time"};
  for (int unit = 0; unit < time.units; ++unit) units.push_back(std::to_string(unit));
  columns.push_back(units);
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    Column column = draw_rank(schedule.at(rank), time.steps[rank], time.units);
    column.insert(column.begin(), "rank " + std::to_string(rank));
    columns.push_back(std::move(column));
  }

  std::string text;
  for (int row = 0; row < time.units + 1; ++row) {
    std::string line;
    for (const Column& column : columns) line += padded(column[row], width_of(column)) + "  ";
    strip_blanks(line);
    text += line + "\n";
  }
  return text;
}

}  // namespace tutti
