// Figures in sentences. Tested by planner_advice_test.cc.

#pragma once

#include <cstdio>
#include <string>

namespace tutti::planner {

/// "79.1 GiB".
inline std::string gibibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", bytes / (1 << 30));
  return text;
}

}  // namespace tutti::planner
