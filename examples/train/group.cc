#include "train/group.h"

namespace tutti::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string name_of(std::span<const Call> calls, std::size_t bytes) {
  return std::string(tutti::name(calls.front().collective)) + ", " + std::to_string(bytes) +
         " bytes";
}

}  // namespace

Group::Group(Communicator communicator, std::shared_ptr<Alarm> alarm)
    : communicator_(std::make_shared<Communicator>(std::move(communicator))),
      alarm_(std::move(alarm)) {
  if (alarm_ != nullptr && !is_empty()) alarm_->watch(communicator_);
}

Group Group::split(int color) { return Group(must(communicator_->split(color)), alarm_); }

void Group::expect_ok(const Status& status) const {
  if (!status.ok() && alarm_ != nullptr) alarm_->ring(status.message());
  must(status);
}

void Group::note(const std::string& row, const std::string& name, Clock::time_point begin,
                 Clock::time_point end) {
  if (timeline_ != nullptr) timeline_->add(row, name, begin, end);
}

void Group::run(std::span<const Call> calls, std::size_t bytes, bool there) {
  const Clock::time_point start = Clock::now();
  expect_ok(there ? communicator_->enqueue(calls, accelerator().stream())
                  : communicator_->run(calls));
  traffic_.waited += seconds_since(start);
  traffic_.bytes += static_cast<double>(bytes);
  ++traffic_.calls;
  if (timeline_ == nullptr) return;
  const std::string name = name_of(calls, bytes);
  const Clock::time_point end = Clock::now();
  note(row_, name, start, end);
  note("waiting", row_ + ": " + name, start, end);
}

// Each group has a stream of its own: what is waited for in one must not hold up another.
long Group::enqueue_aside(std::span<const Call> calls) {
  if (aside_ == nullptr) aside_ = accelerator().make_aside();
  expect_ok(communicator_->enqueue(calls, aside_->begin()));
  return aside_->end();
}

Group::Pending Group::start(std::span<const Call> calls, std::size_t bytes, bool there) {
  Pending pending;
  if (alone()) return pending;
  if (there) {
    pending.piece_ = enqueue_aside(calls);
  } else {
    Result<Request> request = communicator_->start(calls);
    expect_ok(request.status());
    pending.request_ = std::move(*request);
  }
  pending.group_ = this;
  if (timeline_ != nullptr) pending.name_ = name_of(calls, bytes);
  traffic_.bytes += static_cast<double>(bytes);
  ++traffic_.calls;
  return pending;
}

bool Group::Pending::ended() const {
  if (piece_ != 0) return group_->aside_->ended(piece_);
  return !request_ || request_->test();
}

void Group::Pending::wait() {
  if (piece_ != 0) group_->aside_->await(std::exchange(piece_, 0));
  if (!request_) return;
  const Clock::time_point waiting = Clock::now();
  const Status status = request_->wait();
  const double waited = seconds_since(waiting);
  group_->traffic_.waited += waited;
  const Request::Times times = request_->times();
  const double hidden =
      std::chrono::duration<double>(std::min(times.end, waiting) - times.begin).count();
  group_->traffic_.hidden += std::max(hidden, 0.0);
  request_.reset();
  group_->expect_ok(status);
  group_->note(group_->row_, name_, times.begin, times.end);
  group_->note("waiting", group_->row_ + ": " + name_, waiting, Clock::now());
}

namespace {

// Ranks that agree in all dimensions but those given.
int color_of(const Mesh& mesh, Place place, std::initializer_list<Dimension> free) {
  for (const Dimension dimension : free) place[static_cast<int>(dimension)] = 0;
  return mesh.rank_at(place);
}

}  // namespace

Groups Groups::make(Communicator world, const Mesh& mesh, std::shared_ptr<Alarm> alarm) {
  using enum Dimension;
  Groups groups;
  groups.mesh = mesh;
  groups.world = Group(std::move(world), std::move(alarm));
  groups.place = mesh.place_of(groups.world.rank());
  const auto split = [&](std::initializer_list<Dimension> free) {
    return groups.world.split(color_of(mesh, groups.place, free));
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
      groups.world.split(at_an_end ? color_of(mesh, groups.place, {kPipeline}) : -1);
  return groups;
}

void Groups::watch(Timeline* timeline) {
  world.watch(timeline, "all ranks");
  tensor.watch(timeline, "tensor");
  context.watch(timeline, "context");
  pipeline.watch(timeline, "pipeline");
  gradients.watch(timeline, "data");
  embeddings.watch(timeline, "embeddings");
}

}  // namespace tutti::train
