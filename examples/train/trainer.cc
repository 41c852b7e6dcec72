#include "train/trainer.h"

#include <array>
#include <chrono>
#include <cmath>
#include <cstring>

#include "train/pipeline_run.h"

namespace tutti::train {

std::string objection(const TrainSettings& settings, const Model& model, const Mesh& mesh) {
  if (const std::string why = model.objection(mesh); !why.empty()) return why;
  const int stages = mesh.pp() * settings.chunks;
  if (model.layers() < stages) {
    return "layers " + std::to_string(model.layers()) + ": expected at least one for each of " +
           std::to_string(stages) + " stages (pp=" + std::to_string(mesh.pp()) + ", " +
           std::to_string(settings.chunks) + " chunks a rank)";
  }
  const long share = model.sequences() * mesh.dp();
  if (settings.batch <= 0 || settings.batch % share != 0) {
    return "batch " + std::to_string(settings.batch) + ": expected a multiple of " +
           std::to_string(share) + ", the sequences of a micro-batch times dp";
  }
  return make_pipeline(settings.pipeline, mesh.pp(), settings.chunks,
                       static_cast<int>(settings.batch / share))
      .status()
      .message();
}

std::vector<StageLayers> chunks_of(const Model& model, int chunks, const Mesh& mesh,
                                   int pipeline_rank) {
  const std::vector<StageLayers> stages = split_layers(model.layers(), mesh.pp() * chunks);
  std::vector<StageLayers> mine;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    mine.push_back(stages[chunk * mesh.pp() + pipeline_rank]);
  }
  return mine;
}

Layout layout_of(const Model& model, const std::vector<StageLayers>& chunks, const Mesh& mesh,
                 int tensor_rank) {
  std::vector<TensorRow> rows;
  for (const StageLayers& layers : chunks) {
    const std::vector<TensorRow> some = model.tensors(layers, mesh);
    rows.insert(rows.end(), some.begin(), some.end());
  }
  return lay_out(rows, tensor_rank, mesh.tp());
}

Traffic StepTraffic::sum() const {
  Traffic all = tensor;
  for (const Traffic& traffic : {context, pipeline, data, rest}) all += traffic;
  return all;
}

namespace {

int micro_batches(const Model& model, long samples, const Mesh& mesh) {
  return static_cast<int>(samples / (model.sequences() * mesh.dp()));
}

// The first tensor of which this rank has a gradient that is not a finite number; "" if none.
template <class T>
std::string not_finite(DataParallel<T>& units) {
  for (const Shard& shard : units.shards()) {
    std::vector<Host<T>> values(static_cast<std::size_t>(shard.size()));
    download<Precise<T>>(units.shard_gradients(shard), values);
    for (const TensorRun& run : runs_of(units.layout(), shard)) {
      for (long i = run.begin; i < run.end; ++i) {
        if (!std::isfinite(values[i - shard.begin])) return run.tensor->row.name;
      }
    }
  }
  return "";
}

}  // namespace

template <class T>
struct Trainer<T>::State {
  State(const TrainSettings& s, const Model& m, Groups& g, const Samples& d)
      : settings(s),
        model(m),
        groups(g),
        samples(d),
        chunks(chunks_of(m, s.chunks, g.mesh, g.at(Dimension::kPipeline))),
        units(layout_of(m, chunks, g.mesh, g.at(Dimension::kTensor)), g, s.data),
        stages(make_stages()),
        pipeline(g.pipeline,
                 must(make_pipeline(s.pipeline, g.mesh.pp(), s.chunks,
                                    micro_batches(m, s.batch, g.mesh))),
                 pointers()),
        optimizer(units, s.adam) {
    start_weights();
  }

