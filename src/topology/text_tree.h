// A tree as lines of text, with columns beside it. Tested by topology_text_test.cc.

#pragma once

#include <string>
#include <vector>

namespace tutti {

/// A line of the tree. Cells of all lines stand below each other, two blanks apart.
struct TreeLine {
  int depth = 0;  // 0: directly below the root
  std::string title;
  std::vector<std::string> cells;
};

/// Characters that a text takes on a screen. REQUIRES: UTF-8, no wide ones.
int width_of(const std::string& text);

/// The text, with blanks behind it up to the width.
std::string padded(std::string text, int width);

/// The lines, with branches before their titles. REQUIRES: a line is at most one deeper than the
/// one before.
std::string tree_text(const std::vector<TreeLine>& lines);

}  // namespace tutti
