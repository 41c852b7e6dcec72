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

/// Ranks do not work together any more, for one is gone: others may go on without it.
struct LostRank : Failure {
  using Failure::Failure;
};

inline void must(const Status& status) {
  if (status.ok()) return;
  const bool is_lost = status.code() == Code::kPeerLost || status.code() == Code::kTimeout ||
                       status.code() == Code::kAborted;
  if (is_lost) throw LostRank(status.message());
  throw Failure(status.message());
}

template <class T>
T must(Result<T> result) {
  must(result.status());
  return std::move(*result);
}

}  // namespace tutti::train
