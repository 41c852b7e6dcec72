#include "trials.h"

#include <numeric>
#include <utility>
#include <vector>

#include "element.h"

namespace tutti::multihost {
namespace {

std::size_t start_of(const std::vector<std::size_t>& parts, int part) {
  return std::accumulate(parts.begin(), parts.begin() + part, std::size_t{0});
}

std::size_t total(const std::vector<std::size_t>& parts) {
  return start_of(parts, static_cast<int>(parts.size()));
}

// Which part an element lies in, and where in it.
std::pair<int, std::size_t> find(const std::vector<std::size_t>& parts, std::size_t index) {
  int part = 0;
  while (index >= parts[static_cast<std::size_t>(part)]) {
    index -= parts[static_cast<std::size_t>(part++)];
  }
  return {part, index};
}

}  // namespace

// A rank's input: few values, so that sums fit, without a short period.
int Trials::value(int rank, std::size_t index) const {
  std::size_t mixed = (index + 1) * 0x9E3779B97F4A7C15u + static_cast<std::size_t>(rank) * 0xD1B5u;
  mixed = (mixed ^ salt_ * 0x2545F491u) * 0xBF58476D1CE4E5B9u >> 33;
  const int limit = kLargest / 12;
  return static_cast<int>(mixed % static_cast<std::size_t>(limit + 1)) -
         (is_signed(type_) ? limit / 2 : 0);
}

int Trials::sum(std::size_t index, int first_rank, int end_rank) const {
  int result = 0;
  for (int rank = first_rank; rank < end_rank; ++rank) result += value(rank, index);
  return result;
}

Trial Trials::trial(const char* what, std::size_t input_count, std::size_t output_count) const {
  Trial trial;
  trial.what = what;
  trial.type = type_;
  trial.input_count = input_count;
  trial.output_count = output_count;
  trial.input = [t = *this](std::size_t i) { return t.value(t.rank_, i); };
  return trial;
}

Trials::Counts Trials::unequal_parts() const {
  Counts parts = equal_parts();
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = i == 1 ? 0 : count_ + 3 * i;
  return parts;
}

// What `rank` sends to each rank.
Trials::Counts Trials::sent_parts(int rank) const {
  Counts parts = equal_parts();
  for (std::size_t to = 0; to < parts.size(); ++to) {
    const std::size_t more = static_cast<std::size_t>(rank) + 2 * to;
    parts[to] = more % 4 == 3 ? 0 : count_ + more;
  }
  return parts;
}

Trials::Counts Trials::received_parts(int rank) const {
  Counts parts;
  for (int from = 0; from < ranks_; ++from) {
    parts.push_back(sent_parts(from)[static_cast<std::size_t>(rank)]);
  }
  return parts;
}

// Inputs of all ranks one after the other, as all_gather and gather give them.
Trial Trials::gathering(const char* what, const Counts& parts, bool in_place) const {
  Trial made = trial(what, parts[static_cast<std::size_t>(rank_)], total(parts));
  made.expected = [t = *this, parts](std::size_t i) {
    const auto [rank, index] = find(parts, i);
    return t.value(rank, index);
  };
  made.in_place = in_place;
  if (in_place) made.input_at = start_of(parts, rank_);
  return made;
}

// This rank's part of what everyone has, as reduce_scatter gives it.
Trial Trials::scattering(const char* what, const Counts& parts, bool in_place) const {
  Trial made = trial(what, total(parts), parts[static_cast<std::size_t>(rank_)]);
  const std::size_t start = start_of(parts, rank_);
  made.expected = [t = *this, start](std::size_t i) { return t.sum(start + i); };
  made.in_place = in_place;
  if (in_place) made.output_at = start;
  return made;
}

// Part `rank` of every rank's input, as all_to_all gives them.
Trial Trials::exchanging(const char* what, const std::function<Counts(int)>& sent_by) const {
  Counts received, starts;  // starts: of this rank's part in each rank's input
  for (int from = 0; from < ranks_; ++from) {
    const Counts sent = sent_by(from);
    received.push_back(sent[static_cast<std::size_t>(rank_)]);
    starts.push_back(start_of(sent, rank_));
  }
  Trial made = trial(what, total(sent_by(rank_)), total(received));
  made.expected = [t = *this, received, starts](std::size_t i) {
    const auto [rank, index] = find(received, i);
    return t.value(rank, starts[static_cast<std::size_t>(rank)] + index);
  };
  return made;
}

Trial Trials::all_reduce(bool in_place) const {
  Trial made = trial("all_reduce", count_, count_);
  made.expected = [t = *this](std::size_t i) { return t.sum(i); };
  made.in_place = in_place;
  made.calls = [](ConstBuffer in, Buffer out) { return std::vector{tutti::all_reduce(in, out)}; };
  return made;
}

Trial Trials::all_gather(bool in_place) const {
  Trial made = gathering("all_gather", equal_parts(), in_place);
  made.calls = [](ConstBuffer in, Buffer out) { return std::vector{tutti::all_gather(in, out)}; };
  return made;
}

Trial Trials::all_gather_v(bool in_place) const {
  Trial made = gathering("all_gather_v", unequal_parts(), in_place);
  made.calls = [parts = unequal_parts()](ConstBuffer in, Buffer out) {
    return std::vector{tutti::all_gather_v(in, out, parts)};
  };
  return made;
}

Trial Trials::reduce_scatter(bool in_place) const {
  Trial made = scattering("reduce_scatter", equal_parts(), in_place);
  made.calls = [](ConstBuffer in, Buffer out) {
    return std::vector{tutti::reduce_scatter(in, out)};
  };
  return made;
}

Trial Trials::reduce_scatter_v(bool in_place) const {
  Trial made = scattering("reduce_scatter_v", unequal_parts(), in_place);
  made.calls = [parts = unequal_parts()](ConstBuffer in, Buffer out) {
    return std::vector{tutti::reduce_scatter_v(in, out, parts)};
  };
  return made;
}

Trial Trials::all_to_all(bool in_place) const {
  Trial made = exchanging("all_to_all", [this](int) { return equal_parts(); });
  made.in_place = in_place;
  made.calls = [](ConstBuffer in, Buffer out) { return std::vector{tutti::all_to_all(in, out)}; };
  return made;
}

Trial Trials::all_to_all_v() const {
  Trial made = exchanging("all_to_all_v", [this](int rank) { return sent_parts(rank); });
  made.calls = [sent = sent_parts(rank_), received = received_parts(rank_)](ConstBuffer in,
                                                                            Buffer out) {
    return std::vector{tutti::all_to_all_v(in, sent, out, received)};
  };
  return made;
}

Trial Trials::broadcast(int root, bool in_place) const {
  Trial made = trial("broadcast", count_, count_);
  made.expected = [t = *this, root](std::size_t i) { return t.value(root, i); };
  made.in_place = in_place && rank_ == root;
  made.calls = [root](ConstBuffer in, Buffer out) {
    return std::vector{tutti::broadcast(in, out, root)};
  };
  return made;
}

Trial Trials::reduce(int root, bool in_place) const {
  Trial made = trial("reduce", count_, count_);
  if (rank_ == root) made.expected = [t = *this](std::size_t i) { return t.sum(i); };
  made.in_place = in_place && rank_ == root;
  made.calls = [root](ConstBuffer in, Buffer out) {
    return std::vector{tutti::reduce(in, out, ReduceOp(), root)};
  };
  return made;
}

Trial Trials::gather(int root, bool in_place) const {
  Trial made = gathering("gather", equal_parts(), in_place && rank_ == root);
  if (rank_ != root) made.expected = nullptr;
  made.calls = [root](ConstBuffer in, Buffer out) {
    return std::vector{tutti::gather(in, out, root)};
  };
  return made;
}

Trial Trials::scatter(int root, bool in_place) const {
  Trial made = scattering("scatter", equal_parts(), in_place && rank_ == root);
  const std::size_t start = start_of(equal_parts(), rank_);
  made.expected = [t = *this, root, start](std::size_t i) { return t.value(root, start + i); };
  made.calls = [root](ConstBuffer in, Buffer out) {
    return std::vector{tutti::scatter(in, out, root)};
  };
  return made;
}

Trial Trials::scan(Direction direction, bool in_place) const {
  Trial made = trial("scan", count_, count_);
  made.expected = [t = *this, direction](std::size_t i) {
    return direction == Direction::kForward ? t.sum(i, 0, t.rank_ + 1)
                                            : t.sum(i, t.rank_, t.ranks_);
  };
  made.in_place = in_place;
  made.calls = [direction](ConstBuffer in, Buffer out) {
    return std::vector{tutti::scan(in, out, {}, direction)};
  };
  return made;
}

Trial Trials::exclusive_scan(Direction direction, bool in_place) const {
  const bool is_first = rank_ == (direction == Direction::kForward ? 0 : ranks_ - 1);
  Trial made = trial("exclusive_scan", count_, count_);
  if (!is_first) {
    made.expected = [t = *this, direction](std::size_t i) {
      return direction == Direction::kForward ? t.sum(i, 0, t.rank_)
                                              : t.sum(i, t.rank_ + 1, t.ranks_);
    };
  }
  made.in_place = in_place && !is_first;
  made.calls = [direction](ConstBuffer in, Buffer out) {
    return std::vector{tutti::exclusive_scan(in, out, {}, direction)};
  };
  return made;
}

Trial Trials::send_receive(int shift) const {
  const int to = (rank_ + shift) % ranks_, from = (rank_ + ranks_ - shift) % ranks_;
  Trial made = trial("send and receive", count_, count_);
  made.expected = [t = *this, from](std::size_t i) { return t.value(from, i); };
  made.calls = [to, from](ConstBuffer in, Buffer out) {
    return std::vector{tutti::send(in, to), tutti::receive(out, from)};
  };
  return made;
}

Trial Trials::barrier() const {
  Trial made = trial("barrier", 0, 0);
  made.calls = [](ConstBuffer, Buffer) { return std::vector{tutti::barrier()}; };
  return made;
}

}  // namespace tutti::multihost
