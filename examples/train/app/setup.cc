#include "train/app/setup.h"

#include <fmt/format.h>

#include <cstdlib>

namespace tutti::train {
namespace {

PipelineKind pipeline_of(const std::string& text) {
  using enum PipelineKind;
  for (const PipelineKind kind : {kGpipe, kOneForwardOneBackward, kInterleaved, kZeroBubble}) {
    if (name(kind) == text) return kind;
  }
  throw Failure("pipeline " + text + ": not known");
}

RateSchedule rate_of(const RunConfig& config) {
  using enum RateSchedule::Kind;
  RateSchedule rate;
  rate.kind = config.schedule == "cosine"   ? kCosine
              : config.schedule == "wsd"    ? kWarmupStableDecay
              : config.schedule == "linear" ? kLinear
                                            : kConstant;
  rate.most = config.rate;
  rate.least = config.rate * config.last_rate_share;
  rate.warmup = config.warmup;
  rate.steps = config.steps;
  rate.decay_share = config.decay_share;
  return rate;
}

ModelSettings model_of(const RunConfig& config) {
  ModelSettings model = settings_of(read_model(config.model, config.family));
  ComputeSettings& compute = computing(model);
  compute.sequences = config.micro_batch;
  compute.sequence = config.sequence;
  compute.sequence_parallel = config.sequence_parallel;
  compute.context = config.context == "ring" ? ContextKind::kRing : ContextKind::kGather;
  compute.recompute = config.recompute == "none"        ? Recompute::kNone
                      : config.recompute == "selective" ? Recompute::kSelective
                                                        : Recompute::kFull;
  if (auto* const mamba = std::get_if<MambaSettings>(&model)) {
    mamba->scan = config.scan == "shards" ? ScanKind::kShards : ScanKind::kHeads;
  }
  return model;
}

TrainSettings training_of(const RunConfig& config) {
  TrainSettings training;
  training.pipeline = pipeline_of(config.pipeline);
  training.chunks = static_cast<int>(config.chunks);
  training.batch = config.batch;
  training.data = {static_cast<int>(config.zero), config.bucket_bytes};
  training.adam = {config.beta1, config.beta2, config.epsilon, config.weight_decay, config.clip};
  training.rate = rate_of(config);
  training.seed = static_cast<std::uint64_t>(config.seed);
  return training;
}

// What neither the model nor the trainer looks at.
void check(const RunConfig& config, const ModelConfig& model) {
  if (config.precision == "fp64" && config.device == "gpu") {
    throw Failure("precision fp64: not computed on GPUs; expected bf16 or fp32 with device gpu");
  }
  if (const auto most = positions(model); most && config.sequence > *most) {
    throw Failure(fmt::format("sequence {}: expected at most {}, the positions of model {}",
                              config.sequence, *most, config.model));
  }
  const auto* const mamba = std::get_if<MambaConfig>(&model);
  if (config.scan == "heads" && (mamba == nullptr || mamba->is_mamba1())) {
    throw Failure("scan heads: is of a Mamba-2; expected shards with model " + config.model);
  }
  if (config.context == "gather" && mamba != nullptr && !mamba->is_hybrid()) {
    throw Failure("context gather: is of attention; expected ring with model " + config.model +
                  ", which has none");
  }
  if (config.resume && config.checkpoint.empty()) {
    throw Failure("resume: expected --checkpoint DIR beside it");
  }
  if (config.elastic && config.checkpoint.empty()) {
    throw Failure("elastic: expected --checkpoint DIR beside it");
  }
  if (config.resume && !config.weights.empty()) {
    throw Failure("weights " + config.weights + ": expected no --resume beside it");
  }
  if (config.trace_steps > 0 && config.out.empty()) {
    throw Failure(fmt::format("trace-steps {}: expected --out DIR beside it", config.trace_steps));
  }
}

}  // namespace

Setup make_setup(const RunConfig& config, int ranks) {
  const Mesh mesh = must(parse_mesh(config.mesh, ranks));
  Setup setup{must(with_order(mesh, config.order)), model_of(config), training_of(config)};
  check(config, config_of(setup.model));
  const std::unique_ptr<Model> model = make_model(setup.model);
  if (const std::string why = objection(setup.training, *model, setup.mesh); !why.empty()) {
    throw Failure(why);
  }
  return setup;
}

void check_length(long tokens, long length, const ModelConfig& model) {
  const std::optional<long> most = positions(model);
  if (!most || length <= *most) return;
  throw Failure(
      fmt::format("tokens {}: with those of the prompt {}; expected at most {}, the positions of "
                  "the model",
                  tokens, length, *most));
}

int ranks_named(const std::string& mesh) {
  long ranks = 1;
  for (std::size_t at = mesh.find('='); at != mesh.npos; at = mesh.find('=', at + 1)) {
    ranks *= std::clamp(std::strtol(mesh.c_str() + at + 1, nullptr, 10), 1L, 1L << 20);
    ranks = std::min(ranks, 1L << 30);
  }
  return static_cast<int>(ranks);
}

}  // namespace tutti::train
