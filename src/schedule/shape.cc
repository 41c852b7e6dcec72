// Well-formedness, step by step. Tested by verify_test.cc.

#include "schedule/shape.h"

namespace tutti {
namespace {

bool in_range(int value, int end) { return 0 <= value && value < end; }

bool takes_part(const Schedule& schedule, int rank) { return in_range(rank, schedule.ranks); }

std::string check_header(const Schedule& schedule) {
  const std::string ranks = std::to_string(schedule.ranks);
  if (schedule.ranks < 1 || schedule.ranks > kMaxRanks) {
    return "a schedule needs 1 … " + std::to_string(kMaxRanks) + " ranks, not " + ranks;
  }
  if (static_cast<int>(schedule.programs.size()) != schedule.ranks) {
    return "there are " + std::to_string(schedule.programs.size()) + " programs for " + ranks +
           " ranks";
  }
  if (!takes_part(schedule, schedule.root)) {
    return "root " + std::to_string(schedule.root) + " is not one of " + ranks + " ranks";
  }
  if (schedule.collective == Collective::kSendRecv && schedule.ranks != 2) {
    return "send_recv is between 2 ranks, not " + ranks;
  }
  if (is_scan(schedule.collective) && schedule.root != 0 && schedule.root != schedule.ranks - 1) {
    return "a scan begins at rank 0 or " + std::to_string(schedule.ranks - 1) + ", not " +
           std::to_string(schedule.root);
  }
  if (schedule.chunks < 1) return "a buffer needs at least one chunk";
  if (schedule.scratch_chunks < 0) return "the number of scratch chunks is negative";
  return "";
}

std::string check_chunk(const Schedule& schedule, int rank, const Chunk& chunk) {
  const int owner = chunk.rank == kSelf ? rank : chunk.rank;
  if (!takes_part(schedule, owner)) {
    return dump(chunk) + " names a rank that is not one of " + std::to_string(schedule.ranks);
  }
  const int chunks = chunks_of(schedule, chunk.space, owner);
  if (!in_range(chunk.index, chunks)) {
    return dump(chunk) + " is out of range: rank " + std::to_string(owner) + " has " +
           std::to_string(chunks) + " such chunks";
  }
  return "";
}

std::string check_sources(const Schedule& schedule, int rank, const Step& step) {
  if (step.sources.empty()) return "it has no source";
  if (step.kind != StepKind::kReduce && step.sources.size() != 1) {
    return "it has " + std::to_string(step.sources.size()) + " sources; one is expected";
  }
  for (const Chunk& source : step.sources) {
    if (std::string wrong = check_chunk(schedule, rank, source); !wrong.empty()) return wrong;
  }
  return "";
}

std::string check_target(const Schedule& schedule, int rank, const Step& step) {
  if (std::string wrong = check_chunk(schedule, rank, step.target); !wrong.empty()) return wrong;
  if (step.target.space == Space::kInput) return "it writes input, which is read only";
  return "";
}

std::string check_peer(const Schedule& schedule, int rank, const Step& step) {
  if (!takes_part(schedule, step.peer)) {
    return "peer " + std::to_string(step.peer) + " is not one of " +
           std::to_string(schedule.ranks) + " ranks";
  }
  if (step.peer == rank) return "its peer is the rank itself";
  if (!in_range(step.channel, kMaxChannels)) {
    return "channel " + std::to_string(step.channel) + " is not in 0 … " +
           std::to_string(kMaxChannels - 1);
  }
  return "";
}

std::string check_local(const Schedule& schedule, int rank, const Step& step) {
  if (std::string wrong = check_sources(schedule, rank, step); !wrong.empty()) return wrong;
  if (step.target.rank != kSelf && step.target.rank != rank) {
    return "only a put may write a peer's memory";
  }
  return check_target(schedule, rank, step);
}

std::string check_put(const Schedule& schedule, int rank, const Step& step) {
  if (std::string wrong = check_peer(schedule, rank, step); !wrong.empty()) return wrong;
  if (std::string wrong = check_sources(schedule, rank, step); !wrong.empty()) return wrong;
  if (step.sources[0].rank != kSelf && step.sources[0].rank != rank) {
    return "a put's source must be the rank's own";
  }
  if (step.target.rank != step.peer) return "its target is not a chunk of its peer";
  return check_target(schedule, rank, step);
}

std::string check_step(const Schedule& schedule, int rank, const Step& step) {
  switch (step.kind) {
    case StepKind::kCopy:
    case StepKind::kReduce:
      return check_local(schedule, rank, step);
    case StepKind::kPut:
      return check_put(schedule, rank, step);
    case StepKind::kSignal:
    case StepKind::kWait:
      return check_peer(schedule, rank, step);
  }
  return "its kind is unknown";
}

}  // namespace

std::string check_shape(const Schedule& schedule) {
  if (std::string wrong = check_header(schedule); !wrong.empty()) return "malformed: " + wrong;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    const std::vector<Step>& steps = schedule.at(rank).steps;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::string wrong = check_step(schedule, rank, steps[i]);
      if (wrong.empty()) continue;
      return "malformed: rank " + std::to_string(rank) + ", step " + std::to_string(i) + " (" +
             dump(steps[i]) + "): " + wrong;
    }
  }
  return "";
}

}  // namespace tutti
