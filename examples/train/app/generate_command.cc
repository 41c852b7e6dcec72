#include "train/app/generate_command.h"

#include <fmt/format.h>

#include <filesystem>

#include "train/app/launch.h"
#include "train/app/printable.h"
#include "train/app/setup.h"
#include "train/app/text_data.h"
#include "train/checkpoint/load.h"
#include "train/data/mapped_file.h"
#include "train/generate.h"

namespace tutti::train {
namespace {

struct Inputs {
  std::string folder;
  ModelConfig model;
  Mesh mesh;
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<std::int32_t> prompt;
};

// A checkpoint, the latest of a folder of them, or a model.
std::string folder_of(const RunConfig& config) {
  if (config.checkpoint.empty()) {
    throw Failure("checkpoint: expected --checkpoint DIR, a checkpoint or a model's folder");
  }
  const std::vector<long> steps = complete_steps(config.checkpoint);
  return steps.empty() ? config.checkpoint : config.checkpoint + "/" + step_name(steps.back());
}

// The one that a checkpoint was trained with, unless another is named.
std::string tokenizer_of(const RunConfig& config, const std::string& folder) {
  const std::string saved = folder + "/run.json";
  if (config.tokenizer != RunConfig{}.tokenizer || !std::filesystem::exists(saved)) {
    return config.tokenizer;
  }
  RunConfig training;
  read_json(training, MappedFile(saved).text(), saved, Command::kTrain);
  return training.tokenizer;
}

// Its tensors; it computes nothing.
std::unique_ptr<Model> model_of(const ModelConfig& config) {
  ModelSettings settings = settings_of(config);
  computing(settings).sequence_parallel = false;
  return make_model(settings);
}

Mesh mesh_of(const RunConfig& config, int ranks, const ModelConfig& model) {
  const std::string text = config.mesh == RunConfig{}.mesh ? "tp=*" : config.mesh;
  const Mesh mesh = must(parse_mesh(text, ranks));
  if (mesh.dp() > 1 || mesh.cp() > 1) {
    throw Failure("mesh " + to_text(mesh) + ": expected dp=1 and cp=1 to generate");
  }
  const int layers = shape_of(model).layers;
  if (layers < mesh.pp()) {
    throw Failure(fmt::format("layers {}: expected at least pp={}", layers, mesh.pp()));
  }
  const std::string why = model_of(model)->objection(mesh);
  if (!why.empty()) throw Failure(why);
  return mesh;
}

Inputs read_inputs(const RunConfig& config, int ranks) {
  Inputs inputs;
  inputs.folder = folder_of(config);
  if (!std::filesystem::is_directory(inputs.folder)) {
    throw Failure("checkpoint " + inputs.folder + ": there is no such folder");
  }
  inputs.model = read_model(inputs.folder);
  inputs.mesh = mesh_of(config, ranks, inputs.model);
  inputs.tokenizer = tokenizer_named(tokenizer_of(config, inputs.folder));
  inputs.prompt = inputs.tokenizer->encode(config.prompt);
  const std::int32_t begin = inputs.tokenizer->begin_token();
  if (inputs.prompt.empty() && begin >= 0) inputs.prompt.push_back(begin);
  if (inputs.prompt.empty()) throw Failure("prompt: expected a text to go on from");
  if (config.precision == "bf16") {
    throw Failure("precision bf16: is of training; expected fp32 or fp64");
  }
  const long length = static_cast<long>(inputs.prompt.size()) + config.tokens;
  check_length(config.tokens, length, inputs.model);
  return inputs;
}

template <class T>
void run(const RunConfig& config, const Inputs& inputs, Groups& groups) {
  const std::unique_ptr<Model> model = model_of(inputs.model);
  const auto chunks = chunks_of(*model, 1, groups.mesh, groups.at(Dimension::kPipeline));
  PlainUnits<T> units(layout_of(*model, chunks, groups.mesh, groups.at(Dimension::kTensor)));
  load_weights(open_weights(inputs.folder), state_of(units));

  const long positions = static_cast<long>(inputs.prompt.size()) + config.tokens;
  Generator<T> generator(inputs.model, 1, groups, units, positions);
  const Sampling sampling{config.temperature, config.top_k,
                          static_cast<std::uint64_t>(config.seed)};
  const auto tokens = generate(generator, std::span<const std::int32_t>(inputs.prompt),
                               config.tokens, sampling, end_tokens(inputs.model));
  if (groups.world.rank() != 0) return;
  fmt::print("{}{}\n", config.prompt, printable(inputs.tokenizer->decode(tokens)));
}

}  // namespace

void generate_text(const RunConfig& config, Communicator communicator) {
  Group world(std::move(communicator));
  Inputs inputs;
  together(world, [&] { inputs = read_inputs(config, world.ranks()); });
  or_end(world, [&] {
    Groups groups = Groups::make(std::move(world.communicator()), inputs.mesh);
    or_end(groups.world, [&] {
      config.precision == "fp64" ? run<double>(config, inputs, groups)
                                 : run<float>(config, inputs, groups);
    });
  });
}

}  // namespace tutti::train
