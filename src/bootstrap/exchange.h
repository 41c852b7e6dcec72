// An all-gather of values or failures, so that one rank's failure becomes everybody's error.
//
// Tested by shm_test.cc, ucx_test.cc, heartbeat_test.cc and enqueue_test.cc.

#pragma once

#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "bootstrap/bootstrap.h"

namespace tutti {

/// What every rank gave, in rank order; an error only when the ranks could not meet. Collective.
inline Result<std::vector<Result<std::string>>> exchange_texts(Bootstrap& bootstrap,
                                                               const Result<std::string>& mine,
                                                               Deadline deadline) {
  // A code, then the text or the message.
  const std::string code(1, static_cast<char>(mine.status().code()));
  Result<std::vector<std::string>> texts =
      bootstrap.all_gather(code + (mine.ok() ? *mine : mine.status().message()), deadline);
  if (!texts.ok()) return texts.status();
  std::vector<Result<std::string>> results;
  for (const std::string& text : *texts) {
    const Code theirs = text.empty() ? Code::kMismatch : static_cast<Code>(text[0]);
    const std::string rest = text.empty() ? "sent nothing" : text.substr(1);
    if (theirs == Code::kOk) {
      results.emplace_back(rest);
    } else {
      results.emplace_back(Status(theirs, rest));
    }
  }
  return results;
}

/// The same with values that travel as bytes.
template <class T>
Result<std::vector<Result<T>>> exchange(Bootstrap& bootstrap, const Result<T>& mine,
                                        Deadline deadline) {
  static_assert(std::is_trivially_copyable_v<T>);
  Result<std::string> text = mine.status();
  if (mine.ok()) text = std::string(reinterpret_cast<const char*>(&*mine), sizeof(T));
  const auto texts = exchange_texts(bootstrap, text, deadline);
  if (!texts.ok()) return texts.status();
  std::vector<Result<T>> results;
  for (const Result<std::string>& theirs : *texts) {
    if (!theirs.ok()) {
      results.emplace_back(theirs.status());
    } else if (theirs->size() != sizeof(T)) {
      results.emplace_back(
          Status(Code::kMismatch, "sent " + std::to_string(theirs->size()) + " bytes, expected " +
                                      std::to_string(sizeof(T)) +
                                      ": do all ranks run the same version of tutti?"));
    } else {
      T value;
      std::memcpy(&value, theirs->data(), sizeof(T));
      results.emplace_back(value);
    }
  }
  return results;
}

/// The values, or the failure of the first rank that failed, naming it: the same on all ranks.
template <class T>
Result<std::vector<T>> all_values(const std::vector<Result<T>>& results) {
  std::vector<T> values;
  for (std::size_t rank = 0; rank < results.size(); ++rank) {
    const Result<T>& result = results[rank];
    if (!result.ok()) {
      return Status(result.status().code(),
                    "rank " + std::to_string(rank) + ": " + result.status().message());
    }
    values.push_back(*result);
  }
  return values;
}

/// The texts of all ranks, or the failure of the first rank that failed: the same on all ranks.
/// Collective.
inline Result<std::vector<std::string>> exchange_or_fail(Bootstrap& bootstrap,
                                                         const Result<std::string>& mine,
                                                         Deadline deadline) {
  const auto texts = exchange_texts(bootstrap, mine, deadline);
  if (!texts.ok()) return texts.status();
  return all_values(*texts);
}

/// OK when it is on every rank; otherwise the first rank's failure, naming it. Collective.
inline Status agree(Bootstrap& bootstrap, const Status& mine, Deadline deadline) {
  Result<std::string> text = std::string();
  if (!mine.ok()) text = mine;
  return exchange_or_fail(bootstrap, text, deadline).status();
}

}  // namespace tutti
