// Staging through scratch, as a rewriting of schedules. Tested by stage_test.cc.

#include "schedule/stage.h"

#include <algorithm>
#include <map>
#include <set>

#include "schedule/match.h"

namespace tutti {
namespace {

bool is_peers_buffer(const Chunk& chunk) {
  return chunk.rank != kSelf && chunk.space != Space::kScratch;
}

// The scratch chunks that stand for buffer chunks, per rank that owns them.
class Stager {
 public:
  explicit Stager(const Schedule& schedule)
      : old_(schedule),
        partners_(match_signals(schedule)),
        ready_channel_(unused_channel(schedule)),
        next_scratch_(schedule.ranks, schedule.scratch_chunks),
        shadows_(schedule.ranks),
        readers_(schedule.ranks) {}

  Schedule run() {
    for (int rank = 0; rank < old_.ranks; ++rank) find_reads(rank);
    for (int rank = 0; rank < old_.ranks; ++rank) assign_arrivals(rank);
    Schedule staged = old_;
    staged.scratch_chunks = *std::max_element(next_scratch_.begin(), next_scratch_.end());
    for (int rank = 0; rank < old_.ranks; ++rank) staged.at(rank) = rewrite(rank);
    return staged;
  }

 private:
  using Key = std::pair<Space, int>;

  // A signal "my input is staged" must not be mistaken for one of the schedule's own.
  static int unused_channel(const Schedule& schedule) {
    int unused = 0;
    for (const Program& program : schedule.programs) {
      for (const Step& step : program.steps) unused = std::max(unused, step.channel + 1);
    }
    return unused;
  }

  // A shadow for every chunk of a peer's buffers that this rank reads.
  void find_reads(int rank) {
    for (const Step& step : old_.at(rank).steps) {
      for (const Chunk& source : step.sources) {
        if (!is_peers_buffer(source)) continue;
        std::map<Key, int>& shadows = shadows_[source.rank];
        const Key key{source.space, source.index};
        if (!shadows.contains(key)) shadows[key] = next_scratch_[source.rank]++;
        if (source.space == Space::kInput) readers_[source.rank].insert(rank);
      }
    }
  }

  // A scratch chunk for every put that arrives in this rank's output.
  void assign_arrivals(int rank) {
    const std::vector<Step>& steps = old_.at(rank).steps;
    for (int i = 0; i < static_cast<int>(steps.size()); ++i) {
      const Step* put = put_taken_by(rank, i);
      if (put != nullptr && is_peers_buffer(put->target)) {
        arrivals_[{rank, i}] = next_scratch_[rank]++;
      }
    }
  }

  const Step* put_taken_by(int rank, int i) const {
    if (old_.at(rank).steps[i].kind != StepKind::kWait) return nullptr;
    const StepAt sender = partners_[rank][i];
    const Step& step = old_.at(sender.rank).steps[sender.step];
    return step.kind == StepKind::kPut ? &step : nullptr;
  }

  Program rewrite(int rank) const {
    Program program;
    announce_inputs(rank, program);
    std::set<int> ready;
    const std::vector<Step>& steps = old_.at(rank).steps;
    for (int i = 0; i < static_cast<int>(steps.size()); ++i) {
      Step step = steps[i];
      for (Chunk& source : step.sources) read_shadow(source, ready, program);
      if (step.kind == StepKind::kPut && is_peers_buffer(step.target)) {
        const StepAt taker = partners_[rank][i];
        step.target = of(step.peer, scratch(arrivals_.at({taker.rank, taker.step})));
      }
      program.steps.push_back(step);
      keep_shadow(rank, step, program);
      take_arrival(rank, i, program);
    }
    return program;
  }

  void announce_inputs(int rank, Program& program) const {
    for (const auto& [key, shadow] : shadows_[rank]) {
      if (key.first == Space::kInput) program.copy(input(key.second), scratch(shadow));
    }
    for (int reader : readers_[rank]) program.signal(reader, ready_channel_);
  }

  void read_shadow(Chunk& source, std::set<int>& ready, Program& program) const {
    if (!is_peers_buffer(source)) return;
    if (source.space == Space::kInput && ready.insert(source.rank).second) {
      program.wait(source.rank, ready_channel_);
    }
    source = of(source.rank, scratch(shadows_[source.rank].at({source.space, source.index})));
  }

  void keep_shadow(int rank, const Step& step, Program& program) const {
    if (step.kind != StepKind::kCopy && step.kind != StepKind::kReduce) return;
    copy_to_shadow(rank, step.target, program);
  }

  void take_arrival(int rank, int i, Program& program) const {
    const auto arrival = arrivals_.find({rank, i});
    if (arrival == arrivals_.end()) return;
    const Chunk target = {Space::kOutput, put_taken_by(rank, i)->target.index};
    program.copy(scratch(arrival->second), target);
    copy_to_shadow(rank, target, program);
  }

  void copy_to_shadow(int rank, const Chunk& written, Program& program) const {
    if (written.space != Space::kOutput || written.rank != kSelf) return;
    const auto shadow = shadows_[rank].find({Space::kOutput, written.index});
    if (shadow != shadows_[rank].end()) program.copy(written, scratch(shadow->second));
  }

  const Schedule& old_;
  const std::vector<std::vector<StepAt>> partners_;
  const int ready_channel_;
  std::vector<int> next_scratch_;                // per rank
  std::vector<std::map<Key, int>> shadows_;      // per owner: chunk read by peers -> scratch
  std::vector<std::set<int>> readers_;           // per owner: who reads its input
  std::map<std::pair<int, int>, int> arrivals_;  // (rank, wait) -> scratch chunk put into
};

bool reaches_buffers(const Schedule& schedule) {
  for (const Program& program : schedule.programs) {
    for (const Step& step : program.steps) {
      if (is_peers_buffer(step.target)) return true;
      if (std::any_of(step.sources.begin(), step.sources.end(), is_peers_buffer)) return true;
    }
  }
  return false;
}

// The same schedule, in which no rank names its own chunks as if they were a peer's.
Schedule with_own_chunks_as_such(Schedule schedule) {
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    for (Step& step : schedule.at(rank).steps) {
      if (step.target.rank == rank) step.target.rank = kSelf;
      for (Chunk& source : step.sources) {
        if (source.rank == rank) source.rank = kSelf;
      }
    }
  }
  return schedule;
}

}  // namespace

Schedule stage(const Schedule& schedule) {
  const Schedule plain = with_own_chunks_as_such(schedule);
  return reaches_buffers(plain) ? Stager(plain).run() : schedule;
}

}  // namespace tutti
