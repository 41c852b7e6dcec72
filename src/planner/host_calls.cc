#include "planner/host_calls.h"

#include <algorithm>

#include "tuner/touched.h"
#include "tutti/options.h"

namespace tutti::planner {
namespace {

// After as many steps, all that calls use has been used.
constexpr int kSteps = 6;

}  // namespace

// Whole ones that groups leave to each other.
int HostCalls::cores_of(int ranks) const {
  return std::max(1, machine_.cores * ranks / std::max(1, machine_.devices));
}

double HostCalls::seconds(int ranks, const HostCall& call) {
  if (ranks <= 1 || call.bytes <= 0) return 0;
  const auto [at, is_new] = seconds_.try_emplace({ranks, call}, 0);
  if (!is_new) return at->second;
  std::unique_ptr<Chooser>& chooser = choosers_[ranks];
  if (chooser == nullptr)
    chooser = std::make_unique<Chooser>(surroundings(ranks, cores_of(ranks)), Rules());
  Question question;
  question.collective = call.collective;
  question.type = DataType::kFloat32;
  question.bytes = static_cast<std::size_t>(call.bytes);
  // What of a core is left to a rank of this group alone, and to one of all groups.
  const double alone = std::min(1.0, static_cast<double>(cores_of(ranks)) / ranks);
  const double shared = std::min(1.0, static_cast<double>(machine_.cores) / machine_.devices);
  const double seconds = chooser->candidates(question).front().seconds * alone / shared;
  return at->second = seconds + machine_.efficiency.meeting;
}

Surroundings HostCalls::surroundings(int ranks, int cores) const {
  return {.group = ranks,
          .model = default_model(),
          .cores = cores,
          .room = {Options{}.scratch_bytes, lines_of(ranks)}};
}

double HostCalls::window_bytes(int ranks, const std::vector<HostCall>& calls) {
  if (ranks <= 1 || calls.empty()) return 0;
  const auto [at, is_new] = windows_.try_emplace({ranks, calls}, 0);
  if (!is_new) return at->second;
  // Ways are chosen by ranks that each see all cores.
  Touched touched(surroundings(ranks, machine_.cores));
  for (int step = 0; step < kSteps; ++step) {
    for (const HostCall& call : calls) {
      Question question;
      question.collective = call.collective;
      question.type = DataType::kFloat32;
      question.bytes = static_cast<std::size_t>(call.bytes);
      touched.add(question);
    }
  }
  return at->second = touched.bytes();
}

}  // namespace tutti::planner
