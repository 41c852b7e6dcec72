#include "train/group.h"

namespace tutti::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

void Group::run(std::span<const Call> calls, std::size_t bytes) {
  const Clock::time_point start = Clock::now();
  must(communicator_.run(calls));
  traffic_.waited += seconds_since(start);
  traffic_.bytes += static_cast<double>(bytes);
  ++traffic_.calls;
}

Group::Pending Group::start(std::span<const Call> calls, std::size_t bytes) {
  Pending pending;
  if (alone()) return pending;
  pending.request_ = must(communicator_.start(calls));
  pending.group_ = this;
  pending.started_ = Clock::now();
  traffic_.bytes += static_cast<double>(bytes);
  ++traffic_.calls;
  return pending;
}

void Group::Pending::wait() {
  if (!request_) return;
  const Clock::time_point waiting = Clock::now();
  const Status status = request_->wait();
  const double waited = seconds_since(waiting);
  group_->traffic_.waited += waited;
  group_->traffic_.hidden += std::max(0.0, seconds_since(started_) - waited);
  request_.reset();
  must(status);
}

namespace {

// Ranks that agree in all dimensions but those given.
int color_of(const Mesh& mesh, Place place, std::initializer_list<Dimension> free) {
  for (const Dimension dimension : free) place[static_cast<int>(dimension)] = 0;
  return mesh.rank_at(place);
}

}  // namespace

Groups Groups::make(Communicator world, const Mesh& mesh) {
  using enum Dimension;
  Groups groups;
  groups.mesh = mesh;
  groups.place = mesh.place_of(world.rank());
  const auto split = [&](std::initializer_list<Dimension> free) {
    return Group(must(world.split(color_of(mesh, groups.place, free))));
  };
  groups.tensor = split({kTensor});
  groups.context = split({kContext});
  groups.pipeline = split({kPipeline});
  groups.data = split({kData});
  groups.gradients = split({kData, kContext});
  groups.model = split({kPipeline, kTensor});
  const int stage = groups.at(kPipeline);
  const bool at_an_end = mesh.pp() > 1 && (stage == 0 || stage == mesh.pp() - 1);
  groups.embeddings =
      Group(must(world.split(at_an_end ? color_of(mesh, groups.place, {kPipeline}) : -1)));
  groups.world = Group(std::move(world));
  return groups;
}

}  // namespace tutti::train
