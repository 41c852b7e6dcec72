// What a call answers: Status, or a value or a Status (Result<T>).
//
// Expected failures (a bad argument, a lost peer, a deadline) are values, never exceptions. The
// message is a sentence that names the value and what was expected. Bugs in the library itself
// abort through TUTTI_CHECK (src/base/check.h).

#pragma once

#include <string>
#include <utility>
#include <variant>

#include "tutti/api.h"

namespace tutti {

enum class Code {
  kOk,
  kInvalidArgument,  // this rank's call is wrong: nothing was sent
  kMismatch,         // ranks called different things
  kTimeout,          // a deadline passed; the message says who is missing
  kPeerLost,         // a peer's process ended
  kAborted,          // the communicator was aborted, here or by a peer
  kNotSupported,     // a valid request that is not built, or not possible on this machine
  kSystem,           // the operating system refused; the message carries errno
};

/// The name of a code, for messages: "invalid argument".
TUTTI_API const char* name(Code code);

/// Success, or a code and a sentence. A value.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  /// "ok", or "timeout: all_reduce #7 …".
  TUTTI_API std::string to_string() const;

  bool operator==(const Status&) const = default;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

/// A T, or why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}         // NOLINT: conversions are the point
  Result(Status status) : state_(std::move(status)) {}  // NOLINT
  Result(Code code, std::string message) : state_(Status(code, std::move(message))) {}

  bool ok() const { return state_.index() == 0; }
  /// REQUIRES: ok().
  T& value() { return std::get<0>(state_); }
  const T& value() const { return std::get<0>(state_); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  Status status() const { return ok() ? Status() : std::get<1>(state_); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace tutti
