// Going on without ranks that were lost: the survivors' mesh has fewer data-parallel ranks.
//
// Tested by train_elastic_test.cc and train_command_test.py.

#pragma once

#include "train/group.h"

namespace tutti::train {

/// The mesh for at most `ranks` ranks: pipeline, context and tensor dimensions as they were, so
/// that a rank needs no more memory (but for what ZeRO shares out); as many data-parallel ranks as
/// the batch divides by. Fails with what is too few.
Mesh smaller_mesh(const Mesh& mesh, int ranks, long batch, long micro_batch);

/// The ranks that are left after a call on `world` has failed, in their old order. Fails if all of
/// them are: then something else is wrong. Collective among them.
Communicator survivors(Group& world);

/// A group of the first `ranks` ranks; an empty one on the others, which are told of. Collective.
Group first_ranks(Group& world, int ranks);

}  // namespace tutti::train
