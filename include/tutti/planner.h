// Automatic parallelism: how to lay out the training of a model on a machine, what each layout
// would take in time, memory and energy, and which is best.
//
//   auto model = planner::model_preset("llama2-13b");
//   auto machine = planner::machine_preset("8xh100");
//   machine->nodes = 16;
//   auto ranking = planner::search({*model, *machine, planner::Job{}}, {});
//   std::puts(planner::to_text(ranking->best[0].layout).c_str());
//
// All types are values and all functions are pure: nothing is measured or read here. Bytes,
// seconds, FLOPs, watts and joules; bandwidths are bytes per second, one way, of one device. What
// is wrong with an input is said with the field, its value and what would be accepted.

#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/api.h"
#include "tutti/pipeline.h"
#include "tutti/status.h"
#include "tutti/topology.h"

namespace tutti::planner {

// ---- the model

enum class Mixer { kAttention, kMamba1, kMamba2 };
TUTTI_API std::string_view name(Mixer mixer);  // "attention", "mamba-1", "mamba-2"

/// Layers of one shape that follow each other: norm, mixer, and norm, gated MLP where mlp_width is
/// not 0. Numbers of another mixer are 0.
struct LayerRun {
  int layers = 1;
  Mixer mixer = Mixer::kAttention;
  long mlp_width = 0;

  long heads = 0;       // attention: queries; Mamba-2: heads
  long kv_heads = 0;    // attention
  long head_width = 0;  // attention, Mamba-2

  long inner = 0;    // Mamba: expand x width; Mamba-2: heads x head_width
  long state = 0;    // Mamba
  long groups = 0;   // Mamba-2: of B and C
  long conv = 0;     // Mamba: width of the convolution
  long dt_rank = 0;  // Mamba-1
  long chunk = 0;    // Mamba-2: tokens of a chunk of the scan

  bool operator==(const LayerRun&) const = default;
};

struct ModelShape {
  std::string name;
  long vocabulary = 0;  // with padding
  long width = 0;
  bool tied = false;  // the embedding is the head
  std::vector<LayerRun> runs = {};

  TUTTI_API int layers() const;
  bool operator==(const ModelShape&) const = default;
};

/// Reads a config.json: Hugging Face's of LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM
/// and Qwen3ForCausalLM (the same shape; biases and norms of heads are so few that they do not
/// count), MambaForCausalLM and Mamba2ForCausalLM; or mamba_ssm's own, with attn_layer_idx for
/// hybrids. Mixtures of experts and all others are refused. `file` names it in errors:
/// "config.json: num_local_experts is 8; expected a model without experts".
TUTTI_API Result<ModelShape> parse_model(std::string_view json, const std::string& file);

TUTTI_API Result<ModelShape> model_preset(std::string_view name);
TUTTI_API std::vector<std::string> model_presets();

/// Numbers to learn; tied ones once.
TUTTI_API long parameters(const ModelShape& model);

/// Of one token trained on, forward and backward, in a sequence of that length; what is computed
/// again counts for nothing. Attention as computed (causal), or as if every token saw all others,
/// which is how many papers count.
struct TokenFlops {
  double causal = 0;
  double full = 0;
};
TUTTI_API TokenFlops flops_per_token(const ModelShape& model, long sequence);

// ---- the machine

struct Link {
  double bandwidth = 0;  // of a device
  double latency = 0;

  bool operator==(const Link&) const = default;
};

/// How much of its figures a machine reaches. What stands here is fitted to measured layouts of
/// nanotron on H100 (perf/planner), but for `between`, which is measured: 362 of
/// 400 GB/s by all_reduce on two nodes.
struct Efficiency {
  double products = 0.522;   // share of the peak that large products of matrices reach
  double half_tokens = 445;  // rows with which they reach half of that
  double pairs = 0.5;        // and of that queries with keys, and scans in chunks: FlashAttention 2
                             // on an H100, 350 of 989 TFLOP/s (Shah et al., 2024)
  double memory = 0.839;     // share of its bandwidth that kernels reach which only move data
  double kernel = 49.5e-6;   // seconds in which a host gives a kernel to its device
  double progress = 360e-6;  // and takes longer over a collective for each further rank, where
                             // pipelines cross nodes: seen, whatever the size; not understood
  double inside = 0.73;      // share of the links that collectives reach inside a node
  double between = 0.9;      // and between two nodes; with n nodes it is (2 / n)^contention of this
  double contention = 0.156;
  double overlap = 0.883;  // share of the time of computation that can hide communication
  double meeting = 0;      // seconds that ranks of a host wait for each other in a call, beside it
  double turn = 0;         // until a message is taken by a rank that shares its core
  double step = 0.074;     // seconds of a step outside of computation and communication

