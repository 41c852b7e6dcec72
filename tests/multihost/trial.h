// One checked call: what a rank puts in, what must come out, and where both lie.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "tutti/tutti.h"

namespace tutti::multihost {

struct Trial {
  /// The value of this rank's element `index`.
  using Values = std::function<int(std::size_t index)>;

  std::string what;  // "all_reduce"
  DataType type = DataType::kInt32;
  std::size_t input_count = 0;
  std::size_t output_count = 0;
  Values input;
  Values expected;  // empty: the output must stay as it was
  /// In place: where input and output begin in the memory that they share, in elements.
  bool in_place = false;
  std::size_t input_at = 0;
  std::size_t output_at = 0;
  /// Makes the call, or calls of a group, on buffers of the counts above.
  std::function<std::vector<Call>(ConstBuffer input, Buffer output)> calls;
};

/// Runs it on `comm`. "" when all is right, else a line that says what is not: the status, or the
/// first wrong element. Memory around the output is looked at too.
std::string run(Communicator& comm, const Trial& trial);

}  // namespace tutti::multihost
