// Tested by compose_test.cc.

#include "algorithms/compose.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "algorithms/peers.h"

namespace tutti {

// Takes one part over, step by step in an order in which it could run.
class Embedding {
 public:
  Embedding(Composer& composer, const Part& part, std::span<const int> ranks,
            const Composer::Place& place)
      : composer_(composer), part_(part), ranks_(ranks), place_(place) {}

  void run() {
    find_events();
    messages_.assign(events_.size(), kNone);
    for (std::size_t i = 0; i < events_.size(); ++i) take(i);
  }

 private:
  // Those in which ranks take part of whom something is needed.
  void find_events() {
    for (int member = 0; member < part_.schedule().ranks; ++member) {
      if (!composer_.needs(ranks_[member])) continue;
      const auto events = part_.events_of(member);
      events_.insert(events_.end(), events.begin(), events.end());
    }
    std::sort(events_.begin(), events_.end());
    events_.erase(std::unique(events_.begin(), events_.end()), events_.end());
  }

  void take(std::size_t i) {
    const Event& event = part_.trace().events[events_[i]];
    const Step& step = part_.schedule().at(event.rank).steps[event.step];
    const int depth = part_.depth(events_[i]);
    switch (step.kind) {
      case StepKind::kCopy:
      case StepKind::kReduce:
        move(event.rank, step, depth);
        return;
      case StepKind::kPut:
      case StepKind::kSignal:
        messages_[i] = give(event.rank, step, depth);
        return;
      case StepKind::kWait: {
        const auto given = std::lower_bound(events_.begin(), events_.end(), event.match);
        const int message = messages_[given - events_.begin()];
        if (message == kNone) return;
        append(event.rank, depth, {StepKind::kWait, {}, {}, ranks_[step.peer], message});
        return;
      }
    }
  }

  void move(int member, const Step& step, int depth) {
    std::optional<Step> moved = placed(member, step);
    if (!moved || moved->sources == std::vector{moved->target}) return;
    append(member, depth, std::move(*moved));
  }

  int give(int member, const Step& step, int depth) {
    std::optional<Step> given = step.kind == StepKind::kPut ? placed(member, step) : step;
    if (!given) return kNone;
    given->peer = ranks_[step.peer];
    given->channel = composer_.messages_++;
    append(member, depth, std::move(*given));
    return composer_.messages_ - 1;
  }

  // The step with its chunks where they lie in the whole; nothing if one of them lies nowhere.
  std::optional<Step> placed(int member, const Step& step) {
    Step result = step;
    bool everywhere = true;
    for (Chunk& source : result.sources) everywhere &= put_in_place(member, source);
    if (everywhere) nowhere_.erase(key(member, step.target));
    if (everywhere && put_in_place(member, result.target)) return result;
    nowhere_.insert(key(member, step.target));
    return std::nullopt;
  }

  using Key = std::pair<int, int>;  // member, scratch chunk; {kNone, …} for chunks elsewhere

  static int owner(int member, const Chunk& chunk) {
    return chunk.rank == kSelf ? member : chunk.rank;
  }
  static Key key(int member, const Chunk& chunk) {
    return {chunk.space == Space::kScratch ? owner(member, chunk) : kNone, chunk.index};
  }

  bool put_in_place(int member, Chunk& chunk) {
    const int of_member = owner(member, chunk);
    if (!composer_.needs(ranks_[of_member])) return true;
    const std::optional<Chunk> found = chunk.space == Space::kScratch
                                           ? scratch_of(key(member, chunk))
                                           : place_(of_member, {chunk.space, chunk.index});
    if (!found) return false;
    chunk = of_member == member && chunk.rank == kSelf ? *found : of(ranks_[of_member], *found);
    return true;
  }

  std::optional<Chunk> scratch_of(const Key& key) {
    if (nowhere_.contains(key)) return std::nullopt;
    const auto known = scratch_.find(key);
    if (known != scratch_.end()) return known->second;
    return scratch_[key] = composer_.reserve(ranks_[key.first]);
  }

  void append(int member, int depth, Step step) {
    const int rank = ranks_[member], end = ranks_[part_.schedule().root];
    if (!composer_.keeps(rank, step)) return;
    const int turn = mod(end - rank - 1, composer_.whole_.ranks);
    composer_.phase_[rank].push_back({depth, turn, std::move(step)});
  }

