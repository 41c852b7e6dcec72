#include "train/app/gpu.h"

#include <algorithm>

#include "train/checkpoint/agree.h"
#include "train/device/cuda_accelerator.h"
#include "tutti/unique_id.h"

namespace tutti::train {

int gpu_of_rank(const Formation& formation, int rank, int gpus) {
  const auto& hosts = formation.host_of;
  const auto before = std::count(hosts.begin(), hosts.begin() + rank, hosts[rank]);
  return static_cast<int>(before) % gpus;
}

Communicator with_device(Group& world, int device) {
  Options options;
  Invitation invitation;  // until all have met
  agree_after(world, [&] {
    options = must(Options::from_environment());
    options.device = device;
    if (world.rank() != 0) return;
    invitation = must(
        make_unique_id({.interface = options.interface, .start_timeout = options.start_timeout}));
  });
  auto* const bytes = reinterpret_cast<std::uint8_t*>(invitation.id.bytes.data());
  world.broadcast(std::span(bytes, invitation.id.bytes.size()), 0);
  return must(Communicator::create(invitation.id, world.rank(), world.ranks(), options));
}

RankOnGpu to_gpu(Group& world) {
  RankOnGpu rank;
  int ordinal = -1;
  agree_after(world, [&] {
    const int gpus = count_gpus();
    if (gpus == 0) throw Failure("no GPU can be used: this process sees none");
    ordinal = gpu_of_rank(world.communicator().formation(), world.rank(), gpus);
    rank.accelerator = open_gpu(ordinal);
  });
  rank.world = with_device(world, ordinal);
  return rank;
}

}  // namespace tutti::train
