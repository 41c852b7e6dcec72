// Prefill is the forward pass of training, with the head for one token only. Decode is one row a
// sequence: weights are read whatever the number of rows, and each sequence reads its own keys,
// values and states.

#include <algorithm>
#include <functional>

#include "planner/inference.h"
#include "planner/layer_memory.h"
#include "planner/stages.h"

namespace tutti::planner {
namespace {

constexpr int kHeadKernels = 3;      // norm, product, choice of a word
constexpr double kStateBytes = 4;    // Mamba's state is kept in fp32
constexpr double kPartialBytes = 4;  // what context parallel ranks found, and its weight

double d(long value) { return static_cast<double>(value); }

// Of the elements that a token leaves behind for later ones, and of those of a state, on a rank.
double cached_elements(const LayerRun& run, const Layout& layout) {
  if (run.mixer != Mixer::kAttention) return 0;
  return d(2 * run.kv_heads * run.head_width) / layout.tp;
}
double state_bytes(const LayerRun& run, const Layout& layout, double element) {
  if (run.mixer == Mixer::kAttention) return 0;
  const double inner = d(run.inner) / layout.tp;
  const double groups = run.groups == 0 ? 0 : std::max(1.0, d(run.groups) / layout.tp);
  const double convolved = inner + 2 * groups * d(run.state);
  return inner * d(run.state) * kStateBytes + convolved * d(run.conv) * element;
}

// The arithmetic of short rows: a device reads what a kernel needs while it multiplies.
class Rows {
 public:
  Rows(const CostContext& context, double rows) : c_(context), rows_(rows) {
    const bool short_numbers = c_.job.precision == Precision::kBf16;
    peak_ = (short_numbers ? c_.machine.peak_bf16 : c_.machine.peak_fp32) *
            c_.machine.efficiency.products;
    bandwidth_ = c_.machine.memory_bandwidth * c_.machine.efficiency.memory;
  }

  double product(double columns, double depth) const {
    const double moved = columns * depth + rows_ * (columns + depth);
    return std::max(2 * rows_ * columns * depth / peak_, moved * c_.element / bandwidth_);
  }
  double read(double bytes) const { return bytes / bandwidth_; }
  double compute(double flops, double bytes) const {
    return std::max(flops / peak_, bytes / bandwidth_);
  }

 private:
  const CostContext& c_;
  double rows_, peak_ = 0, bandwidth_ = 0;
};

void add(PhaseTimes& sum, const PhaseTimes& more, double times = 1) {
  sum.weights += times * more.weights;
  sum.cache += times * more.cache;
  sum.kernels += times * more.kernels;
  sum.tensor += times * more.tensor;
  sum.context += times * more.context;
  sum.pipeline += times * more.pipeline;
}

// Kernels follow each other no faster than a device starts them.
void wait_for_kernels(const InferenceJob& job, int kernels, PhaseTimes& times) {
  times.kernels += std::max(0.0, kernels * job.kernel - times.weights - times.cache);
}

PhaseTimes decode_layer(const InferenceProblem& problem, const CostContext& c, const LayerRun& run,
                        double sequences, double tokens) {
  Share share = c.share;
  share.tokens = share.kept = sequences;  // a row each
  share.cp = 1;
  const LayerWork work = work_of(c.model, run, share);
  const Rows rows(c, sequences);
  PhaseTimes times;
  for (const Product& product : work.products) {
    times.weights += rows.product(product.columns, product.depth);
  }
  times.weights += rows.read(work.moved * c.element);
  const double inner = run.mixer == Mixer::kAttention ? d(run.heads * run.head_width) : 0;
  const double seen = sequences * tokens / c.layout.cp;
  times.cache = rows.compute(4 * seen * inner / c.layout.tp,
                             seen * cached_elements(run, c.layout) * c.element);
  times.cache += rows.read(2 * sequences * state_bytes(run, c.layout, c.element));
  wait_for_kernels(problem.job, work.kernels, times);
  const double exchange = all_reduce_seconds(c.machine, c.tensor, work.shared * c.element);
  if (c.tensor.ranks > 1) {
    times.tensor = work.exchanges * exchange;
    if (work.added > 0) times.tensor += all_reduce_seconds(c.machine, c.tensor, work.added * 4);
  }
  if (c.context.ranks > 1 && inner > 0) {
    const double partial = sequences * (inner + 2 * d(run.heads)) / c.layout.tp * kPartialBytes;
    times.context = all_reduce_seconds(c.machine, c.context, partial);
  }
  return times;
}

PhaseTimes prefill_layer(const CostContext& c, const LayerRun& run) {
  const LayerCosts costs = costs_of(c, run);
  const LayerWork work = work_of(c.model, run, c.share);
  const Rows rows(c, c.share.tokens);
  PhaseTimes times{.tensor = costs.tensor_forward, .context = costs.context_forward};
  times.cache = rows.compute(2 * work.pair_flops, 0) + rows.compute(work.vector_flops, 0);
  times.cache = std::min(times.cache, costs.forward);
  times.weights = costs.forward - times.cache;
  return times;
}

// Of the last token of each of so many sequences.
PhaseTimes head(const InferenceProblem& problem, const CostContext& c, double sequences) {
  const Rows rows(c, sequences);
  const double words = d(c.model.vocabulary) / c.layout.tp;
  PhaseTimes times{.weights = rows.product(words, d(c.model.width))};
  wait_for_kernels(problem.job, kHeadKernels, times);
  const double logits = sequences * d(c.model.vocabulary) * c.element;
  times.tensor = all_gather_seconds(c.machine, c.tensor, logits);
  return times;
}

using LayerTimes = std::function<PhaseTimes(const LayerRun&)>;

// Stage by stage: its layers, the head in the last, and what is handed on.
PhaseCosts through_stages(const CostContext& c, const LayerTimes& layer, const PhaseTimes& head,
                          double hand_on) {
  std::vector<PhaseTimes> of_run;
  for (const LayerRun& run : c.model.runs) of_run.push_back(layer(run));
  const auto stages = split_evenly(c.model.layers(), c.layout.pp);
  PhaseCosts costs;
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    PhaseTimes times;
    int begin = 0;
    for (std::size_t i = 0; i < of_run.size(); ++i) {
      const int layers = c.model.runs[i].layers;
      add(times, of_run[i], stages[stage].of_run(begin, layers));
      begin += layers;
    }
    if (stage + 1 == stages.size()) add(times, head);
    if (stages.size() > 1) times.pipeline += hand_on;  // the last hands words to the first
    costs.busiest = std::max(costs.busiest, times.total());
    add(costs.all, times);
  }
  return costs;
}

double embedding_parameters(const ModelShape& model, int tp, bool first, bool last) {
  const double table = d(model.vocabulary * model.width) / tp;
  const bool shared = model.tied && first && last;
  return (first ? table : 0) + (last && !shared ? table : 0) + (last ? d(model.width) : 0);
}

}  // namespace

