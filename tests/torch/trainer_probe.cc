// The trainer as torch_test.py and perf/train ask about it: one rank, fp32, a LLaMA or Mamba and
// tokens from a folder.
//
//   trainer_probe check FOLDER STEPS     losses.txt: of each step; logits.safetensors: of the
//                                        first sample, from its half on; gradients.safetensors:
//                                        of the first step; weights.safetensors: after the last
//   trainer_probe time FOLDER STEPS      tokens a second, the median of the steps
//
// FOLDER holds config.json, model.safetensors, tokens.bin (int32, samples of sequence + 1 tokens)
// and settings.json: sequence, batch, rate.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "train/checkpoint/load.h"
#include "train/checkpoint/safetensors.h"
#include "train/generate.h"
#include "train/trainer.h"

namespace tutti::train {
namespace {

class FileSamples final : public Samples {
 public:
  explicit FileSamples(const std::string& path) : file_(path) {}

  std::vector<std::int32_t> sample(std::uint64_t number, long sequence) const override {
    const auto* tokens = reinterpret_cast<const std::int32_t*>(file_.bytes().data());
    const std::uint64_t samples = file_.size() / sizeof(std::int32_t) / (sequence + 1);
    const auto* first = tokens + number % samples * (sequence + 1);
    return {first, first + sequence + 1};
  }

 private:
  MappedFile file_;
};

using Values = std::vector<float>;

// Tensors as files have them: packed ones are neighbours in the layout.
void write_values(const std::string& path, const Layout& layout, const Values& values) {
  std::vector<StoredTensor> tensors;
  for (const Placed& placed : layout.tensors) {
    if (!tensors.empty() && tensors.back().name == placed.file.name) continue;
    tensors.push_back({.name = placed.file.name, .shape = placed.file.shape});
  }
  std::ofstream file(path, std::ios::binary);
  file << safetensors_header(tensors, {});
  for (const Placed& placed : layout.tensors) {
    file.write(reinterpret_cast<const char*>(values.data() + placed.offset),
               static_cast<std::streamsize>(placed.size() * sizeof(float)));
  }
}

struct Probe {
  std::string folder;
  nlohmann::json settings;
  ModelSettings model_settings;
  Groups groups;
  FileSamples samples;
  std::unique_ptr<Model> model;
  std::unique_ptr<Trainer<float>> trainer;

  explicit Probe(const std::string& from) : folder(from + "/"), samples(folder + "tokens.bin") {
    std::ifstream(folder + "settings.json") >> settings;
    groups = Groups::make(std::move(must(Communicator::threads(1)).front()), {});
    model_settings = settings_of(read_model(from));
    computing(model_settings).sequence = settings["sequence"];
    computing(model_settings).sequences = settings["batch"];
    model = make_model(model_settings);
    TrainSettings train;
    train.batch = settings["batch"];
    train.data.zero = 0;
    train.rate = {.kind = RateSchedule::Kind::kConstant, .most = settings["rate"], .warmup = 0};
    trainer = std::make_unique<Trainer<float>>(train, *model, groups, samples);
    DataParallel<float>& units = trainer->units();
    load_weights(TensorStore::of_model(from),
                 TrainerState<float>(units, trainer->optimizer()).here());
    units.share_weights();
  }
};

// Half of the sample at once, then word by word.
void write_logits(Probe& probe) {
  const long sequence = probe.settings["sequence"];
  PlainUnits<float> units(probe.trainer->units().layout());
  load_weights(TensorStore::of_model(probe.folder), state_of(units));
  Generator<float> generator(config_of(probe.model_settings), 1, probe.groups, units, sequence);
  const std::vector<std::int32_t> tokens = probe.samples.sample(0, sequence);
  Values all;
  for (long first = 0, end = sequence / 2; end <= sequence; first = end++) {
    const auto logits = generator.feed(std::span(tokens).subspan(first, end - first));
    all.insert(all.end(), logits.begin(), logits.end());
  }
  const long words = probe.model->vocabulary();
  const long rows = static_cast<long>(all.size()) / words;
  std::vector<StoredTensor> tensors = {{.name = "logits", .shape = {rows, words}}};
  std::ofstream file(probe.folder + "logits.safetensors", std::ios::binary);
  file << safetensors_header(tensors, {});
  file.write(reinterpret_cast<const char*>(all.data()),
             static_cast<std::streamsize>(all.size() * sizeof(float)));
}

void check(Probe& probe, int steps) {
  DataParallel<float>& units = probe.trainer->units();
  const Layout& layout = units.layout();
  write_logits(probe);
  std::ofstream losses(probe.folder + "losses.txt");
  losses.precision(9);
  for (int step = 0; step < steps; ++step) {
    losses << probe.trainer->step().loss << '\n';
    if (step > 0) continue;
    Values gradients(layout.size);
    for (const Shard& shard : units.shards()) {
      std::copy_n(units.shard_gradients(shard), shard.end - shard.begin,
                  gradients.begin() + shard.begin);
    }
    write_values(probe.folder + "gradients.safetensors", layout, gradients);
  }
  Values weights(layout.size);
  units.read_weights(weights);
  write_values(probe.folder + "weights.safetensors", layout, weights);
}

void time(Probe& probe, int steps) {
  std::vector<double> seconds;
  long tokens = 0;
  for (int step = 0; step < steps; ++step) {
    const StepReport report = probe.trainer->step();
    tokens = report.tokens;
    seconds.push_back(report.seconds);
  }
  std::nth_element(seconds.begin(), seconds.begin() + steps / 2, seconds.end());
  std::printf("%.1f\n", static_cast<double>(tokens) / seconds[steps / 2]);
}

}  // namespace
}  // namespace tutti::train

int main(int argc, char** argv) {
  using namespace tutti::train;
  try {
    if (argc != 4) throw Failure("trainer_probe: expected check or time, FOLDER, STEPS");
    Probe probe(argv[2]);
    const int steps = std::stoi(argv[3]);
    if (std::string(argv[1]) == "check") {
      check(probe, steps);
    } else {
      time(probe, steps);
    }
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
