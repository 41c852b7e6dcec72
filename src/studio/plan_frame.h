// The frame of an execution plan of MSCCL++: all but the operations. Buffers, channels, who meets
// at which barrier.
//
// Tested by import_formats_test.cc.

#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "studio/blocks.h"
#include "studio/json_reading.h"

namespace tutti {

/// Memory of another GPU that the operations of a GPU name by number.
struct PlanRemote {
  int gpu = 0;
  Space space = Space::kInput;
};

struct PlanFrame {
  /// Of channels of a GPU that have a type.
  using Channels = std::map<std::pair<int, std::string>, std::vector<int>>;

  BlockProgram program;                          // without thread blocks
  int slices = 1;                                // that every chunk of the file is cut into here
  std::vector<std::vector<PlanRemote>> remotes;  // by GPU
  std::vector<int> scratch;                      // chunks, by GPU
  Channels out, in;                              // lanes of each, both ways
  std::map<std::pair<int, int>, std::map<int, int>> barriers;  // by GPU and id: blocks, how often
  std::vector<std::vector<int>> semaphores;                    // by GPU: what they begin with
};

/// Errors go to the reading of `plan`; what is returned then means nothing.
PlanFrame read_plan_frame(const JsonValue& plan, const JsonReading& reading);

/// What "i", "o" and "s" stand for.
Space space_of(const JsonValue& at, const std::string& type);

}  // namespace tutti
