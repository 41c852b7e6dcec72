#include "train/group.h"

#include <algorithm>

namespace tutti::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration duration) {
  return std::max(std::chrono::duration<double>(duration).count(), 0.0);
}

std::string name_of(std::span<const Call> calls, std::size_t bytes) {
  return std::string(tutti::name(calls.front().collective)) + ", " + std::to_string(bytes) +
         " bytes";
}

}  // namespace

void Traffic::count(const PieceTimes& times) {
  waited += seconds(times.wait_end - times.wait_begin);
  hidden += seconds(std::min(times.end, times.wait_begin) - times.begin);
}

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

void Group::note(const std::string& name, const PieceTimes& times) {
  if (timeline_ == nullptr) return;
  timeline_->add(row_, name, times.begin, times.end);
  timeline_->add("waiting", row_ + ": " + name, times.wait_begin, times.wait_end);
}

void Group::run(std::span<const Call> calls, std::size_t bytes, bool there) {
  traffic_.bytes += static_cast<double>(bytes);
  ++traffic_.calls;
  if (there) {
    enqueue(in_line_, calls, bytes);
    return;
  }
  const Clock::time_point begin = Clock::now();
  expect_ok(communicator_->run(calls));
  const Clock::time_point end = Clock::now();
  const PieceTimes times{begin, end, begin, end};
  traffic_.count(times);
  if (timeline_ != nullptr) note(name_of(calls, bytes), times);
}

long Group::enqueue(Issued& issued, std::span<const Call> calls, std::size_t bytes) {
  if (issued.on == nullptr) issued.on = accelerator().make_aside(&issued == &in_line_);
  expect_ok(communicator_->enqueue(calls, issued.on->begin()));
  issued.names.push_back(timeline_ != nullptr ? name_of(calls, bytes) : "");
  return issued.on->end();
}

Group::Pending Group::start(std::span<const Call> calls, std::size_t bytes, bool there) {
  Pending pending;
  if (alone()) return pending;
  if (there) {
    pending.piece_ = enqueue(beside_, calls, bytes);
  } else {
    Result<Request> request = communicator_->start(calls);
    expect_ok(request.status());
    pending.request_ = std::move(*request);
    if (timeline_ != nullptr) pending.name_ = name_of(calls, bytes);
  }
  pending.group_ = this;
  traffic_.bytes += static_cast<double>(bytes);
  ++traffic_.calls;
  return pending;
}

Traffic Group::take_traffic() {
  take_times(beside_);
  take_times(in_line_);
  return std::exchange(traffic_, {});
}

void Group::expect_well() const {
  if (!is_empty()) expect_ok(communicator_->health());
}

void Group::take_times(Issued& issued) {
  if (issued.on == nullptr) return;
  for (const PieceTimes& times : issued.on->take_times()) {
    traffic_.count(times);
    if (!issued.names.front().empty()) note(issued.names.front(), times);
    issued.names.pop_front();
  }
}

Group::Pending::Pending(Pending&& other) noexcept
    : request_(std::exchange(other.request_, std::nullopt)),
      piece_(std::exchange(other.piece_, 0)),
      group_(other.group_),
      name_(std::move(other.name_)) {}

Group::Pending& Group::Pending::operator=(Pending&& other) noexcept {
  std::swap(request_, other.request_);
  std::swap(piece_, other.piece_);
  std::swap(group_, other.group_);
  std::swap(name_, other.name_);
  return *this;
}

Group::Pending::~Pending() {
  try {
    wait_there();
  } catch (const Failure&) {
    // Of the GPU, which whoever waits for it next is told again.
  }
}

bool Group::Pending::ended() const {
  if (piece_ != 0) return group_->beside_.on->ended(piece_);
  return !request_ || request_->test();
}

void Group::Pending::wait_there() {
  if (piece_ != 0) group_->beside_.on->await(std::exchange(piece_, 0));
}

void Group::Pending::wait() {
  wait_there();
  if (!request_) return;
  const Clock::time_point waiting = Clock::now();
  const Status status = request_->wait();
  const Request::Times times = request_->times();
  const PieceTimes noted{times.begin, times.end, waiting, Clock::now()};
  request_.reset();
  group_->traffic_.count(noted);
  group_->expect_ok(status);
  group_->note(name_, noted);
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

void Groups::expect_well() const {
  for (const Group* group :
       {&world, &tensor, &context, &pipeline, &data, &gradients, &model, &embeddings}) {
    group->expect_well();
  }
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
