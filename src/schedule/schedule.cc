// Builds and prints schedules. Tested by schedule_test.cc.

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

}  // namespace tutti
