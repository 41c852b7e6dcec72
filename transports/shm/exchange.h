// An all-gather of values or failures, so that one rank's failure becomes everybody's error.
//
// Tested by shm_test.cc.

#pragma once

#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "bootstrap/bootstrap.h"

namespace tutti::shm {

/// A code, then the value's bytes or the message.
template <class T>
std::string encode(const Result<T>& result) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::string text(1, static_cast<char>(result.status().code()));
  if (!result.ok()) return text + result.status().message();
  text.resize(1 + sizeof(T));
  std::memcpy(text.data() + 1, &*result, sizeof(T));
  return text;
}

template <class T>
Result<T> decode(const std::string& text) {
  if (!text.empty() && text[0] != static_cast<char>(Code::kOk)) {
    return Status(static_cast<Code>(text[0]), text.substr(1));
  }
  if (text.size() != 1 + sizeof(T)) {
    return Status(Code::kMismatch, "sent " + std::to_string(text.size()) + " bytes, expected " +
                                       std::to_string(1 + sizeof(T)) +
                                       ": do all ranks run the same version of tutti?");
  }
  T value;
  std::memcpy(&value, text.data() + 1, sizeof(T));
  return value;
}

/// What every rank gave, in rank order; an error only when the ranks could not meet. Collective.
template <class T>
Result<std::vector<Result<T>>> exchange(Bootstrap& bootstrap, const Result<T>& mine,
                                        Deadline deadline) {
  Result<std::vector<std::string>> texts = bootstrap.all_gather(encode(mine), deadline);
  if (!texts.ok()) return texts.status();
  std::vector<Result<T>> results;
  for (const std::string& text : *texts) results.push_back(decode<T>(text));
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

}  // namespace tutti::shm
