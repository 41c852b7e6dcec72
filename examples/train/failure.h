// What ends a run: thrown anywhere in the trainer, caught in main(), which prints it.

#pragma once

#include <stdexcept>
#include <string>

#include "tutti/status.h"

namespace tutti::train {

/// A sentence for the person at the terminal: the value, and what was expected.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void must(const Status& status) {
  if (!status.ok()) throw Failure(status.message());
}

template <class T>
T must(Result<T> result) {
  if (!result.ok()) throw Failure(result.status().message());
  return std::move(*result);
}

}  // namespace tutti::train
