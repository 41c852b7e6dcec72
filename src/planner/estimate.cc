// Estimates of one layout. Tested by planner_estimate_test.cc.

#include "planner/estimate.h"

#include "planner/memory.h"
#include "planner/step.h"

namespace tutti::planner {
namespace {

double peak(const Problem& problem) {
  const MachineShape& machine = problem.machine;
  return problem.job.precision == Precision::kBf16 ? machine.peak_bf16 : machine.peak_fp32;
}

// Devices draw power as they compute; what waits or communicates draws little more than idle.
double joules_of(const MachineShape& machine, double seconds, double computing) {
  const double idle = machine.devices * machine.idle_watts + machine.node_watts;
  const double more = machine.devices * (machine.busy_watts - machine.idle_watts);
  return machine.nodes * (idle * seconds + more * computing);
}

double computing(const Times& times) { return times.compute + times.recompute + times.optimizer; }

}  // namespace

double goal_value(const Problem& problem, Goal goal, const Times& times) {
  if (goal == Goal::kTime) return times.step();
  return joules_of(problem.machine, times.step(), computing(times));
}

double least_goal_value(const Problem& problem, Goal goal, const Staged& all) {
  const double seconds = least_seconds(all);
  if (goal == Goal::kTime) return seconds;
  return joules_of(problem.machine, seconds, computing_seconds(all));
}

double mfu_of(const Problem& problem, double seconds) {
  const double flops = static_cast<double>(problem.job.batch_tokens) *
                       flops_per_token(problem.model, problem.job.sequence).causal;
  return flops / (seconds * problem.machine.ranks() * peak(problem));
}

Estimate estimate_of(const Problem& problem, const Staged& all) {
  const double tokens = static_cast<double>(problem.job.batch_tokens);
  Estimate estimate{};
  estimate.times = times_of(all);
  estimate.memory = memory_of(all);
  estimate.volumes = volumes_of(all);
  const double seconds = estimate.times.step();
  const double joules = joules_of(problem.machine, seconds, computing(estimate.times));
  estimate.fits = estimate.memory.total() <= problem.machine.memory;
  estimate.tokens_per_second = tokens / seconds;
  estimate.mfu = mfu_of(problem, seconds);
  estimate.watts = joules / seconds;
  estimate.joules_per_token = joules / tokens;
  return estimate;
}

Result<Estimate> estimate(const Problem& problem, const Layout& layout) {
  if (const Status status = divides(problem, layout); !status.ok()) return status;
  HostCalls calls(problem.machine);
  return estimate_of(problem, staged(problem, layout, calls));
}

}  // namespace tutti::planner
