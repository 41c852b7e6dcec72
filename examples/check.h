// What the examples do about failures: print the sentence and end. Tutti itself never does.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tutti/tutti.h"

/// Ends the program unless all is well.
inline void check(const tutti::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::exit(1);
}

/// The value, or the end of the program.
template <class T>
T check(tutti::Result<T> result) {
  check(result.status());
  return std::move(*result);
}

/// Ends the program unless the result is the one expected.
inline void expect(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(1);
}
