// Ranks as threads of this process, each with its communicator.

#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <vector>

#include "processes.h"
#include "tutti/tutti.h"

namespace tutti::test {

/// Options whose deadline is short enough for a test to end by itself.
inline Options patient_options() {
  Options options;
  options.start_timeout = options.call_timeout = std::chrono::seconds(20);
  options.heap_bytes = std::size_t{64} << 20;
  return options;
}

/// The same with a deadline for calls that are meant to fail by it.
inline Options impatient_options(std::chrono::milliseconds call_timeout) {
  Options options = patient_options();
  options.call_timeout = call_timeout;
  return options;
}

/// Runs `body` on every rank at once. A communicator lives until every rank's body has ended.
inline void on_ranks(int ranks, const Options& options,
                     const std::function<void(Communicator&)>& body) {
  Result<std::vector<Communicator>> made = Communicator::threads(ranks, options);
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  run_ranks_as_threads(ranks, [&](int rank) {
    body((*made)[rank]);
    return 0;
  });
}

inline void on_ranks(int ranks, const std::function<void(Communicator&)>& body) {
  on_ranks(ranks, patient_options(), body);
}

}  // namespace tutti::test

/// EXPECT that a Status or Result is OK, else print it.
#define EXPECT_OK(expression)                                   \
  do {                                                          \
    const ::tutti::Status status_of_it = (expression);          \
    EXPECT_TRUE(status_of_it.ok()) << status_of_it.to_string(); \
  } while (false)

#define ASSERT_OK(expression)                                   \
  do {                                                          \
    const ::tutti::Status status_of_it = (expression);          \
    ASSERT_TRUE(status_of_it.ok()) << status_of_it.to_string(); \
  } while (false)
