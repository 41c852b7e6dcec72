// Builds schedules and answers what they have and need. Tested by schedule_test.cc.

#include "schedule/schedule.h"

#include <algorithm>

namespace tutti {

void Program::copy(Chunk src, Chunk dst) { steps.push_back({StepKind::kCopy, {src}, dst}); }

void Program::reduce(std::vector<Chunk> sources, Chunk dst) {
  steps.push_back({StepKind::kReduce, std::move(sources), dst});
}

void Program::put(Chunk src, int peer, Chunk dst, int channel) {
  steps.push_back({StepKind::kPut, {src}, of(peer, dst), peer, channel});
}

void Program::signal(int peer, int channel) {
  steps.push_back({StepKind::kSignal, {}, {}, peer, channel});
}

void Program::wait(int peer, int channel) {
  steps.push_back({StepKind::kWait, {}, {}, peer, channel});
}

namespace {

int inputs_of(const Schedule& schedule, int rank) {
  switch (schedule.collective) {
    case Collective::kAllReduce:
    case Collective::kAllGather:
    case Collective::kReduce:
    case Collective::kGather:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return schedule.chunks;
    case Collective::kReduceScatter:
    case Collective::kAllToAll:
      return schedule.ranks * schedule.chunks;
    case Collective::kBroadcast:
      return rank == schedule.root ? schedule.chunks : 0;
    case Collective::kScatter:
      return rank == schedule.root ? schedule.ranks * schedule.chunks : 0;
    case Collective::kSendRecv:
      return rank == 0 ? schedule.chunks : 0;
    case Collective::kBarrier:
      return 0;
  }
  return 0;
}

int outputs_of(const Schedule& schedule, int rank) {
  switch (schedule.collective) {
    case Collective::kAllReduce:
    case Collective::kReduceScatter:
    case Collective::kBroadcast:
    case Collective::kScatter:
    case Collective::kScan:
      return schedule.chunks;
    case Collective::kExclusiveScan:
      return rank == schedule.root ? 0 : schedule.chunks;
    case Collective::kAllGather:
    case Collective::kAllToAll:
      return schedule.ranks * schedule.chunks;
    case Collective::kReduce:
      return rank == schedule.root ? schedule.chunks : 0;
    case Collective::kGather:
      return rank == schedule.root ? schedule.ranks * schedule.chunks : 0;
    case Collective::kSendRecv:
      return rank == 1 ? schedule.chunks : 0;
    case Collective::kBarrier:
      return 0;
  }
  return 0;
}

bool reads_peer(int rank, const Step& step) {
  return std::any_of(step.sources.begin(), step.sources.end(), [rank](const Chunk& source) {
    return source.rank != kSelf && source.rank != rank;
  });
}

}  // namespace

bool has_parts(Collective collective) {
  switch (collective) {
    case Collective::kAllGather:
    case Collective::kReduceScatter:
    case Collective::kAllToAll:
    case Collective::kGather:
    case Collective::kScatter:
      return true;
    case Collective::kAllReduce:
    case Collective::kBroadcast:
    case Collective::kReduce:
    case Collective::kBarrier:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return false;
  }
  return false;
}

bool is_scan(Collective collective) {
  return collective == Collective::kScan || collective == Collective::kExclusiveScan;
}

int chunks_of(const Schedule& schedule, Space space, int rank) {
  switch (space) {
    case Space::kInput:
      return inputs_of(schedule, rank);
    case Space::kOutput:
      return outputs_of(schedule, rank);
    case Space::kScratch:
      return schedule.scratch_chunks;
  }
  return 0;
}

bool needs_mapped(const Schedule& schedule) {
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    for (const Step& step : schedule.at(rank).steps) {
      if (reads_peer(rank, step)) return true;
    }
  }
  return false;
}

}  // namespace tutti
