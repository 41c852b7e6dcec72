// A schedule as text. Tested by schedule_test.cc.

#include "schedule/schedule.h"

namespace tutti {
namespace {

const char* name(Space space) {
  switch (space) {
    case Space::kInput:
      return "input";
    case Space::kOutput:
      return "output";
    case Space::kScratch:
      return "scratch";
  }
  return "?";
}

const char* name(StepKind kind) {
  switch (kind) {
    case StepKind::kCopy:
      return "copy";
    case StepKind::kReduce:
      return "reduce";
    case StepKind::kPut:
      return "put";
    case StepKind::kSignal:
      return "signal";
    case StepKind::kWait:
      return "wait";
  }
  return "?";
}

std::string move_operands(const Step& step) {
  std::string text;
  for (const Chunk& source : step.sources) text += (text.empty() ? "" : " + ") + dump(source);
  return text + " -> " + dump(step.target);
}

std::string operands(const Step& step) {
  const bool moves =
      step.kind == StepKind::kCopy || step.kind == StepKind::kReduce || step.kind == StepKind::kPut;
  std::string text = moves ? move_operands(step) : std::to_string(step.peer);
  if (step.channel != 0) text += " on channel " + std::to_string(step.channel);
  return text;
}

}  // namespace

std::string dump(const Chunk& chunk) {
  const std::string owner = chunk.rank == kSelf ? "" : std::to_string(chunk.rank) + ":";
  return owner + name(chunk.space) + "[" + std::to_string(chunk.index) + "]";
}

std::string dump(const Step& step) { return std::string(name(step.kind)) + " " + operands(step); }

std::string dump(const Program& program) {
  constexpr std::size_t kColumn = 7;  // the longest verb and a blank
  std::string text;
  for (const Step& step : program.steps) {
    std::string verb = name(step.kind);
    verb.resize(kColumn, ' ');
    text += "  " + verb + operands(step) + "\n";
  }
  return text;
}

std::string dump(const Schedule& schedule) {
  std::string text;
  for (std::size_t rank = 0; rank < schedule.programs.size(); ++rank) {
    text += "rank " + std::to_string(rank) + "\n" + dump(schedule.programs[rank]);
  }
  return text;
}

}  // namespace tutti
