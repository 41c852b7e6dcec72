// Tested by topology_text_test.cc.

#include "topology/text_tree.h"

#include <algorithm>

namespace tutti {
namespace {

// Whether another line hangs on the same branch, `depth` deep, after line `i`.
bool goes_on(const std::vector<TreeLine>& lines, std::size_t i, int depth) {
  for (std::size_t next = i + 1; next < lines.size(); ++next) {
    if (lines[next].depth < depth) return false;
    if (lines[next].depth == depth) return true;
  }
  return false;
}

std::string branches(const std::vector<TreeLine>& lines, std::size_t i) {
  std::string text;
  for (int depth = 0; depth < lines[i].depth; ++depth) {
    text += goes_on(lines, i, depth) ? "│  " : "   ";
  }
  return text + (goes_on(lines, i, lines[i].depth) ? "├─ " : "└─ ");
}

std::vector<int> column_widths(const std::vector<TreeLine>& lines) {
  std::vector<int> widths;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::vector<std::string> cells = lines[i].cells;
    if (cells.empty()) continue;  // a title alone may be as long as it likes
    cells.insert(cells.begin(), branches(lines, i) + lines[i].title);
    widths.resize(std::max(widths.size(), cells.size()));
    for (std::size_t c = 0; c < cells.size(); ++c) {
      widths[c] = std::max(widths[c], width_of(cells[c]));
    }
  }
  return widths;
}

void strip_blanks(std::string& line) { line.resize(line.find_last_not_of(' ') + 1); }

}  // namespace

int width_of(const std::string& text) {
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
  return static_cast<int>(text.size()) -
         static_cast<int>(std::count_if(text.begin(), text.end(), continues));
}

std::string padded(std::string text, int width) {
  text.append(static_cast<std::size_t>(std::max(0, width - width_of(text))), ' ');
  return text;
}

std::string tree_text(const std::vector<TreeLine>& lines) {
  const std::vector<int> widths = column_widths(lines);
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string line = branches(lines, i) + lines[i].title;
    for (std::size_t c = 0; c < lines[i].cells.size(); ++c) {
      line = padded(line, c == 0 ? widths[0] : 0) + "  " + padded(lines[i].cells[c], widths[c + 1]);
    }
    strip_blanks(line);
    text += line + "\n";
  }
  return text;
}

}  // namespace tutti
