// What a call looks like apart from its buffers: sizes, and the signature that ranks must share.

#pragma once

#include "executor/extents.h"
#include "executor/signature.h"
#include "tutti/tutti.h"

namespace tutti {

struct Shape {
  Signature signature;
  DataType type = DataType::kUint8;
  std::size_t element = 1;  // bytes: of the type, or what a user's function takes for one
  std::size_t part = 0;     // elements of a part, where all parts are equal
  std::size_t longest = 0;  // elements of the longest part
  std::size_t bytes = 0;    // of all parts of the larger buffer
  bool in_place = false;
};

/// REQUIRES: validate(call) is OK. For all_to_all_v only the signature means anything.
Shape shape_of(const Call& call, int rank, int ranks);

/// Where chunks lie, for a schedule that cuts parts into `chunks` chunks.
Extents input_extents(const Call& call, const Shape& shape, int chunks);
Extents output_extents(const Call& call, const Shape& shape, int chunks);

/// Elements of a chunk of the longest part. Long chunks begin at cache lines.
std::size_t piece_of(const Shape& shape, int chunks);

bool reduces(Collective collective);
bool has_root(Collective collective);
/// The rank that the schedule of the call has for a root; 0 where it has none.
int root_of(const Call& call, int ranks);
/// Whether the larger buffer has a part for each rank.
bool has_part_per_rank(Collective collective);

}  // namespace tutti
