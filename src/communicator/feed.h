// Calls that become known while others run, for those who cut large calls into pieces.
//
// Tested by enqueue_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "tutti/tutti.h"

namespace tutti {

/// A piece of a call, ready to run. All ranks that take part run the same pieces in the same order.
struct FedCall {
  Call call;
  std::size_t whole = 0;     // count of the call that it is a piece of, which ranks must share
  std::uint64_t number = 0;  // for ended()
};

class CallFeed {
 public:
  virtual ~CallFeed() = default;

  /// A call that may begin now, if there is one. Called again and again by the thread that runs
  /// them; a failure ends the run. all_to_all_v without counts only announces one: its messages are
  /// fed as such.
  virtual Result<std::optional<FedCall>> next() = 0;
  /// It has ended well.
  virtual void ended(std::uint64_t number) = 0;
  /// Whether all is done, calls and whatever follows them.
  virtual bool complete() const = 0;
};

}  // namespace tutti