  bool operator==(const Efficiency&) const = default;
};

struct MachineShape {
  std::string name;
  int nodes = 1;
  int devices = 1;              // of a node
  int cores = 0;                // of a node, that its devices share; 0: devices compute alone
  double memory = 0;            // of a device
  double memory_bandwidth = 0;  // of a device
  double cache = 0;             // of a device; what a micro-batch leaves in it moves faster
  double cache_bandwidth = 0;
  double peak_bf16 = 0;  // FLOP/s of a device
  double peak_fp32 = 0;
  Link inside;            // between devices of a node
  Link between;           // between nodes
  double idle_watts = 0;  // of a device
  double busy_watts = 0;
  double node_watts = 0;  // of a node, beside its devices
  double process = 0;     // of the memory of a device: a process without a model
  double headroom = 0.1;  // of the memory in use, that is lost between allocations
  Efficiency efficiency = {};

  int ranks() const { return nodes * devices; }
  bool operator==(const MachineShape&) const = default;
};

/// "8xa100", "8xh100", "8xh200": one node, with a network of 400 Gbit/s a device (A100: 200) for
/// more; "cpu": a node of one socket.
TUTTI_API Result<MachineShape> machine_preset(std::string_view name);
TUTTI_API std::vector<std::string> machine_presets();

/// GPUs of the topology, or ranks on its processors, or its processors. What a topology does not
/// say (peaks, memory, power) is from the preset that is nearest by compute capability.
TUTTI_API Result<MachineShape> machine_of(const Topology& topology);

/// One number of a machine, as people see and change it.
struct Figure {
  std::string name;     // "memory", "between.bandwidth", "efficiency.products"
  double value = 0;     // in the unit
  std::string unit;     // "GiB", "GB/s", "us", "TFLOP/s", "W", ""
  std::string meaning;  // a few words
};
TUTTI_API std::vector<Figure> figures(const MachineShape& machine);
/// "memory=141,between.bandwidth=25", in the units of figures(). kInvalidArgument names what is not
/// a figure, or is not a number that it can have.
TUTTI_API Result<MachineShape> with_figures(const MachineShape& machine, std::string_view text);

// ---- the job

enum class Precision { kFp32, kBf16 };
TUTTI_API std::string_view name(Precision precision);  // "fp32", "bf16"

enum class Optimizer { kSgd, kAdamW };
TUTTI_API std::string_view name(Optimizer optimizer);  // "sgd", "adamw"

/// How layers are given to the stages of a pipeline: as many to each, as tutti-train does, or so
/// that the busiest has least to do.
enum class StageSplit { kEven, kBalanced };

/// What trainers differ in; as it stands, tutti-train.
struct Trainer {
  StageSplit split = StageSplit::kEven;
  long logit_tokens = 512;    // whose logits there are at once; 0: all of a micro-batch
  double gradient_bytes = 4;  // of a parameter, on a rank that has all of them
  bool autograd = false;      // operations keep what they read: PyTorch; else what gradients need
  bool hides_shards = true;   // ZeRO's communication is behind computation, as without it
  double bucket_bytes = 4 << 20;  // of gradients that are communicated in one call

  bool operator==(const Trainer&) const = default;
};

struct Job {
  long sequence = 4096;
  long batch_tokens = 4096 * 256;  // of a step, on all ranks
  Precision precision = Precision::kBf16;
  Optimizer optimizer = Optimizer::kAdamW;
  Trainer trainer = {};

  long sequences() const { return batch_tokens / sequence; }
  bool operator==(const Job&) const = default;
};

struct Problem {
  ModelShape model;
  MachineShape machine;
  Job job;
};

// ---- the layout

enum class Dimension { kData, kPipeline, kContext, kTensor };
inline constexpr int kDimensions = 4;
TUTTI_API std::string_view name(Dimension dimension);  // "dp"

enum class Recomputation { kNone, kSelective, kFull };
TUTTI_API std::string_view name(Recomputation recomputation);  // "none", "selective", "full"

struct Layout {
  int dp = 1, pp = 1, cp = 1, tp = 1;
  int micro_batch = 1;  // sequences
  int zero = 1;         // stage, over data and context parallel ranks
  Recomputation recomputation = Recomputation::kNone;
  bool sequence_parallel = true;  // with tp > 1: what lies between its products is shared out too
  PipelineKind pipeline = PipelineKind::kOneForwardOneBackward;
  int chunks = 1;  // of a rank's part of the pipeline, where it is interleaved
  std::array<Dimension, kDimensions> order = {Dimension::kData, Dimension::kPipeline,
                                              Dimension::kContext, Dimension::kTensor};
  // The last dimension of the order is the innermost: its groups are neighbours.

