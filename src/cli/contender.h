// A library under measurement: Tutti with some algorithm, or another one beside it.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/shape.h"
#include "cli/vs.h"
#include "tutti/tutti.h"

namespace tutti::cli {

/// Where one call reads and writes.
struct Slot {
  const std::byte* input = nullptr;
  std::byte* output = nullptr;
};

/// The calls that are timed together.
struct Round {
  Problem problem;
  Placement placement = Placement::kOutOfPlace;
  std::vector<Slot> slots;  // a call each
  int aggregate = 1;        // calls in a group; divides slots.size()
  bool blocking = true;
};

class Contender {
 public:
  virtual ~Contender() = default;

  /// Makes run() about this round. kNotSupported when the library has no such call.
  virtual Status prepare(const Round& round) = 0;

  /// The timed part: makes all the calls.
  virtual Status run() = 0;

  /// Whether the result lies where the call of this round says, so that it can be checked.
  virtual bool checkable() const = 0;

  /// Of the last run; empty strings where the library does not say.
  virtual Explanation explain() const = 0;

  /// Frees peers that wait for this rank, which will not come.
  virtual void abort(const std::string& reason) = 0;
};

/// The communicator outlives the contender.
std::unique_ptr<Contender> make_tutti_contender(Communicator& communicator);
/// The library outlives the contender.
std::unique_ptr<Contender> make_vs_contender(VsLibrary& library);

}  // namespace tutti::cli
