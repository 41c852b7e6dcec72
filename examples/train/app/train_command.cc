#include "train/app/train_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <thread>

#include "train/app/auto_mesh.h"
#include "train/app/elastic.h"
#include "train/app/gpu.h"
#include "train/app/gpu_energy.h"
#include "train/app/launch.h"
#include "train/app/meters.h"
#include "train/app/narrator.h"
#include "train/app/number_type.h"
#include "train/app/peak.h"
#include "train/app/printable.h"
#include "train/app/setup.h"
#include "train/app/text_data.h"
#include "train/checkpoint/agree.h"
#include "train/checkpoint/disk.h"
#include "train/checkpoint/export.h"
#include "train/checkpoint/resume.h"
#include "train/checkpoint/save.h"
#include "train/device/cuda_accelerator.h"
#include "train/generate.h"
#include "train/watched_model.h"

namespace tutti::train {
namespace {

// What ranks read before any work.
struct Inputs {
  Setup setup;
  std::unique_ptr<TextData> data;
  std::optional<Checkpoint> resumed;
  std::unique_ptr<Tokenizer> tokenizer;  // of the sample at the end
  std::vector<std::int32_t> prompt;
};

std::string number_type(const RunConfig& config) {
  return config.precision == "fp64" ? "float64" : "float32";
}

std::optional<Checkpoint> checkpoint_of(const RunConfig& config, const Setup& setup) {
  if (!config.resume || complete_steps(config.checkpoint).empty()) return std::nullopt;
  Checkpoint checkpoint = open_checkpoint(config.checkpoint);
  if (read_model(checkpoint.folder) == config_of(setup.model)) return checkpoint;
  throw Failure(checkpoint.folder + ": has another model; expected --model " + checkpoint.folder);
}

void check_export(const RunConfig& config) {
  if (config.export_folder.empty()) return;
  if (config.checkpoint.empty()) {
    throw Failure("export " + config.export_folder + ": expected --checkpoint DIR beside it");
  }
  if (std::filesystem::exists(config.export_folder)) {
    throw Failure("export " + config.export_folder + ": is there already; expected a new folder");
  }
}

void read_prompt(const RunConfig& config, Inputs& inputs) {
  if (config.prompt.empty()) return;
  inputs.tokenizer = tokenizer_named(config.tokenizer);
  inputs.prompt = inputs.tokenizer->encode(config.prompt);
  const long length = static_cast<long>(inputs.prompt.size()) + config.tokens;
  check_length(config.tokens, length, config_of(inputs.setup.model));
}

Inputs read_inputs(const RunConfig& config, int ranks) {
  Inputs inputs;
  inputs.setup = make_setup(config, ranks);
  check_export(config);
  inputs.data =
      std::make_unique<TextData>(config, shape_of(config_of(inputs.setup.model)).vocabulary);
  inputs.resumed = checkpoint_of(config, inputs.setup);
  read_prompt(config, inputs);
  return inputs;
}

template <class T>
class Run {
 public:
  Run(const RunConfig& config, Inputs& inputs, Groups& groups)
      : config_(config),
        inputs_(inputs),
        groups_(groups),
        narrator_(config, groups.world.rank()),
        model_(make_model(inputs.setup.model)),
        watched_(*model_, timeline_),
        trainer_(watch(), watched_, groups, inputs.data->training()) {}

  void go() {
    begin();
    introduce();
    while (trainer_.steps() < config_.steps) step();
    finish_saving();
    narrator_.conclude(timeline_);
    if (!config_.prompt.empty()) narrator_.say(sample());
  }

 private:
  // Comes before the trainer, which makes groups of the groups.
  const TrainSettings& watch() {
    if (narrator_.writes() && config_.trace_steps > 0) groups_.watch(&timeline_);
    return inputs_.setup.training;
  }

  void begin() {
    if (inputs_.resumed) {
      check_files(*inputs_.resumed, groups_.world);
      resume(*inputs_.resumed, trainer_);
    } else if (!config_.weights.empty()) {
      const TensorStore weights = open_weights(config_.weights);
      TrainerState<T> state(trainer_.units(), trainer_.optimizer());
      load_weights(weights, state.here());
      state.put_back();
      trainer_.units().share_weights();
    }
    if (config_.checkpoint.empty()) return;
    const SaveSettings settings{.folder = config_.checkpoint,
                                .keep = static_cast<int>(config_.keep)};
    saver_.emplace(groups_, disk_, settings, trainer_.steps());
  }