  Composer& composer_;
  const Part& part_;
  const std::span<const int> ranks_;
  const Composer::Place& place_;
  std::vector<int> events_;       // of the part's trace, in order
  std::vector<int> messages_;     // by place in events_: the number given; kNone: left out
  std::map<Key, Chunk> scratch_;  // of the part, in the whole
  std::set<Key> nowhere_;         // scratch that holds what lies nowhere
};

Composer::Composer(Collective collective, const Group& group, int chunks,
                   const std::vector<int>& peers)
    : Composer(collective, group.ranks, chunks) {
  roles_.assign(group.ranks, Role::kOther);
  for (const int rank : peers) roles_[rank] = Role::kPeer;
  for (const int rank : group.wanted_ranks()) roles_[rank] = Role::kWanted;
}

// Of the peers of ranks wanted, only what concerns these.
bool Composer::keeps(int rank, const Step& step) const {
  if (roles_[rank] == Role::kWanted) return true;
  return needs(rank) && step.peer != kSelf && roles_[step.peer] == Role::kWanted;
}

std::vector<int> Composer::peers() const {
  std::set<int> peers;
  for (const std::vector<Pending>& pending : phase_) {
    for (const Pending& next : pending) peers.insert(next.step.peer);
  }
  for (const Program& program : whole_.programs) {
    for (const Step& step : program.steps) peers.insert(step.peer);
  }
  peers.erase(kSelf);
  return {peers.begin(), peers.end()};
}

void Composer::add(const Part& part, std::span<const int> ranks, const Place& place) {
  Embedding(*this, part, ranks, place).run();
}

void Composer::next_phase() {
  for (int rank = 0; rank < whole_.ranks; ++rank) {
    std::vector<Pending>& pending = phase_[rank];
    std::stable_sort(pending.begin(), pending.end(), [](const Pending& a, const Pending& b) {
      return std::pair(a.depth, a.turn) < std::pair(b.depth, b.turn);
    });
    for (Pending& next : pending) whole_.at(rank).steps.push_back(std::move(next.step));
    pending.clear();
  }
}

Schedule Composer::finish() {
  next_phase();
  assign_channels();
  for (int rank = 0; rank < whole_.ranks; ++rank) {
    if (roles_[rank] == Role::kWanted) {
      whole_.scratch_chunks = std::max(whole_.scratch_chunks, reserved_[rank]);
    } else {
      whole_.at(rank) = {};
    }
  }
  return std::move(whole_);
}

void Composer::assign_channels() {
  std::vector<int> taken(messages_), channels(messages_);  // by message
  for (const Program& program : whole_.programs) {
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
      const Step& step = program.steps[i];
      if (step.kind == StepKind::kWait) taken[step.channel] = static_cast<int>(i);
    }
  }
  for (const Program& program : whole_.programs) {
    std::map<int, std::vector<int>> last;  // by peer and channel: when its last message is taken
    for (const Step& step : program.steps) {
      if (step.kind != StepKind::kPut && step.kind != StepKind::kSignal) continue;
      std::vector<int>& lasts = last[step.peer];
      const auto free = std::find_if(lasts.begin(), lasts.end(),
                                     [&](int time) { return time < taken[step.channel]; });
      channels[step.channel] = static_cast<int>(free - lasts.begin());
      if (free == lasts.end()) {
        lasts.push_back(taken[step.channel]);
      } else {
        *free = taken[step.channel];
      }
    }
  }
  for (Program& program : whole_.programs) {
    for (Step& step : program.steps) {
      if (step.peer != kSelf) step.channel = channels[step.channel];
    }
  }
}

Schedule compose(Collective collective, const Group& group, int chunks,
                 const std::function<void(Composer&)>& add_parts) {
  Composer first(collective, group, chunks, {});
  add_parts(first);
  if (group.wanted.empty()) return first.finish();
  Composer second(collective, group, chunks, first.peers());
  first = Composer(collective, 0, chunks);  // its memory is needed
  add_parts(second);
  return second.finish();
}

}  // namespace tutti
