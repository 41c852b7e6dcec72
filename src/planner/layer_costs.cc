#include "planner/layer_costs.h"

#include <algorithm>

#include "planner/layer_memory.h"
#include "planner/shared_cores.h"

namespace tutti::planner {
namespace {

// FlashAttention 2 computes scores again (Dao, 2023).
constexpr double kPairsBackward = 2.5;
// Bytes moved for each logit, forward and backward: in two bytes and in four, its largest, its
// exponential, their sum, its gradient.
constexpr double kLogitBytes = 40;
constexpr int kHeadKernels = 12;
// A collective takes a host as long as so many kernels: streams and events are joined with it.
constexpr int kCallKernels = 5;

struct Engine {
  const MachineShape& machine;
  double peak;
  double element;
  double cached;  // share of what is moved

  Engine(const CostContext& c)
      : machine(c.machine),
        peak(c.job.precision == Precision::kBf16 ? c.machine.peak_bf16 : c.machine.peak_fp32),
        element(c.element),
        cached(c.cached) {}

  double move(double bytes) const {
    double seconds = (1 - cached) * bytes / machine.memory_bandwidth;
    if (cached > 0) seconds += cached * bytes / machine.cache_bandwidth;
    return seconds / machine.efficiency.memory;
  }
  double multiply(const Product& p) const {
    const double rows = p.rows / (p.rows + machine.efficiency.half_tokens);
    const double moved = p.rows * p.columns + p.columns * p.depth + p.rows * p.depth;
    return std::max(p.flops() / (peak * machine.efficiency.products * rows),
                    moved * element / machine.memory_bandwidth);
  }
  double pairs(double flops) const {
    return flops / (peak * machine.efficiency.products * machine.efficiency.pairs);
  }
  double vector(double flops) const {
    return flops / (machine.peak_fp32 * machine.efficiency.memory);
  }
};

// A device waits for its host where kernels are short.
void wait_for_host(const CostContext& c, double kernels, double calls, LayerCosts& costs) {
  const double kernel = c.machine.efficiency.kernel;
  const double forward = kernels * kernel + calls;
  costs.forward = std::max(costs.forward, forward - costs.tensor_forward - costs.context_forward);
  const double device = costs.backward + costs.weights;
  const double backward = 2 * kernels * kernel + calls;
  const double wait = backward - device - costs.tensor_backward - costs.context_backward;
  if (wait > 0) costs.backward += wait;
}

// Of a pass over a layer.
double calls_of(const CostContext& c, const LayerWork& work) {
  double seconds = 0;
  if (c.tensor.ranks > 1) {
    seconds += (2 * work.exchanges + (work.added > 0)) * c.call_seconds(c.tensor);
  }
  if (c.context.ranks > 1) seconds += (c.context.ranks - 1) * c.call_seconds(c.context);
  return seconds;
}

void add_compute(const Engine& engine, const LayerWork& work, LayerCosts& costs) {
  double products = 0;
  for (const Product& product : work.products) products += engine.multiply(product);
  const double pairs = engine.pairs(work.pair_flops) + engine.vector(work.vector_flops);
  const double moved = engine.move(work.moved * engine.element);
  costs.forward = products + pairs + moved;
  costs.backward = products + kPairsBackward * pairs + 2 * moved;
  costs.weights = products;
}

// With sequence parallelism a gather and a reduce_scatter, without one all_reduce, which is both;
// backward the same the other way round.
void add_tensor(const CostContext& c, const LayerWork& work, LayerCosts& costs) {
  if (c.tensor.ranks <= 1) return;
  const double bytes = work.shared * c.element;
  const double exchange = c.layout.sequence_parallel
                              ? c.all_gather(c.tensor, bytes) + c.reduce_scatter(c.tensor, bytes)
                              : c.all_reduce(c.tensor, bytes);
  const double added = c.all_reduce(c.tensor, work.added * c.element);
  costs.tensor_forward = work.exchanges * exchange + (work.added > 0 ? added : 0);
  costs.tensor_backward = costs.tensor_forward;
  costs.tensor_bytes = 4 * work.exchanges * bytes + 4 * work.added * c.element;
}

// A ring hides behind the pairs that each hop brings; states are waited for. Backward, gradients of
// what went round go round, too.
void add_context(const CostContext& c, const Engine& engine, const LayerWork& work,
                 LayerCosts& costs) {
  const int n = c.context.ranks;
  if (n <= 1) return;
  const double hop = work.passed * c.element;
  const double pass = hop > 0 ? (n - 1) * c.pass(c.context, hop) : 0;
  const double hidden = c.machine.efficiency.overlap * engine.pairs(work.pair_flops);
  const double state = work.gathered_state * c.element;
  const double gather = state > 0 ? c.all_gather(c.context, state) + (n - 1) * c.turn() : 0;
  costs.context_forward = std::max(0.0, pass - hidden) + gather;
  costs.context_backward = std::max(0.0, 2 * pass - kPairsBackward * hidden) + gather;
  costs.context_bytes = (3 * n - 2) * hop + 2 * state;
}

void add_recomputation(const CostContext& c, const Engine& engine, const LayerWork& work,
                       LayerCosts& costs) {
  switch (c.layout.recomputation) {
    case Recomputation::kNone:
      return;
    case Recomputation::kSelective:
      costs.again = engine.move(work.again * engine.element);
      if (c.layout.sequence_parallel && c.tensor.ranks > 1) {
        const double bytes = work.shared * c.element;
        costs.tensor_backward += work.exchanges * c.all_gather(c.tensor, bytes);
        costs.tensor_bytes += work.exchanges * bytes;
      }
      return;
    case Recomputation::kFull:
      costs.again = costs.forward;
      costs.tensor_backward += costs.tensor_forward;
      costs.tensor_bytes *= 1.5;
      costs.context_backward += costs.context_forward;
      costs.context_bytes += (c.context.ranks - 1) * work.passed * c.element;
      return;
  }
}

// What fits the cache of what a micro-batch leaves on a rank, from forward to backward.
double cached_share(const CostContext& c) {
  if (c.machine.cache <= 0 || c.machine.cache_bandwidth <= 0) return 0;
  double kept = 0;
  for (const LayerRun& run : c.model.runs) {
    kept += run.layers * layer_memory(c.model, run, c.share, c.layout.recomputation).kept;
  }
  return std::min(1.0, c.machine.cache / (kept * c.element / c.layout.pp));
}

GroupShape group_along(const Problem& problem, const Layout& layout, Dimension dimension) {
  std::array<bool, kDimensions> varies = {};
  varies[static_cast<int>(dimension)] = true;
  return group_of(layout, varies, problem.machine.devices);
}

}  // namespace

CostContext::CostContext(const Problem& problem, const Layout& layout, HostCalls* calls)
    : machine(problem.machine),
      model(problem.model),
      job(problem.job),
      layout(layout),
      share(share_of(problem.model, problem.job, layout)),
      tensor(group_along(problem, layout, Dimension::kTensor)),
      context(group_along(problem, layout, Dimension::kContext)),
      pipeline(group_along(problem, layout, Dimension::kPipeline)),
      element(problem.job.precision == Precision::kBf16 ? 2 : 4),
      calls(problem.machine.cores > 0 ? calls : nullptr) {
  cached = cached_share(*this);
}

double CostContext::all_gather(const GroupShape& group, double bytes) const {
  return on_host(group) ? calls->seconds(group.ranks, {Collective::kAllGather, bytes})
                        : all_gather_seconds(machine, group, bytes);
}
double CostContext::reduce_scatter(const GroupShape& group, double bytes) const {
  return on_host(group) ? calls->seconds(group.ranks, {Collective::kReduceScatter, bytes})
                        : reduce_scatter_seconds(machine, group, bytes);
}
double CostContext::all_reduce(const GroupShape& group, double bytes) const {
  return on_host(group) ? calls->seconds(group.ranks, {Collective::kAllReduce, bytes})
                        : all_reduce_seconds(machine, group, bytes);
}
double CostContext::pass(const GroupShape& group, double bytes) const {
  if (!on_host(group)) return pass_seconds(machine, group, bytes);
  return calls->seconds(std::min(group.ranks, 2), {Collective::kSendRecv, bytes}) + turn();
}

double CostContext::hidden_bytes() const {
  return share.precise * share.kept * static_cast<double>(model.width) * element;
}

double CostContext::turn() const { return crowd_of(machine) > 1 ? machine.efficiency.turn : 0; }

double CostContext::call_seconds(const GroupShape& group) const {
  const Efficiency& e = machine.efficiency;
  const bool crowded = pipeline.nodes > 1;
  return kCallKernels * e.kernel + (crowded ? (group.ranks - 1) * e.progress : 0);
}

void LayerCosts::add(const LayerCosts& more, double times) {
  forward += times * more.forward;
  backward += times * more.backward;
  weights += times * more.weights;
  again += times * more.again;
  tensor_forward += times * more.tensor_forward;
  tensor_backward += times * more.tensor_backward;
  context_forward += times * more.context_forward;
  context_backward += times * more.context_backward;
  tensor_bytes += times * more.tensor_bytes;
  context_bytes += times * more.context_bytes;
}

LayerCosts costs_of(const CostContext& c, const LayerRun& run) {
  const Engine engine(c);
  const LayerWork work = work_of(c.model, run, c.share);
  LayerCosts costs;
  add_compute(engine, work, costs);
  add_tensor(c, work, costs);
  add_context(c, engine, work, costs);
  wait_for_host(c, work.kernels, calls_of(c, work), costs);
  add_recomputation(c, engine, work, costs);
  return costs;
}

LayerCosts embedding_costs(const CostContext& c) {
  const Engine engine(c);
  const double bytes = c.share.tokens * static_cast<double>(c.model.width) * c.element;
  LayerCosts costs;
  costs.forward = engine.move(2 * bytes);
  costs.weights = engine.move(2 * bytes);
  if (c.tensor.ranks > 1) {
    costs.tensor_forward = c.reduce_scatter(c.tensor, bytes);
    costs.tensor_backward = costs.tensor_forward;
    costs.tensor_bytes = 2 * bytes;
  }
  return costs;
}

LayerCosts head_costs(const CostContext& c) {
  const Engine engine(c);
  const double width = static_cast<double>(c.model.width);
  const double words = static_cast<double>(c.model.vocabulary) / c.layout.tp;
  const double product = engine.multiply({c.share.tokens, words, width});
  const double logits = engine.move(kLogitBytes * c.share.tokens * words);
  LayerCosts costs;
  costs.forward = product + logits / 2;
  costs.backward = product + logits / 2;
  costs.weights = product;
  if (c.tensor.ranks > 1) {
    const double bytes = c.share.tokens * width * c.element;
    costs.tensor_forward = c.all_gather(c.tensor, bytes);
    costs.tensor_backward = costs.tensor_forward;
    costs.tensor_bytes = 2 * bytes;
  }
  wait_for_host(c, kHeadKernels, c.tensor.ranks > 1 ? 2 * c.call_seconds(c.tensor) : 0, costs);
  return costs;
}

}  // namespace tutti::planner
