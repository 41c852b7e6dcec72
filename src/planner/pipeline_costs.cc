#include "planner/pipeline_costs.h"

#include <algorithm>

namespace tutti::planner {
namespace {

// Of a micro-batch, on the rank that has most to do.
double busiest(const Layout& layout, const StageTimes& times) {
  std::vector<double> busy(layout.pp, 0);
  for (std::size_t stage = 0; stage < times.forward.size(); ++stage) {
    busy[stage % layout.pp] += times.forward[stage] + times.backward[stage] + times.weights[stage];
  }
  return *std::max_element(busy.begin(), busy.end());
}

// Forward passes go round the chunks, p of each at a time. Most are kept when the chunk's first
// backward pass is about to begin.
int most_interleaved(const Layout& layout, int micro_batches, int rank, int chunk) {
  const int p = layout.pp;
  const int round = p * layout.chunks;
  const int warm_up = 2 * (p - 1 - rank) + (layout.chunks - 1) * p;
  const int before = (layout.chunks - 1 - chunk) * p;  // backward passes of other chunks
  const int forward = std::min(warm_up + before + 1, micro_batches * layout.chunks);
  return forward / round * p + std::clamp(forward % round - chunk * p, 0, p);
}

double simulated(const Layout& layout, int micro_batches, const StageTimes& times) {
  const auto schedule = make_pipeline(layout.pipeline, layout.pp, layout.chunks, micro_batches);
  return time_of(*schedule, times).total;
}

}  // namespace

double pipeline_seconds(const Layout& layout, int micro_batches, const StageTimes& times) {
  if (layout.pp == 1) return micro_batches * busiest(layout, times);
  // Full after as many as there are ranks; interleaved ones come in multiples of that.
  const int enough = 3 * layout.pp;
  const int some = std::min(micro_batches, enough);
  return simulated(layout, some, times) + (micro_batches - some) * busiest(layout, times);
}

int most_in_flight(const Layout& layout, int micro_batches, int rank, int chunk) {
  const int p = layout.pp;
  switch (layout.pipeline) {
    case PipelineKind::kGpipe:
      return micro_batches;
    case PipelineKind::kOneForwardOneBackward:
      return std::min(micro_batches, p - rank);
    case PipelineKind::kInterleaved:
      return most_interleaved(layout, micro_batches, rank, chunk);
    case PipelineKind::kZeroBubble:
      return std::min(micro_batches, p);
  }
  return micro_batches;
}

}  // namespace tutti::planner
