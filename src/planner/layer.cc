#include "planner/layer.h"

#include <algorithm>

namespace tutti::planner {
namespace {

// Kernels that a layer starts forward, beside its collectives: norm, products, rotations, attention
// or scan, activation, sums.
constexpr int kMixerKernels = 10;
constexpr int kMlpKernels = 6;

// Rows that a scan in chunks computes at once.
constexpr double kBand = 64;

double d(long value) { return static_cast<double>(value); }

// Groups of B and C on a rank: shared out, or copied where there are fewer than ranks.
double groups_on(const LayerRun& run, int tp) { return std::max(1.0, d(run.groups) / tp); }

// Columns of the first product of Mamba: z and x, B and C, dt.
double mamba2_columns(const LayerRun& run, int tp) {
  return (2 * d(run.inner) + d(run.heads)) / tp + 2 * groups_on(run, tp) * d(run.state);
}
double mamba2_convolved(const LayerRun& run, int tp) {
  return d(run.inner) / tp + 2 * groups_on(run, tp) * d(run.state);
}

double queries(const LayerRun& run) { return d(run.heads * run.head_width); }
double pairs(const LayerRun& run) { return d(2 * run.kv_heads * run.head_width); }

void add_attention(const LayerRun& run, double C, const Share& s, LayerWork& work) {
  const double S = s.tokens;
  const double HD = queries(run) / s.tp;
  const double KV = pairs(run) / s.tp;
  work.products.push_back({S, HD + KV, C});
  work.products.push_back({S, C, HD});
  work.pair_flops = 2 * S * s.sequence * HD;  // a token sees half of the others
  work.moved += 2 * S * (HD + KV / 2);        // rotations
  if (s.cp > 1) work.passed = S * KV;
}

// x_proj, dt_proj, and a scan.
void add_mamba1(const LayerRun& run, double C, const Share& s, LayerWork& work) {
  const double S = s.tokens;
  const double I = d(run.inner) / s.tp;
  const double RBC = d(run.dt_rank + 2 * run.state);
  work.products.push_back({S, 2 * I, C});
  work.products.push_back({S, RBC, I});
  work.products.push_back({S, I, d(run.dt_rank)});
  work.products.push_back({S, C, I});
  work.vector_flops = 7 * S * I * d(run.state);
  work.moved += S * I * (2 + 4 + 3);  // convolution, scan, gate
  if (s.tp > 1) work.added = S * RBC;
  if (s.cp > 1) work.gathered_state = s.cp * s.sequences * I * d(run.state + run.conv);
}

// Chunks of Q tokens: products inside of a chunk, where a token sees those before it, in bands of
// rows; and with the states between chunks.
void add_mamba2(const LayerRun& run, double C, const Share& s, LayerWork& work) {
  const double S = s.tokens;
  const double I = d(run.inner) / s.tp;
  const double BC = groups_on(run, s.tp) * d(run.state);
  const double Q = std::min(d(run.chunk), S / s.sequences);
  work.products.push_back({S, mamba2_columns(run, s.tp), C});
  work.products.push_back({S, C, I});
  work.pair_flops = S * (Q + std::min(Q, kBand)) * (BC + I) + 4 * S * I * d(run.state);
  work.moved += S * (2 * mamba2_convolved(run, s.tp) + 4 * I + 3 * I);
  if (s.cp > 1) {
    work.gathered_state =
        s.cp * s.sequences * (I * d(run.state) + mamba2_convolved(run, s.tp) * d(run.conv));
  }
}

void add_mixer(const LayerRun& run, double C, const Share& s, LayerWork& work) {
  switch (run.mixer) {
    case Mixer::kAttention:
      return add_attention(run, C, s, work);
    case Mixer::kMamba1:
      return add_mamba1(run, C, s, work);
    case Mixer::kMamba2:
      return add_mamba2(run, C, s, work);
  }
}

void add_mlp(const LayerRun& run, double C, const Share& s, LayerWork& work) {
  const double F = d(run.mlp_width) / s.tp;
  work.products.push_back({s.tokens, 2 * F, C});
  work.products.push_back({s.tokens, C, F});
  work.moved += 3 * s.tokens * F;
}

// Of what is not kept with kSelective beside norms: what was activated, convolved and gated.
double inner_columns(const LayerRun& run, int tp) {
  double columns = d(run.mlp_width) / tp;
  if (run.mixer == Mixer::kMamba1) columns += 3 * d(run.inner) / tp;
  if (run.mixer == Mixer::kMamba2) columns += 2 * d(run.inner) / tp + mamba2_convolved(run, tp);
  return columns;
}

// Norm, and sum with what came in.
void add_frame(double C, const Share& s, LayerWork& work) {
  work.moved += (2 + 3 * s.precise) * s.kept * C;
  work.exchanges += 1;
}

bool has_scans(const ModelShape& model) {
  return std::any_of(model.runs.begin(), model.runs.end(),
                     [](const LayerRun& run) { return run.mixer != Mixer::kAttention; });
}

}  // namespace

Share share_of(const ModelShape& model, const Job& job, const Layout& layout) {
  Share share{.sequence = d(job.sequence),
              .sequences = layout.micro_batch,
              .tp = layout.tp,
              .cp = layout.cp,
              .autograd = job.trainer.autograd};
  share.tokens = layout.micro_batch * share.sequence / layout.cp;
  share.kept = share.tokens / (layout.sequence_parallel ? layout.tp : 1);
  if (has_scans(model) && job.precision == Precision::kBf16) share.precise = 2;
  return share;
}

LayerWork work_of(const ModelShape& model, const LayerRun& run, const Share& share) {
  const double C = d(model.width);
  LayerWork work{.kernels = kMixerKernels, .shared = share.tokens * C};
  add_frame(C, share, work);
  add_mixer(run, C, share, work);
  if (run.mlp_width > 0) {
    add_frame(C, share, work);
    add_mlp(run, C, share, work);
    work.kernels += kMlpKernels;
  }
  const double normed = work.exchanges * share.tokens * C;
  work.again = 2 * (normed + share.tokens * inner_columns(run, share.tp));
  return work;
}

double layer_parameters(const ModelShape& model, const LayerRun& run, int tp) {
  const double C = d(model.width);
  const double I = d(run.inner) / tp;
  double sum = C;
  switch (run.mixer) {
    case Mixer::kAttention:
      sum += C * (2 * queries(run) + pairs(run)) / tp;
      break;
    case Mixer::kMamba1:
      sum += 3 * C * I + I * d(run.conv + 1) + I * d(run.dt_rank + 2 * run.state);
      sum += I * d(run.dt_rank + 1) + I * d(run.state + 1);
      break;
    case Mixer::kMamba2:
      sum += C * mamba2_columns(run, tp) + C * I + I;
      sum += mamba2_convolved(run, tp) * d(run.conv + 1) + 3 * d(run.heads) / tp;
      break;
  }
  if (run.mlp_width > 0) sum += C + 3 * C * d(run.mlp_width) / tp;
  return sum;
}

double multiplied_parameters(const ModelShape& model, const LayerRun& run) {
  LayerWork work = work_of(model, run, {.tokens = 1, .kept = 1});
  double sum = 0;
  for (const Product& product : work.products) sum += product.columns * product.depth;
  return sum;
}

}  // namespace tutti::planner