  int ranks() const { return dp * pp * cp * tp; }
  bool operator==(const Layout&) const = default;
};

/// "dp=4 pp=2 tp=8 micro_batch=2 zero=1": what is not 1 or usual.
TUTTI_API std::string to_text(const Layout& layout);
/// "(4, 2, 8, 1)": (DP, PP, TP, CP), as figures label points.
TUTTI_API std::string label(const Layout& layout);

/// OK, or what does not divide what: "tp is 3: expected a divisor of the 32 heads of attention".
/// Says nothing of memory.
TUTTI_API Status divides(const Problem& problem, const Layout& layout);

// ---- what it would take

/// Of a step. What of a communication is hidden behind computation is in none.
struct Times {
  double compute = 0;    // of the busiest stage
  double recompute = 0;  // what is computed again
  double tensor = 0;     // communication of each dimension
  double context = 0;
  double pipeline = 0;
  double bubble = 0;  // waiting for other stages
  double data = 0;
  double optimizer = 0;
  double rest = 0;  // of every step

  double step() const {
    return compute + recompute + tensor + context + pipeline + bubble + data + optimizer + rest;
  }
  bool operator==(const Times&) const = default;
};

/// Bytes of the rank that needs most.
struct Memory {
  double parameters = 0;
  double gradients = 0;
  double optimizer = 0;
  double activations = 0;  // of all micro-batches in flight
  double buffers = 0;      // logits, messages, gathered weights, what a layer needs for itself
  double windows = 0;      // of the library, where ranks are processes of a node (tuning.h)
  double process = 0;      // that there is without a model
  double headroom = 0;     // lost between allocations

  double total() const {
    return parameters + gradients + optimizer + activations + buffers + windows + process +
           headroom;
  }
  bool operator==(const Memory&) const = default;
};

/// Bytes that a rank of the busiest stage gives to communication in a step.
struct Volumes {
  double tensor = 0;
  double context = 0;
  double pipeline = 0;
  double data = 0;

  bool operator==(const Volumes&) const = default;
};

struct Estimate {
  Times times;
  Memory memory;
  Volumes volumes;
  bool fits = false;             // in the memory of a device
  double tokens_per_second = 0;  // of all devices
  double mfu = 0;                // model FLOPs utilisation, causal: 0.4 is 40 %
  double watts = 0;              // of the whole machine, on average
  double joules_per_token = 0;

  bool operator==(const Estimate&) const = default;
};

/// kInvalidArgument as divides() says.
TUTTI_API Result<Estimate> estimate(const Problem& problem, const Layout& layout);

// ---- the search

enum class Goal { kTime, kEnergy, kMemory };
TUTTI_API std::string_view name(Goal goal);  // "time", "energy", "memory"

/// What is decided beforehand. Where there are no ranks to share with, any zero is as good, and
/// where there is no pipeline, any pipeline and chunks.
struct Fixed {
  std::optional<int> dp = {}, pp = {}, cp = {}, tp = {}, micro_batch = {}, zero = {}, chunks = {};
  std::optional<Recomputation> recomputation = {};
  std::optional<PipelineKind> pipeline = {};

  bool operator==(const Fixed&) const = default;
};

struct SearchSettings {
  Goal goal = Goal::kTime;
  int keep = 10;  // how many of the best
  Fixed fixed = {};
};

struct Plan {
  Layout layout;
  Estimate estimate;

  bool operator==(const Plan&) const = default;
};

struct Ranking {
  std::vector<Plan> best;      // that fit, the best first
  std::vector<Plan> pareto;    // that no other beats in both MFU and memory, by memory, ascending
  std::vector<Plan> smallest;  // one: what needs the least memory, whether or not it fits
  long layouts = 0;            // that divide
  long too_large = 0;          // of these, that do not fit

  bool operator==(const Ranking&) const = default;
};

/// All layouts of all ranks of the machine that are as `fixed` says. best is empty where nothing
/// fits. kInvalidArgument where no layout divides.
TUTTI_API Result<Ranking> search(const Problem& problem, const SearchSettings& settings);

}  // namespace tutti::planner
