// Tests examples/train/trainer.cc: what it refuses, what it says when numbers go wrong, and which
// samples it uses. That its numbers are right is train_mesh_equal_test's.
//
// ROOMS: train
// SANITIZERS: none

#include <gtest/gtest.h>

#include <limits>
#include <mutex>
#include <set>

#include "train/trainer.h"
#include "train_mesh_cases.h"

namespace tutti::train {
namespace {

std::string refusal(const MeshCase& c, const LlamaSettings& model, const TrainSettings& settings) {
  const RandomSamples samples(model.config.vocabulary);
  const auto failures = run_on_mesh(c.mesh, [&](Groups& groups) {
    const Llama llama(model);
    Trainer<double> trainer(settings, llama, groups, samples);
  });
  for (const std::string& failure : failures) EXPECT_EQ(failure, failures.front());
  return failures.front();
}

TEST(Trainer, RefusesWhatDoesNotFitAndSaysWhatWould) {
  MeshCase c{.mesh = mesh_of(1, 4, 1, 1)};
  LlamaSettings model = llama_of(c);
  model.config.layers = 3;
  EXPECT_EQ(refusal(c, model, training_of(c)),
            "layers 3: expected at least one for each of 4 stages (pp=4, 1 chunks a rank)");

  c.mesh = mesh_of(2, 1, 1, 1);
  TrainSettings settings = training_of(c);
  settings.batch = 7;
  EXPECT_EQ(refusal(c, llama_of(c), settings),
            "batch 7: expected a multiple of 2, the sequences of a micro-batch times dp");
  settings.batch = 0;
  EXPECT_NE(refusal(c, llama_of(c), settings), "");

  c.mesh = mesh_of(1, 4, 1, 1);
  settings = training_of(c);
  settings.batch = 6;
  settings.pipeline = PipelineKind::kInterleaved;
  settings.chunks = 2;
  model.config.layers = 8;
  EXPECT_EQ(refusal(c, model, settings),
            "interleaved: micro-batches 6: expected a multiple of the ranks, 4, such as 8");

  c.mesh = mesh_of(1, 1, 1, 3);
  EXPECT_EQ(refusal(c, llama_of(c), training_of(c)), "heads 8: expected a multiple of tp=3");
}

// A number that is not finite, in one weight of one rank.
TEST(Trainer, NamesTheTensorThatIsNotFinite) {
  for (int zero = 0; zero < 4; ++zero) {
    const MeshCase c{.mesh = mesh_of(2, 1, 1, 2), .zero = zero};
    const Llama model(llama_of(c));
    const RandomSamples samples(model.vocabulary());
    const auto failures = run_on_mesh(c.mesh, [&](Groups& groups) {
      Trainer<double> trainer(training_of(c), model, groups, samples);
      trainer.step();
      std::vector<double> all(static_cast<std::size_t>(trainer.units().layout().size));
      trainer.units().read_weights(all);
      const Placed& norm = trainer.units().layout().at("model.norm.weight");
      all[static_cast<std::size_t>(norm.offset)] = std::numeric_limits<double>::quiet_NaN();
      trainer.units().write_weights(all);
      trainer.step();
    });
    EXPECT_EQ(failures[0],
              "step 1: rank 0: the gradient of model.embed_tokens.weight is not finite, loss nan");
    for (const std::string& failure : failures) EXPECT_EQ(failure, failures[0]);
  }
}

// Which samples were asked for, on all ranks.
class NotedSamples final : public Samples {
 public:
  std::vector<std::int32_t> sample(std::uint64_t number, long sequence) const override {
    const std::lock_guard lock(mutex_);
    numbers_.insert(number);
    return std::vector<std::int32_t>(static_cast<std::size_t>(sequence + 1), word);
  }
  std::multiset<std::uint64_t> take() { return std::exchange(numbers_, {}); }

  std::int32_t word = 3;

 private:
  mutable std::mutex mutex_;
  mutable std::multiset<std::uint64_t> numbers_;
};

TEST(Trainer, EverySampleIsUsedOnceInItsStep) {
  const MeshCase c{.mesh = mesh_of(2, 2, 1, 1)};
  const Llama model(llama_of(c));
  NotedSamples samples;
  on_mesh(c.mesh, [&](Groups& groups) {
    Trainer<float> trainer(training_of(c), model, groups, samples);
    trainer.set_steps(5);
    EXPECT_EQ(trainer.step().step, 5);
    EXPECT_EQ(trainer.steps(), 6);
    EXPECT_EQ(trainer.optimizer().steps(), 6);
  });
  std::multiset<std::uint64_t> expected;
  for (std::uint64_t number = 40; number < 48; ++number)
    expected.insert({number, number});  // stages
  EXPECT_EQ(samples.take(), expected);
}

TEST(Trainer, ReportsTheStep) {
  const MeshCase c{.mesh = mesh_of(2, 1, 1, 1)};
  const Llama model(llama_of(c));
  const NotedSamples samples;
  on_mesh(c.mesh, [&](Groups& groups) {
    Trainer<float> trainer(training_of(c), model, groups, samples);
    const StepReport report = trainer.step();
    EXPECT_EQ(report.tokens, 8 * 16);
    EXPECT_EQ(report.rate, training_of(c).rate.at(0));
    EXPECT_GT(report.seconds, 0);
    EXPECT_GT(report.traffic.sum().waited, 0);
    EXPECT_LE(report.traffic.sum().waited, report.seconds);
  });
}

std::string failure_with(std::int32_t word) {
  const MeshCase c{.mesh = mesh_of(2, 1, 1, 1)};
  const Llama model(llama_of(c));
  NotedSamples samples;
  samples.word = word;
  const auto failures = run_on_mesh(c.mesh, [&](Groups& groups) {
    Trainer<float> trainer(training_of(c), model, groups, samples);
    trainer.step();
  });
  EXPECT_EQ(failures[0], failures[1]);
  return failures[0];
}

TEST(Trainer, RefusesTokensThatThereAreNot) {
  EXPECT_EQ(failure_with(28), "");
  EXPECT_EQ(failure_with(29), "step 0: 128 tokens are not of the vocabulary: expected 0 … 28");
  EXPECT_EQ(failure_with(-2), "step 0: 128 tokens are not of the vocabulary: expected 0 … 28");
  EXPECT_EQ(failure_with(kIgnored), "step 0: no token is to be learned from");
}

TEST(Trainer, EvaluationWantsWholeMicroBatches) {
  const MeshCase c{.mesh = mesh_of(2, 1, 1, 1)};
  const Llama model(llama_of(c));
  const NotedSamples samples;
  const auto failures = run_on_mesh(c.mesh, [&](Groups& groups) {
    Trainer<float> trainer(training_of(c), model, groups, samples);
    trainer.evaluate(samples, 0, 3);
  });
  EXPECT_EQ(failures[0],
            "samples to evaluate 3: expected a multiple of 2, the sequences of a micro-batch times "
            "dp");
}

}  // namespace
}  // namespace tutti::train
