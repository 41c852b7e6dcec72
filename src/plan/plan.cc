// Lowers programs. Tested by plan_test.cc.

#include "plan/plan.h"

#include <algorithm>
#include <set>

#include "schedule/match.h"

namespace tutti {
namespace {

using Partners = std::vector<std::vector<StepAt>>;

// The index of a wait among its program's waits: the line it polls.
std::vector<int> number_waits(const Program& program) {
  std::vector<int> lines(program.steps.size(), -1);
  int next = 0;
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    if (program.steps[i].kind == StepKind::kWait) lines[i] = next++;
  }
  return lines;
}

int count_waits(const Program& program) {
  return static_cast<int>(std::count_if(program.steps.begin(), program.steps.end(),
                                        [](auto& step) { return step.kind == StepKind::kWait; }));
}

bool contains(const std::vector<Chunk>& chunks, const Chunk& chunk) {
  return std::find(chunks.begin(), chunks.end(), chunk) != chunks.end();
}

// The last move when only signals follow it: moves may cross signals backwards, since a signal
// gives permissions and never takes any.
Instruction* open_move(std::vector<Instruction>& instructions) {
  for (auto it = instructions.rbegin(); it != instructions.rend(); ++it) {
    if (it->action == Action::kMove) return &*it;
    if (it->action == Action::kWait) return nullptr;
  }
  return nullptr;
}

// Whether a copy of `source` may become one more target of `move`.
bool continues(const Instruction& move, const Chunk& source) {
  const bool same_copy = move.sources.size() == 1 && move.sources[0] == source;
  return (same_copy && !contains(move.targets, source)) ||
         (source.rank == kSelf && contains(move.targets, source));
}

class Lowering {
 public:
  Lowering(const Schedule& schedule, int rank, bool inline_payload,
           const std::function<bool(int)>& fuse_to)
      : schedule_(schedule),
        rank_(rank),
        inline_payload_(inline_payload),
        fuse_to_(fuse_to),
        partners_(match_signals(schedule)) {
    for (int peer = 0; peer < schedule.ranks; ++peer) all_fused_ &= peer == rank || fuse_to(peer);
    for (const Program& program : schedule.programs) lines_.push_back(number_waits(program));
  }

  Plan run() {
    plan_.collective = schedule_.collective;
    plan_.rank = rank_;
    plan_.ranks = schedule_.ranks;
    plan_.root = schedule_.root;
    plan_.chunks = schedule_.chunks;
    plan_.scratch_chunks = schedule_.scratch_chunks;
    plan_.inline_payload = inline_payload_;
    for (const Program& program : schedule_.programs) {
      plan_.lines = std::max(plan_.lines, count_waits(program));
    }
    const std::vector<Step>& steps = schedule_.at(rank_).steps;
    for (int i = 0; i < static_cast<int>(steps.size()); ++i) lower_step(steps[i], i);
    if (all_fused_) forward_copies();
    find_landings();
    find_reads();
    for (std::size_t i = 0; i < plan_.instructions.size(); ++i) mark_streams(i);
    plan_.receivers.assign(receivers_.begin(), receivers_.end());
    plan_.senders.assign(senders_.begin(), senders_.end());
    return std::move(plan_);
  }

 private:
  void lower_step(const Step& step, int i) {
    note_buffers(step);
    switch (step.kind) {
      case StepKind::kCopy:
        return move(step.sources, step.target, /*may_fuse=*/true);
      case StepKind::kReduce:
        plan_.instructions.push_back({Action::kMove, kSelf, -1, step.sources, {step.target}});
        return;
      case StepKind::kPut:
        if (!inline_payload_) move(step.sources, step.target, fuse_to_(step.peer));
        return signal(step, i);
      case StepKind::kSignal:
        return signal(step, i);
      case StepKind::kWait:
        return wait(step, i);
    }
  }

  void move(const std::vector<Chunk>& sources, const Chunk& target, bool may_fuse) {
    Instruction* open = may_fuse ? open_move(plan_.instructions) : nullptr;
    const bool may_grow = open != nullptr && (open->targets.back().rank == kSelf ||
                                              fuse_to_(open->targets.back().rank));
    if (may_grow && continues(*open, sources[0]) && !contains(open->sources, target)) {
      open->targets.push_back(target);
      return;
    }
    plan_.instructions.push_back({Action::kMove, kSelf, -1, sources, {target}});
  }