  std::vector<std::unique_ptr<Stage<T>>> make_stages() {
    std::vector<std::unique_ptr<Stage<T>>> made;
    for (const StageLayers& layers : chunks)
      made.push_back(model.make_stage(layers, groups, units));
    return made;
  }
  std::vector<Stage<T>*> pointers() const {
    std::vector<Stage<T>*> all;
    for (const auto& stage : stages) all.push_back(stage.get());
    return all;
  }
  void start_weights() {
    std::vector<Host<T>> weights(static_cast<std::size_t>(units.layout().size), 0);
    for (const Placed& placed : units.layout().tensors) {
      start_values(placed.row, placed.part, settings.seed, weights.data() + placed.offset);
    }
    units.write_weights(weights);
  }

  // Loss and gradients of the same tokens are on all tensor-parallel ranks: one counts.
  double counted(double value) { return groups.tensor.rank() == 0 ? value : 0; }

  std::vector<MicroBatch> read(const Samples& from, std::uint64_t first, long count) const;
  void append(const std::vector<std::int32_t>& sample, MicroBatch& batch) const;
  long count_tokens(const std::vector<MicroBatch>& batches);
  // Calls on a GPU that failed left numbers that mean nothing: they are not to be told as losses.
  void expect_well() const {
    groups.expect_well();
    pipeline.expect_well();
  }
  void expect_finite(double loss, double norm);
  StepTraffic take_traffic();

  const TrainSettings settings;
  const Model& model;
  Groups& groups;
  const Samples& samples;
  const std::vector<StageLayers> chunks;
  DataParallel<T> units;
  const std::vector<std::unique_ptr<Stage<T>>> stages;
  Pipeline<T> pipeline;
  AdamW<T> optimizer;
  long step = 0;
};

// Samples make micro-batches in the order of their numbers, which are dealt to the data-parallel
// ranks one by one.
template <class T>
std::vector<MicroBatch> Trainer<T>::State::read(const Samples& from, std::uint64_t first,
                                                long count) const {
  const std::uint64_t sequences = static_cast<std::uint64_t>(model.sequences());
  std::vector<MicroBatch> batches(micro_batches(model, count, groups.mesh));
  std::uint64_t number = groups.at(Dimension::kData);  // of a micro-batch, among all ranks'
  for (MicroBatch& batch : batches) {
    for (std::uint64_t i = 0; i < sequences; ++i) {
      append(from.sample(first + number * sequences + i, model.sequence()), batch);
    }
    number += static_cast<std::uint64_t>(groups.mesh.dp());
  }
  return batches;
}

template <class T>
void Trainer<T>::State::append(const std::vector<std::int32_t>& sample, MicroBatch& batch) const {
  const auto add = [&](auto begin, auto end, std::vector<std::int32_t>& to) {
    const std::vector<std::int32_t> share = model.share({begin, end}, groups);
    to.insert(to.end(), share.begin(), share.end());
  };
  add(sample.begin(), sample.end() - 1, batch.tokens);
  add(sample.begin() + 1, sample.end(), batch.labels);
}

// Tokens to learn from, of all ranks.
template <class T>
long Trainer<T>::State::count_tokens(const std::vector<MicroBatch>& batches) {
  std::array<std::int64_t, 2> counts = {0, 0};  // to learn from; that there are not
  for (const MicroBatch& batch : batches) {
    for (const std::int32_t label : batch.labels) {
      counts[0] += label == kIgnored ? 0 : 1;
      counts[1] += label < kIgnored || label >= model.vocabulary() ? 1 : 0;
    }
  }
  groups.gradients.all_reduce(std::span<std::int64_t>(counts));
  if (counts[1] > 0) {
    throw Failure("step " + std::to_string(step) + ": " + std::to_string(counts[1]) +
                  " tokens are not of the vocabulary: expected 0 … " +
                  std::to_string(model.vocabulary() - 1));
  }
  if (counts[0] > 0) return counts[0];
  throw Failure("step " + std::to_string(step) + ": no token is to be learned from");
}

