// One call, ready to run: what to do, on what memory, in which pieces.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "executor/cpu/arena.h"
#include "executor/cpu/flat.h"
#include "executor/cpu/reducer.h"
#include "executor/extents.h"
#include "executor/signature.h"
#include "plan/cut.h"
#include "plan/plan.h"

namespace tutti {

/// A plan and how it is cut up. A block moves `tile` elements of every chunk.
struct Variant {
  std::shared_ptr<const Plan> plan;  // shared with the cache of plans, which may drop it meanwhile
  std::string_view algorithm;
  std::size_t tile = 1;    // elements
  std::size_t blocks = 1;  // at least one, so that empty calls are checked too
  int lanes = 1;           // blocks in flight
  int width = 1;           // lines of a signal with a payload
  bool stream = false;     // bypass the caches where the plan says it may pay
  Extents input_extents;
  Extents output_extents;
};

/// Memory that a task works with, kept between calls.
struct Workspace {
  std::vector<const std::byte*> sources;
  std::vector<std::byte*> targets;
  std::vector<const std::byte*> peer_inputs;  // mapped calls: where peers' buffers are
  std::vector<std::byte*> peer_outputs;
  std::vector<std::byte> scaled;   // scaled inputs of the blocks in flight
  std::vector<std::byte> scratch;  // flat calls: scratch chunks that no peer needs
};

struct Job {
  Signature signature;
  std::uint64_t signature_digest = 0;  // of its three words
  Variant staged;                      // for buffers that peers cannot reach
  Variant mapped;  // for buffers that they can; plan is null when it is not worth asking them
  DataType type = DataType::kUint8;
  Reducer reducer;

  const std::byte* input = nullptr;
  std::byte* output = nullptr;
  // Where in this rank's window they lie, plus 1; 0: elsewhere. 1 also for no buffer at all.
  std::uint64_t input_at = 0;
  std::uint64_t output_at = 0;
  /// They lie in the annex, and so does scratch. Such a job only moves, and its peers are not
  /// mapped.
  bool in_annex = false;

  /// Messages: the ranks of the communicator that ranks 0 and 1 of the plan stand for.
  std::array<int, 2> pair = {kSelf, kSelf};
  FlatProgram flat;  // of the staged variant, where it qualifies
  Workspace workspace;

  void set_signature(const Signature& s) {
    signature = s;
    signature_digest = mix(mix(s.what, s.count), s.detail);
  }
  bool is_message() const { return pair[0] != kSelf; }
};

}  // namespace tutti
