// Tested by compose_test.cc.

#include "algorithms/compose.h"

#include <algorithm>
#include <set>

#include "algorithms/peers.h"
#include "schedule/trace.h"

namespace tutti {

// Takes one part over, step by step in an order in which it could run.
class Embedding {
 public:
  Embedding(Composer& composer, const Schedule& part, const std::vector<int>& ranks,
            const Composer::Place& place)
      : composer_(composer),
        part_(part),
        ranks_(ranks),
        place_(place),
        trace_(trace(part)),
        depths_(part.ranks, 0),
        given_(trace_.events.size()) {}

  void run() {
    for (std::size_t i = 0; i < trace_.events.size(); ++i) {
      const Event& event = trace_.events[i];
      const std::vector<Step>& steps = part_.at(event.rank).steps;
      if (event.step < static_cast<int>(steps.size())) take(steps[event.step], i);
    }
  }

 private:
  struct Given {
    int depth = 0;
    int message = kNone;  // kNone: left out
  };

  void take(const Step& step, std::size_t i) {
    const Event& event = trace_.events[i];
    switch (step.kind) {
      case StepKind::kCopy:
      case StepKind::kReduce:
        move(event.rank, step);
        return;
      case StepKind::kPut:
      case StepKind::kSignal:
        given_[i] = {depths_[event.rank] + 1, give(event.rank, step)};
        return;
      case StepKind::kWait: {
        const Given& given = given_[event.match];
        depths_[event.rank] = std::max(depths_[event.rank], given.depth);
        if (given.message == kNone) return;
        append(event.rank, {StepKind::kWait, {}, {}, ranks_[step.peer], given.message});
        return;
      }
    }
  }

  void move(int member, const Step& step) {
    std::optional<Step> moved = placed(member, step);
    if (!moved || moved->sources == std::vector{moved->target}) return;
    append(member, std::move(*moved));
  }

  int give(int member, const Step& step) {
    std::optional<Step> given = step.kind == StepKind::kPut ? placed(member, step) : step;
    if (!given) return kNone;
    given->peer = ranks_[step.peer];
    given->channel = composer_.messages_++;
    append(member, std::move(*given));
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

  void append(int member, Step step) {
    const int rank = ranks_[member], end = ranks_[part_.root];
    const int turn = mod(end - rank - 1, composer_.whole_.ranks);
    composer_.phase_[rank].push_back({depths_[member], turn, std::move(step)});
  }

  Composer& composer_;
  const Schedule& part_;
  const std::vector<int>& ranks_;
  const Composer::Place& place_;
  const Trace trace_;
  std::vector<int> depths_;       // by member: messages that its next step comes after
  std::vector<Given> given_;      // by event
  std::map<Key, Chunk> scratch_;  // of the part, in the whole
  std::set<Key> nowhere_;         // scratch that holds what lies nowhere
};

void Composer::add(const Schedule& part, const std::vector<int>& ranks, const Place& place) {
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
  whole_.scratch_chunks = *std::max_element(reserved_.begin(), reserved_.end());
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

}  // namespace tutti
