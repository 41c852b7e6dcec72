#include "train/lane.h"

#include <algorithm>

namespace tutti::train {

template <class T>
T* Outbox<T>::next() {
  while (!sent_.empty() && sent_.front().call.ended()) {
    sent_.front().call.wait();
    spare_.push_back(std::move(sent_.front().data));
    sent_.pop_front();
  }
  if (spare_.empty()) spare_.emplace_back(count_);
  open_ = std::move(spare_.back());
  spare_.pop_back();
  return open_.data();
}

template <class T>
void Outbox<T>::send() {
  sent_.push_back({std::move(open_), {}});
  const std::span<const T> data = sent_.back().data;
  // The other rank of a lane.
  sent_.back().call = lane_.start<T>(tutti::send(wired(data), 1 - lane_.rank()), data.size_bytes());
}

template <class T>
void Outbox<T>::finish() {
  for (Message& message : sent_) message.call.wait();
}

template <class T>
void Inbox<T>::expect(std::vector<PipelineTask> order) {
  order_ = std::move(order);
  asked_ = 0;
}

template <class T>
void Inbox<T>::ask() {
  if (asked_ == order_.size()) return;
  if (spare_.empty()) spare_.emplace_back(count_);
  asked_for_.push_back({order_[asked_++], std::move(spare_.back()), {}});
  spare_.pop_back();
  const std::span<T> room = asked_for_.back().data;
  asked_for_.back().call = lane_.start<T>(receive(wired(room), 1 - lane_.rank()), 0);
}

template <class T>
const T* Inbox<T>::take(const PipelineTask& task) {
  const auto find = [&] {
    return std::find_if(asked_for_.begin(), asked_for_.end(),
                        [&](const Message& message) { return message.task == task; });
  };
  while (find() == asked_for_.end()) {
    if (asked_ == order_.size()) throw Failure("pipeline: a task waits for what nobody sends");
    ask();
  }
  if (asked_for_.size() == 1) ask();  // the next one
  const auto found = find();
  found->call.wait();
  if (taken_.size() > 0) spare_.push_back(std::move(taken_));
  taken_ = std::move(found->data);
  asked_for_.erase(found);
  return taken_.data();
}

namespace {

// Edges are numbered by the rank that they come from. No rank has two of the same round.
int round_of(int edge, int ranks) { return edge == ranks - 1 && ranks % 2 == 1 ? 2 : edge % 2; }

// The rank's edge that is made in this round; -1: none.
int edge_in(int round, int rank, int ranks, int edges) {
  for (const int edge : {rank, (rank + ranks - 1) % ranks}) {
    if (edge < edges && round_of(edge, ranks) == round) return edge;
  }
  return -1;
}

void make_lanes(Group& group, int edges, Group& in, Group& out, bool forward) {
  const int rounds = edges < 2 ? edges : edges == group.ranks() && edges % 2 == 1 ? 3 : 2;
  for (int round = 0; round < rounds; ++round) {
    const int edge = edge_in(round, group.rank(), group.ranks(), edges);
    Group lane = group.split(edge);
    if (edge < 0) continue;
    lane.watch(group.timeline(), forward ? "pipeline, forward" : "pipeline, backward");
    (forward == (edge == group.rank()) ? out : in) = std::move(lane);
  }
}

}  // namespace

Lanes Lanes::make(Group& group, bool closed) {
  Lanes lanes;
  if (group.alone()) return lanes;
  const int edges = closed ? group.ranks() : group.ranks() - 1;
  make_lanes(group, edges, lanes.forward_in, lanes.forward_out, /*forward=*/true);
  make_lanes(group, edges, lanes.backward_in, lanes.backward_out, /*forward=*/false);
  return lanes;
}

Traffic Lanes::take_traffic() {
  Traffic sum;
  for (Group* lane : {&forward_in, &forward_out, &backward_in, &backward_out}) {
    sum += lane->take_traffic();
  }
  return sum;
}

void Lanes::expect_well() const {
  for (const Group* lane : {&forward_in, &forward_out, &backward_in, &backward_out}) {
    lane->expect_well();
  }
}

template class Outbox<float>;
template class Outbox<double>;
template class Outbox<OnDevice<float>>;
template class Outbox<OnDevice<Bf16>>;
template class Inbox<float>;
template class Inbox<double>;
template class Inbox<OnDevice<float>>;
template class Inbox<OnDevice<Bf16>>;

}  // namespace tutti::train
