#include "train/app/elastic.h"

#include <fmt/format.h>

#include <cstdio>

#include "train/failure.h"

namespace tutti::train {

Mesh smaller_mesh(const Mesh& mesh, int ranks, long batch, long micro_batch) {
  const int replica = mesh.ranks() / mesh.dp();
  Mesh smaller = mesh;
  int& dp = smaller.sizes[static_cast<int>(Dimension::kData)];
  for (dp = ranks / replica; dp > 0; --dp) {
    if (batch % (micro_batch * dp) == 0) return smaller;
  }
  throw Failure(std::to_string(ranks) + " ranks are left: expected at least " +
                std::to_string(replica) + ", those of one replica of " + to_text(mesh));
}

Communicator survivors(Group& world) {
  Communicator left = must(world.communicator().shrink());
  if (left.ranks() < world.ranks()) return left;
  throw Failure("all " + std::to_string(left.ranks()) +
                " ranks live: there is no smaller mesh to "
                "go on with");
}

Group first_ranks(Group& world, int ranks) {
  const bool stays = world.rank() < ranks;
  if (!stays) {
    fmt::print(stderr, "tutti-train: rank {} of {} that are left is not needed, and ends\n",
               world.rank(), world.ranks());
  }
  return world.split(stays ? 0 : -1);
}

}  // namespace tutti::train