Problem as_training(const InferenceProblem& problem, const Layout& layout) {
  Problem training{problem.model, problem.machine, {}};
  training.machine.efficiency.kernel = problem.job.kernel;
  training.machine.efficiency.progress = 0;  // no passes backward that crowd the host
  training.job.sequence = problem.job.prompt;
  training.job.batch_tokens = problem.job.prompt * layout.dp;
  training.job.precision = problem.job.precision;
  return training;
}

PhaseCosts prefill_costs(const InferenceProblem& problem, const Layout& layout) {
  const Problem training = as_training(problem, layout);
  Layout one = layout;
  one.micro_batch = 1;
  const CostContext c(training, one, nullptr);
  const double message = c.share.kept * d(c.model.width) * c.element;
  const auto layer = [&](const LayerRun& run) { return prefill_layer(c, run); };
  return through_stages(c, layer, head(problem, c, 1),
                        pass_seconds(c.machine, c.pipeline, message));
}

PhaseCosts decode_costs(const InferenceProblem& problem, const Layout& layout, double sequences,
                        double tokens) {
  const Problem training = as_training(problem, layout);
  const CostContext c(training, layout, nullptr);
  const double message = sequences * d(c.model.width) * c.element;
  const auto layer = [&](const LayerRun& run) {
    return decode_layer(problem, c, run, sequences, tokens);
  };
  return through_stages(c, layer, head(problem, c, sequences),
                        pass_seconds(c.machine, c.pipeline, message));
}

InferenceMemory memory_of(const InferenceProblem& problem, const Layout& layout) {
  const Problem training = as_training(problem, layout);
  const CostContext c(training, layout, nullptr);
  Share prompt = c.share;
  prompt.tokens = prompt.kept = d(problem.job.prompt) / layout.cp;
  const double sequences = layout.micro_batch;
  const double tokens = d(problem.job.prompt + problem.job.answer) / layout.cp;
  const auto stages = split_evenly(c.model.layers(), layout.pp);
  InferenceMemory most;
  for (int stage = 0; stage < layout.pp; ++stage) {
    const bool last = stage + 1 == layout.pp;
    InferenceMemory memory;
    memory.parameters = embedding_parameters(c.model, layout.tp, stage == 0, last) * c.element;
    int begin = 0;
    for (const LayerRun& run : c.model.runs) {
      const double layers = stages[stage].of_run(begin, run.layers);
      begin += run.layers;
      memory.parameters += layers * layer_parameters(c.model, run, layout.tp) * c.element;
      memory.cache +=
          layers * sequences *
          (tokens * cached_elements(run, layout) * c.element + state_bytes(run, layout, c.element));
      // What a layer makes of a prompt is gone after it.
      const LayerMemory layer = layer_memory(c.model, run, prompt, Recomputation::kNone);
      memory.buffers = std::max(memory.buffers, layer.complete * c.element);
    }
    if (last) memory.buffers += sequences * d(c.model.vocabulary) * 4 / layout.tp;
    memory.headroom = c.machine.headroom * memory.total();
    if (memory.total() > most.total()) most = memory;
  }
  return most;
}

}  // namespace tutti::planner