  void introduce() {
    const Plan plan{inputs_.setup.model, inputs_.setup.training, groups_.mesh, sizeof(T),
                    groups_.world.communicator().formation().cores};
    const TextData& data = *inputs_.data;
    const std::string described =
        fmt::format("{}; {} to train on, {} to validate with", data.tokens().describe(),
                    data.split().training.size(), data.split().validation.size());
    std::int32_t ready = 1;
    groups_.world.all_reduce(std::span(&ready, 1));  // all measure at once, as they will compute
    const Peak peak = peak_of<T>(config_);
    const Yardstick yardstick{flops_per_token(model(), model_->sequence()), of_all(peak),
                              config_.steps, tokens_of_step(plan)};
    narrator_.introduce(plan, described, yardstick,
                        {peak.source, energy_.works(), gpu_energy_.works()}, trainer_.steps());
  }

  double of_all(const Peak& peak) {
    const Formation& formation = groups_.world.communicator().formation();
    const int here = config_.device == "gpu" ? count_gpus() : formation.cores;
    double sum = peak.flops * share_of_rank(formation, groups_.world.rank(), here);
    groups_.world.all_reduce(std::span(&sum, 1));
    return sum;
  }

  // Of processors and GPUs, as far as they can be read.
  std::optional<double> take_joules() {
    const std::optional<double> processors = energy_.take_joules();
    const std::optional<double> gpus = gpu_energy_.take_joules();
    if (!processors && !gpus) return std::nullopt;
    return processors.value_or(0) + gpus.value_or(0);
  }

  void step() {
    const auto step = trainer_.steps() - first_step_;
    timeline_.set_on(step > 0 && step <= config_.trace_steps);
    take_joules();  // of what was between steps
    StepRecord record;
    record.report = trainer_.step();
    timeline_.set_on(false);
    record.joules = take_joules();
    measure(record);
    const bool last = trainer_.steps() == config_.steps;
    if (last || is_due(config_.validate_every)) record.validation_loss = validate();
    narrator_.tell(record, last || is_due(config_.log_every));
    if (saver_ && is_due(config_.checkpoint_every)) save();
    if (saver_) saver_->poll();
    trainer_.forget_traffic();
  }

  bool is_due(long every) const { return every > 0 && trainer_.steps() % every == 0; }

  ModelConfig model() const { return config_of(inputs_.setup.model); }

  // Means and the largest of all ranks.
  void measure(StepRecord& record) {
    const Traffic mine = record.report.traffic.sum();
    double sums[] = {mine.waited, mine.hidden};
    record.memory = config_.device == "gpu" ? static_cast<double>(accelerator().most_bytes())
                                            : resident_bytes();
    groups_.world.all_reduce(std::span<double>(sums));
    groups_.world.all_reduce(std::span(&record.memory, 1), Reduction::kMax);
    record.waited = sums[0] / groups_.world.ranks();
    record.hidden = sums[1] / groups_.world.ranks();
  }

  std::optional<double> validate() {
    const long share = model_->sequences() * groups_.mesh.dp();
    const long count =
        validation_samples(*inputs_.data, model_->sequence(), config_.validate_samples, share);
    if (count == 0) return std::nullopt;
    return trainer_.evaluate(inputs_.data->validation(), 0, count);
  }

  void save() {
    SaveInfo info{.step = trainer_.steps(), .seed = inputs_.setup.training.seed};
    info.samples = static_cast<std::uint64_t>(info.step * config_.batch);
    info.settings = config_.model;
    info.texts = {{"config.json", to_json(model(), number_type(config_))},
                  {"run.json", to_json(config_, Command::kTrain)}};
    saver_->save(info, TrainerState<T>(trainer_.units(), trainer_.optimizer()).here());
  }

  void finish_saving() {
    if (!saver_) return;
    save();
    saver_->finish();
    if (config_.export_folder.empty()) return;
    agree_after(groups_.world, [&] {
      if (groups_.world.rank() != 0) return;
      const std::string text = to_json(model(), number_type(config_));
      export_model(
          open_weights(config_.checkpoint),
          {.folder = config_.export_folder, .config = text, .element = kElementOf<Host<T>>}, disk_);
    });
  }

  // All ranks make it together.
  std::string sample() {
    const std::span<const std::int32_t> prompt = inputs_.prompt;
    const long length = static_cast<long>(prompt.size()) + config_.tokens;
    if constexpr (!kOnDevice<T>) return sample(trainer_.units(), prompt, length);
    PlainUnits<Host<T>> units(trainer_.units().layout());
    trainer_.units().read_weights(units.all_weights());
    return sample(units, prompt, length);
  }

