#include "simulator/script.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"

namespace tutti {
namespace {

class Writer {
 public:
  Script script;

  void move(std::span<const Chunk> sources, std::span<const Chunk> targets,
            std::uint32_t stream_mask) {
    Deed deed{.kind = Deed::Kind::kMove, .sources = static_cast<std::uint16_t>(sources.size())};
    deed.first_touch = static_cast<std::uint32_t>(script.touches.size());
    for (const Chunk& source : sources) read(source, deed);
    for (std::size_t t = 0; t < targets.size(); ++t) {
      write(targets[t], t < 32 && (stream_mask >> t & 1) != 0, deed);
    }
    script.deeds.push_back(deed);
  }

  void give(int peer, int line, bool carries) {
    script.deeds.push_back(
        {.kind = Deed::Kind::kGive, .carries = carries, .peer = peer, .line = line});
    receivers_.insert(peer);
  }

  void take(int peer, int line, bool carries) {
    script.deeds.push_back(
        {.kind = Deed::Kind::kTake, .carries = carries, .peer = peer, .line = line});
    script.lines = std::max(script.lines, line + 1);
  }

  Script finish() {
    script.receivers.assign(receivers_.begin(), receivers_.end());
    return std::move(script);
  }

 private:
  void read(const Chunk& chunk, Deed& deed) {
    if (chunk.rank != kSelf) return touch(chunk.rank, /*writes=*/false, deed);
    (chunk.space == Space::kScratch ? deed.reads_scratch : deed.reads_user)++;
  }

  void write(const Chunk& chunk, bool streams, Deed& deed) {
    if (chunk.rank != kSelf) return touch(chunk.rank, /*writes=*/true, deed);
    if (chunk.space == Space::kScratch) {
      ++deed.writes_scratch;
    } else {
      ++deed.writes_user;
      deed.streams_user += streams;
    }
  }

  void touch(int peer, bool writes, Deed& deed) {
    script.touches.push_back({peer, writes});
    ++deed.touches;
    if (writes) receivers_.insert(peer);
  }

  std::set<int> receivers_;
};

Script script_of(const Plan& plan) {
  Writer writer;
  for (const Instruction& instruction : plan.instructions) {
    switch (instruction.action) {
      case Action::kMove:
        writer.move(instruction.sources, instruction.targets, instruction.stream_mask);
        break;
      case Action::kSignal:
        writer.give(instruction.peer, instruction.line, !instruction.sources.empty());
        break;
      case Action::kWait:
        writer.take(instruction.peer, instruction.line, !instruction.targets.empty());
        break;
    }
  }
  return writer.finish();
}

// By (giver, channel), in order: the lines on which a representative takes its signals.
using Lines = std::map<std::pair<int, int>, std::vector<int>>;

Lines lines_of(const Program& program) {
  Lines lines;
  int next = 0;
  for (const Step& step : program.steps) {
    if (step.kind == StepKind::kWait) lines[{step.peer, step.channel}].push_back(next++);
  }
  return lines;
}

Script script_of(const Program& program, int rank, const Symmetry& symmetry,
                 const std::vector<Lines>& lines) {
  Writer writer;
  std::map<std::pair<int, int>, std::size_t> given;  // by (taker, channel)
  int taken = 0;
  const auto give = [&](const Step& step) {
    const int giver = symmetry.image(rank, step.peer);
    const Lines& theirs = lines[symmetry.representative(step.peer)];
    const auto found = theirs.find({giver, step.channel});
    const std::size_t turn = given[{step.peer, step.channel}]++;
    TUTTI_CHECK(found != theirs.end() && turn < found->second.size(), "%d to %d", rank, step.peer);
    writer.give(step.peer, found->second[turn], /*carries=*/false);
  };
  for (const Step& step : program.steps) {
    switch (step.kind) {
      case StepKind::kCopy:
      case StepKind::kReduce:
        writer.move(step.sources, {&step.target, 1}, /*stream_mask=*/0);
        break;
      case StepKind::kPut:
        writer.move(step.sources, {&step.target, 1}, /*stream_mask=*/0);
        give(step);
        break;
      case StepKind::kSignal:
        give(step);
        break;
      case StepKind::kWait:
        writer.take(step.peer, taken++, /*carries=*/false);
        break;
    }
  }
  return writer.finish();
}

int most_lines(const std::vector<Script>& scripts) {
  int most = 0;
  for (const Script& script : scripts) most = std::max(most, script.lines);
  return most;
}

}  // namespace

Cast cast_of(std::span<const Plan> plans) {
  Cast cast;
  cast.symmetry = Symmetry::none(static_cast<int>(plans.size()));
  for (const Plan& plan : plans) {
    cast.scripts.push_back(script_of(plan));
    cast.scratch_chunks = plan.scratch_chunks;
  }
  cast.lines = most_lines(cast.scripts);
  return cast;
}

Cast cast_of(const Schedule& schedule, const Symmetry& symmetry) {
  Cast cast;
  cast.symmetry = symmetry;
  cast.scratch_chunks = schedule.scratch_chunks;
  std::vector<Lines> lines;
  for (int rank = 0; rank < symmetry.representatives(); ++rank) {
    lines.push_back(lines_of(schedule.at(rank)));
  }
  for (int rank = 0; rank < symmetry.representatives(); ++rank) {
    cast.scripts.push_back(script_of(schedule.at(rank), rank, symmetry, lines));
  }
  cast.lines = most_lines(cast.scripts);
  return cast;
}

}  // namespace tutti