  void signal(const Step& step, int i) {
    const StepAt taker = partners_[rank_][i];
    Instruction instruction{Action::kSignal, step.peer, lines_[taker.rank][taker.step], {}, {}};
    if (inline_payload_) instruction.sources = step.sources;
    plan_.instructions.push_back(std::move(instruction));
    receivers_.insert(step.peer);
  }

  void wait(const Step& step, int i) {
    Instruction instruction{Action::kWait, step.peer, lines_[rank_][i], {}, {}};
    const StepAt sender = partners_[rank_][i];
    const Step& given = schedule_.at(sender.rank).steps[sender.step];
    if (inline_payload_ && given.kind == StepKind::kPut) {
      instruction.targets = {{given.target.space, given.target.index}};
    } else if (given.kind == StepKind::kPut && given.target.space == Space::kScratch) {
      instruction.lands = given.target.index;  // find_landings() has the last word
    }
    plan_.instructions.push_back(std::move(instruction));
    senders_.insert(step.peer);
  }

  // Drops copies of input into own scratch that only guard against late reads. Algorithms make them
  // because a put may read its source after its rank went on; where all puts are stores of this
  // rank, done in order, the input serves as well, until the rank overwrites it (in place).
  void forward_copies() {
    for (std::size_t at = 0; at < plan_.instructions.size(); ++at) {
      Instruction& copy = plan_.instructions[at];
      if (copy.action != Action::kMove || copy.sources.size() != 1) continue;
      if (copy.sources[0].space != Space::kInput || copy.sources[0].rank != kSelf) continue;
      const auto kept = std::find_if(copy.targets.begin(), copy.targets.end(), [&](const Chunk& c) {
        return c.space == Space::kScratch && c.rank == kSelf && may_forward(c, at);
      });
      if (kept == copy.targets.end()) continue;
      const Chunk scratch = *kept, source = copy.sources[0];
      copy.targets.erase(kept);
      for (Instruction& reader : plan_.instructions) {
        std::replace(reader.sources.begin(), reader.sources.end(), scratch, source);
      }
      if (copy.targets.empty()) plan_.instructions.erase(plan_.instructions.begin() + at--);
    }
  }

  // Whether the scratch chunk is written by instruction `at` alone, read by nobody else, and no
  // longer read once an output chunk may have been written. Peers may write one after any signal.
  bool may_forward(const Chunk& scratch, std::size_t at) const {
    const bool peers_write = !inline_payload_ && peers_write_output();
    bool output_written = false;
    for (std::size_t i = 0; i < plan_.instructions.size(); ++i) {
      const Instruction& other = plan_.instructions[i];
      if (i != at && contains(other.targets, scratch)) return false;
      if (contains(other.sources, scratch) && (i < at || output_written)) return false;
      output_written |= peers_write && other.action == Action::kSignal;
      for (const Chunk& target : other.targets) {
        output_written |= target.space == Space::kOutput && target.rank == kSelf;
      }
    }
    for (const Program& program : schedule_.programs) {
      for (const Step& step : program.steps) {
        if (contains(step.sources, of(rank_, scratch)) || step.target == of(rank_, scratch)) {
          return false;
        }
      }
    }
    return true;
  }

  // Keeps of the chunks that land those that only the next instruction uses, here and at once.
  void find_landings() {
    for (std::size_t at = 0; at < plan_.instructions.size(); ++at) {
      int& lands = plan_.instructions[at].lands;
      if (lands >= 0 && !may_land(at, scratch(lands))) lands = -1;
    }
  }

  bool may_land(std::size_t at, const Chunk& landed) const {
    if (at + 1 == plan_.instructions.size()) return false;
    const Instruction& user = plan_.instructions[at + 1];
    if (user.action != Action::kMove || contains(user.targets, landed)) return false;
    if (std::count(user.sources.begin(), user.sources.end(), landed) != 1) return false;
    const auto is_here = [this](const Chunk& c) { return c.rank == kSelf || fuse_to_(c.rank); };
    if (!std::all_of(user.targets.begin(), user.targets.end(), is_here)) return false;
    for (std::size_t i = 0; i < plan_.instructions.size(); ++i) {
      const Instruction& other = plan_.instructions[i];
      if (contains(other.targets, landed)) return false;
      if (i != at + 1 && contains(other.sources, landed)) return false;
    }
    return uses_by_peers(landed) == 1;  // the put itself
  }