template <class T>
void Trainer<T>::State::expect_finite(double loss, double norm) {
  if (std::isfinite(loss) && std::isfinite(norm)) return;
  const std::string mine = not_finite(units);
  const int ranks = groups.world.ranks();
  std::int32_t first = mine.empty() ? ranks : groups.world.rank();
  groups.world.all_reduce(std::span(&first, 1), Reduction::kMin);
  const std::string when = "step " + std::to_string(step) + ": ";
  if (first == ranks) throw Failure(when + "the loss is " + std::to_string(loss));
  std::array<std::uint8_t, 256> name = {};
  std::memcpy(name.data(), mine.data(), std::min(mine.size(), name.size() - 1));
  groups.world.broadcast(std::span<std::uint8_t>(name), first);
  throw Failure(when + "rank " + std::to_string(first) + ": the gradient of " +
                reinterpret_cast<const char*>(name.data()) + " is not finite, loss " +
                std::to_string(loss));
}

template <class T>
StepTraffic Trainer<T>::State::take_traffic() {
  StepTraffic traffic{groups.tensor.take_traffic(), groups.context.take_traffic(),
                      pipeline.take_traffic(), groups.gradients.take_traffic(),
                      groups.world.take_traffic()};
  traffic.rest += groups.embeddings.take_traffic();
  return traffic;
}

template <class T>
Trainer<T>::Trainer(const TrainSettings& settings, const Model& model, Groups& groups,
                    const Samples& samples) {
  const std::string why = objection(settings, model, groups.mesh);
  if (!why.empty()) throw Failure(why);
  state_ = std::make_unique<State>(settings, model, groups, samples);
}
template <class T>
Trainer<T>::~Trainer() = default;

template <class T>
StepReport Trainer<T>::step() {
  State& s = *state_;
  const auto begin = std::chrono::steady_clock::now();
  StepReport report;
  report.step = s.step;
  report.rate = s.settings.rate.at(s.step);
  const auto first = static_cast<std::uint64_t>(s.step) * s.settings.batch;
  const std::vector<MicroBatch> batches = s.read(s.samples, first, s.settings.batch);
  report.tokens = s.count_tokens(batches);

  s.units.begin_step(static_cast<int>(batches.size()));
  report.loss = s.counted(s.pipeline.train(batches, 1.0 / static_cast<double>(report.tokens)));
  s.units.finish_gradients();
  s.groups.world.all_reduce(std::span(&report.loss, 1));
  report.loss /= static_cast<double>(report.tokens);
  report.gradient_norm = std::sqrt(squared_gradient_norm(s.units, s.groups));
  s.expect_well();
  s.expect_finite(report.loss, report.gradient_norm);

  s.optimizer.step(report.rate, clip_factor(s.settings.adam, report.gradient_norm));
  s.units.share_weights();
  ++s.step;
  report.traffic = s.take_traffic();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

template <class T>
double Trainer<T>::evaluate(const Samples& samples, std::uint64_t first, long count) {
  State& s = *state_;
  const long share = s.model.sequences() * s.groups.mesh.dp();
  if (count < share || count % share != 0) {
    throw Failure("samples to evaluate " + std::to_string(count) + ": expected a multiple of " +
                  std::to_string(share) + ", the sequences of a micro-batch times dp");
  }
  const std::vector<MicroBatch> batches = s.read(samples, first, count);
  const long tokens = s.count_tokens(batches);
  double loss = s.counted(s.pipeline.evaluate(batches));
  s.expect_well();
  s.groups.world.all_reduce(std::span(&loss, 1));
  return loss / static_cast<double>(tokens);
}

template <class T>
void Trainer<T>::forget_traffic() {
  state_->take_traffic();
}
template <class T>
DataParallel<T>& Trainer<T>::units() {
  return state_->units;
}
template <class T>
AdamW<T>& Trainer<T>::optimizer() {
  return state_->optimizer;
}
template <class T>
long Trainer<T>::steps() const {
  return state_->step;
}
template <class T>
void Trainer<T>::set_steps(long steps) {
  state_->step = steps;
  state_->optimizer.set_steps(steps);
}

template class Trainer<float>;
template class Trainer<double>;
template class Trainer<OnDevice<float>>;
template class Trainer<OnDevice<Bf16>>;

}  // namespace tutti::train