  std::string sample(Units<Host<T>>& units, std::span<const std::int32_t> prompt, long length) {
    Generator<Host<T>> generator(model(), inputs_.setup.training.chunks, groups_, units, length);
    const Sampling sampling{config_.temperature, config_.top_k, inputs_.setup.training.seed};
    const auto tokens = generate(generator, prompt, config_.tokens, sampling, end_tokens(model()));
    return fmt::format("\nsample, temperature {}, of the {} likeliest words\n\n{}{}\n",
                       config_.temperature, config_.top_k, config_.prompt,
                       printable(inputs_.tokenizer->decode(tokens)));
  }

  const RunConfig& config_;
  Inputs& inputs_;
  Groups& groups_;
  Narrator narrator_;
  const std::unique_ptr<Model> model_;
  Timeline timeline_;
  const WatchedModel watched_;
  Trainer<T> trainer_;
  const long first_step_ = inputs_.resumed ? inputs_.resumed->manifest.step : 0;
  LocalDisk disk_;
  std::optional<CheckpointSaver<Host<T>>> saver_;
  EnergyMeter energy_;
  GpuEnergyMeter gpu_energy_;
};

// On rank 0, for as many ranks as the mesh names where there is one.
void show_plan(const RunConfig& config, int ranks) {
  const Setup setup = make_setup(config, ranks == 1 ? ranks_named(config.mesh) : ranks);
  const int element = with_number_type(config, []<class T>() { return int{sizeof(T)}; });
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  const Plan plan{setup.model, setup.training, setup.mesh, element, cores};
  fmt::print("{}", describe(plan, config.model));
  if (config.draw_mesh) fmt::print("\n{}", draw(setup.mesh));
}

// Answers those that are left, if ranks were lost and the run can go on without them.
template <class T>
std::optional<Communicator> run_all(const RunConfig& config, Inputs& inputs, Group& world) {
  std::optional<Communicator> left;
  or_end(world, [&] {
    const auto alarm = config.elastic ? std::make_shared<Alarm>() : nullptr;
    Groups groups = Groups::make(std::move(world.communicator()), inputs.setup.mesh, alarm);
    bool lost = false;
    {
      Run<T> run(config, inputs, groups);
      if (config.elastic) {
        lost = !or_lost(groups.world, [&] { run.go(); });
      } else {
        or_end(groups.world, [&] { run.go(); });
      }
    }
    if (lost) left = survivors(groups.world);
  });
  return left;
}

// From the last checkpoint, if there is one by now, else from the beginning.
RunConfig smaller(const RunConfig& config, const Mesh& mesh) {
  RunConfig next = config;
  next.mesh = to_text(mesh);
  next.resume = !complete_steps(config.checkpoint).empty();
  if (next.resume) next.weights.clear();
  return next;
}

// All ranks find the same.
RunConfig decide(const RunConfig& config, Group& world) {
  if (config.device == "gpu") {
    throw Failure("mesh auto: plans for processors; expected sizes of dimensions with device gpu");
  }
  const TopologyReport report = must(world.communicator().topology());
  double peak = config.peak > 0 ? 1e9 * config.peak : measure_peak<float>();
  const Formation& formation = world.communicator().formation();
  peak *= share_of_rank(formation, world.rank(), formation.cores);
  world.all_reduce(std::span(&peak, 1), Reduction::kMin);
  const RunConfig decided = with_best_layout(config, machine_of_ranks(report.topology, peak));
  if (world.rank() == 0) fmt::print("mesh auto: {} in the order {}\n", decided.mesh, decided.order);
  return decided;
}

}  // namespace

void train(const RunConfig& asked, Communicator communicator) {
  Group world(std::move(communicator));
  RunConfig config = asked;
  if (config.mesh == "auto") together(world, [&] { config = decide(asked, world); });
  if (config.dry_run) {
    return together(world, [&] {
      if (world.rank() == 0) show_plan(config, world.ranks());
    });
  }
  RankOnGpu gpu;  // outlives all communicators
  std::optional<UseAccelerator> use;
  if (config.device == "gpu") {
    together(world, [&] { make_setup(config, world.ranks()); });  // what does not fit comes first
    or_end_together(world, [&] { gpu = to_gpu(world); });
    world = Group(std::move(gpu.world));
    use.emplace(*gpu.accelerator);
  }
  RunConfig now = config;
  while (true) {
    Inputs inputs;
    together(world, [&] { inputs = read_inputs(now, world.ranks()); });
    auto left = with_number_type(now, [&]<class T>() { return run_all<T>(now, inputs, world); });
    if (!left) return;
    const Mesh& mesh = inputs.setup.mesh;
    world = Group(std::move(*left));
    or_end(world, [&] {
      const Mesh next = smaller_mesh(mesh, world.ranks(), config.batch, config.micro_batch);
      now = smaller(config, next);
      world = first_ranks(world, next.ranks());
    });
    if (world.communicator().empty()) return;
  }
}

}  // namespace tutti::train
