// How a call is cut into pieces that staging memory has room for.
//
// A piece holds the same elements of every part of the buffers, one after the other, so that it is
// a call of the same kind. Pure functions of what all ranks know: their pieces match. Tested by
// device_pieces_test.cc.

#pragma once

#include <cstddef>
#include <vector>

#include "tutti/tutti.h"

namespace tutti {

/// A stretch of a buffer, in bytes.
struct Stretch {
  std::size_t at = 0;
  std::size_t bytes = 0;

  bool operator==(const Stretch&) const = default;
};

/// A call as it goes through staging.
struct StagedCall {
  Call call;
  /// From a part of the output to the next, in elements; 0: parts adjoin. Of all_gather only.
  std::size_t output_stride = 0;

  StagedCall(const Call& call, std::size_t output_stride = 0)  // NOLINT: a call is one
      : call(call), output_stride(output_stride) {}
};

/// What a piece moves of a call's buffers: staging holds the stretches packed.
struct Piece {
  std::vector<Stretch> input;       // none where this rank's is not read
  std::vector<Stretch> output;      // none where it is not written
  std::vector<std::size_t> counts;  // per rank, of the _v forms
  std::size_t input_elements = 0;
  std::size_t output_elements = 0;
};

class Cutting {
 public:
  /// REQUIRES: validate(call) is OK; all_to_all_v only without counts, as in feed.h. `room`: bytes
  /// of staging for the larger buffer of a piece, at least 16 for each rank; the same on all ranks.
  Cutting(const StagedCall& staged, int rank, int ranks, std::size_t room);

  /// At least one: an empty call is checked too.
  std::size_t pieces() const { return pieces_; }
  Piece piece(std::size_t number) const;
  /// The call that the piece is, on staging memory. `piece` must outlive it.
  Call call_of(const Piece& piece, std::byte* input, std::byte* output) const;

  const Call& call() const { return call_; }
  /// The count that ranks must share.
  std::size_t whole() const { return whole_; }

 private:
  using Counts = std::vector<std::size_t>;  // elements of the parts of a buffer, in their order

  std::vector<Stretch> stretches(const Counts& parts, std::size_t stride, std::size_t first) const;
  Counts lengths(const Counts& parts, std::size_t first) const;

  Call call_;  // without counts
  std::size_t output_stride_ = 0;
  std::size_t element_ = 1;
  std::size_t whole_ = 0;
  std::size_t step_ = 1;  // elements of a part in a piece
  std::size_t pieces_ = 1;
  Counts input_;
  Counts output_;
  Counts shared_;  // counts per rank that all ranks give
};

}  // namespace tutti