  int uses_by_peers(const Chunk& own) const {
    const Chunk named = of(rank_, own);
    int uses = 0;
    for (const Program& program : schedule_.programs) {
      for (const Step& step : program.steps) {
        uses += contains(step.sources, named) + (step.target == named);
      }
    }
    return uses;
  }

  bool peers_write_output() const {
    const auto writes = [this](const Step& step) {
      return step.kind == StepKind::kPut && step.peer == rank_ &&
             step.target.space == Space::kOutput;
    };
    return std::any_of(schedule_.programs.begin(), schedule_.programs.end(), [&](auto& program) {
      return std::any_of(program.steps.begin(), program.steps.end(), writes);
    });
  }

  void mark_streams(std::size_t at) {
    Instruction& move = plan_.instructions[at];
    for (std::size_t t = 0; t < move.targets.size() && t < 32; ++t) {
      const Chunk& target = move.targets[t];
      if (target.space != Space::kOutput || is_read(target, at)) continue;
      move.stream_mask |= 1u << t;
    }
  }

  // Whether anybody reads an output chunk that instruction `at` writes: this rank later on, the
  // rank that it lies in, or a third one.
  bool is_read(const Chunk& target, std::size_t at) const {
    const int owner = target.rank == kSelf ? rank_ : target.rank;
    for (std::size_t i = at + 1; owner == rank_ && i < plan_.instructions.size(); ++i) {
      if (contains(plan_.instructions[i].sources, target)) return true;
    }
    return read_.contains({owner, target.index});
  }

  // Output chunks that other ranks read, of their own or of anybody.
  void find_reads() {
    for (int reader = 0; reader < schedule_.ranks; ++reader) {
      if (reader == rank_) continue;
      for (const Step& step : schedule_.at(reader).steps) {
        for (const Chunk& source : step.sources) {
          if (source.space != Space::kOutput) continue;
          read_.insert({source.rank == kSelf ? reader : source.rank, source.index});
        }
      }
    }
  }

  void note_buffers(const Step& step) {
    const auto peers = [](const Chunk& c) { return c.rank != kSelf && c.space != Space::kScratch; };
    // An inline put stores nothing in the peer's memory: the peer does, after its wait.
    const bool stores = step.kind != StepKind::kPut || !inline_payload_;
    plan_.touches_buffers |= (stores && peers(step.target)) ||
                             std::any_of(step.sources.begin(), step.sources.end(), peers);
  }

  const Schedule& schedule_;
  const int rank_;
  const bool inline_payload_;
  const std::function<bool(int)>& fuse_to_;
  const Partners partners_;
  std::vector<std::vector<int>> lines_;
  bool all_fused_ = true;
  std::set<std::pair<int, int>> read_;  // (owner, output chunk)
  std::set<int> receivers_;
  std::set<int> senders_;
  Plan plan_;
};

std::string text(const std::vector<Chunk>& chunks, const char* separator) {
  static constexpr const char* kNames[] = {"input", "output", "scratch"};
  std::string result;
  for (const Chunk& chunk : chunks) {
    if (!result.empty()) result += separator;
    if (chunk.rank != kSelf) result += std::to_string(chunk.rank) + ":";
    result += kNames[static_cast<int>(chunk.space)];
    result += "[" + std::to_string(chunk.index) + "]";
  }
  return result;
}

std::string text(const Instruction& i) {
  const std::string at = std::to_string(i.peer) + " line " + std::to_string(i.line);
  switch (i.action) {
    case Action::kMove:
      return "  move   " + text(i.sources, " + ") + " -> " + text(i.targets, ", ") + "\n";
    case Action::kSignal:
      return "  signal " + at + (i.sources.empty() ? "" : " with " + text(i.sources, "")) + "\n";
    case Action::kWait:
      return "  wait   " + at + (i.targets.empty() ? "" : " into " + text(i.targets, "")) + "\n";
  }
  return "";
}

}  // namespace

Plan lower(const Schedule& schedule, int rank, bool inline_payload,
           const std::function<bool(int)>& fuse_to) {
  return Lowering(schedule, rank, inline_payload, fuse_to).run();
}

std::string dump(const Plan& plan) {
  std::string result;
  for (const Instruction& instruction : plan.instructions) result += text(instruction);
  return result;
}

}  // namespace tutti
