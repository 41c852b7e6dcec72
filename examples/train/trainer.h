// One rank of a training run: steps of the optimizer over a model cut up by a mesh.
//
// Whatever the mesh, losses and gradient norms are those of one rank, up to the order of sums:
// first values depend on names and places (tensors.h), samples on their number, and losses are
// divided by the number of tokens of the whole step.
//
// Tested by train_mesh_equal_test.cc: every mesh, schedule, and stage of ZeRO.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "train/model.h"
#include "train/optimizer.h"
#include "tutti/pipeline.h"

namespace tutti::train {

/// What is trained on: a function of the sample's number.
class Samples {
 public:
  virtual ~Samples() = default;

  /// `sequence` + 1 tokens: each but the last is one to predict the next from. kIgnored as a label
  /// where the next token is not to be learned (below 0).
  virtual std::vector<std::int32_t> sample(std::uint64_t number, long sequence) const = 0;
};

struct TrainSettings {
  PipelineKind pipeline = PipelineKind::kOneForwardOneBackward;
  int chunks = 1;  // of a rank of the pipeline
  long batch = 8;  // sequences of a step, of all ranks together
  DataParallelSettings data;
  AdamSettings adam;
  RateSchedule rate;
  std::uint64_t seed = 1;
};

/// Why these settings do not fit, with what would; "" if they do.
std::string objection(const TrainSettings& settings, const Model& model, const Mesh& mesh);

/// What a rank of a pipeline computes of the model: its chunks, which are every pp-th stage.
std::vector<StageLayers> chunks_of(const Model& model, int chunks, const Mesh& mesh,
                                   int pipeline_rank);
/// The tensors of these chunks on the ranks at that place.
Layout layout_of(const Model& model, const std::vector<StageLayers>& chunks, const Mesh& mesh,
                 int tensor_rank);

/// What a rank gave to calls and waited for, by what the calls were for.
struct StepTraffic {
  Traffic tensor;
  Traffic context;
  Traffic pipeline;
  Traffic data;  // gradients and weights, data and context parallel
  Traffic rest;  // tied embeddings, sums of losses and norms

  Traffic sum() const;
};

/// What a step did; the same on all ranks but for seconds and traffic.
struct StepReport {
  long step = 0;
  double loss = 0;
  double gradient_norm = 0;
  double rate = 0;
  long tokens = 0;  // learned from
  double seconds = 0;
  StepTraffic traffic;
};

template <class T>
class Trainer {
 public:
  /// Fails (Failure) with a sentence that says what would fit. The groups, model and samples must
  /// outlive it. Collective.
  Trainer(const TrainSettings& settings, const Model& model, Groups& groups,
          const Samples& samples);
  ~Trainer();

  /// Samples step * batch … are used. Fails with the step, rank and tensor when a number is not
  /// finite. Collective.
  StepReport step();
  /// The mean loss of samples `first` … + `count`, a multiple of what a micro-batch of all ranks
  /// has.
  double evaluate(const Samples& samples, std::uint64_t first, long count);

  /// What ranks did since the last step is not counted as the next one's.
  void forget_traffic();

  /// For checkpoints.
  DataParallel<T>& units();
  AdamW<T>& optimizer();
  long steps() const;
  void set_steps(long steps);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tutti::train
