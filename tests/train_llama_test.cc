// Tests examples/train/llama.cc: gradients are the loss's differences, and the same whatever the
// tensor and context dimensions.
//
// ROOMS: train

#include <gtest/gtest.h>

#include <thread>

#include "train/llama.h"
#include "train/random.h"

namespace tutti::train {
namespace {

LlamaSettings small() {
  LlamaSettings settings;
  settings.config = {.vocabulary = 37,
                     .width = 16,
                     .mlp_width = 24,
                     .layers = 2,
                     .heads = 4,
                     .kv_heads = 2,
                     .head_width = 4,
                     .init_std = 0.3};
  settings.sequences = 2;
  settings.sequence = 16;
  return settings;
}

std::vector<std::int32_t> words(const LlamaSettings& settings, const char* name, long sequence) {
  const RandomStream random(5, name);
  std::vector<std::int32_t> words;
  for (long i = 0; i < settings.sequence; ++i) {
    words.push_back(static_cast<std::int32_t>(
        random.below(static_cast<std::uint64_t>(sequence * settings.sequence + i),
                     static_cast<std::uint64_t>(settings.config.vocabulary))));
  }
  return words;
}

MicroBatch batch_of(const LlamaSettings& settings, const Groups& groups) {
  MicroBatch batch;
  const int rank = groups.at(Dimension::kContext);
  for (long n = 0; n < settings.sequences; ++n) {
    const auto append = [&](std::vector<std::int32_t>& to, const char* name) {
      const auto share = share_of(words(settings, name, n), rank, groups.mesh.cp());
      to.insert(to.end(), share.begin(), share.end());
    };
    append(batch.tokens, "tokens");
    append(batch.labels, "labels");
  }
  batch.labels.front() = groups.at(Dimension::kContext) == 0 ? kIgnored : batch.labels.front();
  return batch;
}

// What a rank finds out about a micro-batch.
struct Outcome {
  double loss = 0;
  Layout layout;
  std::vector<double> gradients;
};

Outcome run_rank(const LlamaSettings& settings, Groups& groups) {
  const Llama model(settings);
  PlainUnits<double> units(lay_out(model.tensors({0, model.layers()}, groups.mesh),
                                   groups.at(Dimension::kTensor), groups.mesh.tp()));
  for (const Placed& placed : units.layout().tensors) {
    start_values(placed.row, placed.part, 1, units.all_weights().data() + placed.offset);
  }
  const auto stage = model.make_stage({0, model.layers()}, groups, units);
  const auto stash = stage->make_stash();
  const MicroBatch batch = batch_of(settings, groups);
  Outcome outcome;
  outcome.loss = stage->forward(*stash, batch, nullptr, nullptr, 1.0);
  stage->backward(*stash, batch, nullptr, nullptr, /*later=*/false);
  groups.context.all_reduce(std::span(&outcome.loss, 1));
  groups.context.all_reduce(std::span(units.all_gradients()));
  for (const Placed& placed : units.layout().tensors) {
    if (!placed.row.partial) continue;
    groups.tensor.all_reduce(
        std::span(units.all_gradients()).subspan(placed.offset, placed.size()));
  }
  outcome.layout = units.layout();
  outcome.gradients = units.all_gradients();
  return outcome;
}

std::vector<Outcome> run(const LlamaSettings& settings, const Mesh& mesh) {
  auto worlds = Communicator::threads(mesh.ranks());
  EXPECT_TRUE(worlds.ok()) << worlds.status().message();
  std::vector<Outcome> outcomes(mesh.ranks());
  std::vector<std::thread> threads;
  for (int rank = 0; rank < mesh.ranks(); ++rank) {
    threads.emplace_back([&, rank] {
      Groups groups = Groups::make(std::move((*worlds)[rank]), mesh);
      outcomes[rank] = run_rank(settings, groups);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

// The same part of the whole gradient.
void expect_part(const Outcome& whole, const Outcome& mine) {
  EXPECT_NEAR(mine.loss, whole.loss, 1e-10 * whole.loss);
  for (const Placed& placed : mine.layout.tensors) {
    const Placed& all = whole.layout.at(placed.row.name);
    double worst = 0;
    double largest = 0;
    for (long r = 0; r < placed.part.rows; ++r) {
      for (long c = 0; c < placed.part.columns; ++c) {
        const long row = placed.part.first_row + r;
        const double expected =
            row < placed.row.rows
                ? whole.gradients[all.offset + row * all.row.columns + placed.part.first_column + c]
                : 0;
        const double got = mine.gradients[placed.offset + r * placed.part.columns + c];
        worst = std::max(worst, std::abs(got - expected));
        largest = std::max(largest, std::abs(expected));
      }
    }
    EXPECT_LE(worst, 1e-11 * largest + 1e-14) << placed.row.name;
  }
}

double loss_with(const LlamaSettings& settings, Groups& groups, const std::string& tensor,
                 long element, double change) {
  const Llama model(settings);
  PlainUnits<double> units(lay_out(model.tensors({0, model.layers()}, groups.mesh), 0, 1));
  for (const Placed& placed : units.layout().tensors) {
    start_values(placed.row, placed.part, 1, units.all_weights().data() + placed.offset);
  }
  units.all_weights()[units.layout().at(tensor).offset + element] += change;
  const auto stage = model.make_stage({0, model.layers()}, groups, units);
  const auto stash = stage->make_stash();
  return stage->forward(*stash, batch_of(settings, groups), nullptr, nullptr, 0);
}

void expect_differences(const LlamaSettings& settings) {
  auto worlds = Communicator::threads(1);
  ASSERT_TRUE(worlds.ok());
  Groups groups = Groups::make(std::move(worlds->front()), {});
  const Outcome outcome = run_rank(settings, groups);
  const RandomStream random(3, "elements");
  std::uint64_t n = 0;
  for (const Placed& placed : outcome.layout.tensors) {
    for (int sample = 0; sample < 4; ++sample) {
      const long element =
          static_cast<long>(random.below(n++, static_cast<std::uint64_t>(placed.size())));
      constexpr double kStep = 1e-5;
      const double up = loss_with(settings, groups, placed.row.name, element, kStep);
      const double down = loss_with(settings, groups, placed.row.name, element, -kStep);
      const double expected = (up - down) / (2 * kStep);
      EXPECT_NEAR(outcome.gradients[placed.offset + element], expected,
                  1e-6 * (1 + std::abs(expected)))
          << placed.row.name << "[" << element << "]";
    }
  }
}

TEST(Llama, GradientsAreTheDifferencesOfTheLoss) {
  expect_differences(small());
  LlamaSettings tied = small();
  tied.config.tied = true;
  expect_differences(tied);
}

TEST(Llama, RecomputingChangesNoBit) {
  const Outcome kept = run(small(), {}).front();
  for (const Recompute recompute : {Recompute::kSelective, Recompute::kFull}) {
    LlamaSettings settings = small();
    settings.recompute = recompute;
    EXPECT_EQ(run(settings, {}).front().gradients, kept.gradients);
  }
}

TEST(Llama, TensorAndContextDimensionsChangeNothing) {
  for (const bool tied : {false, true}) {
    LlamaSettings settings = small();
    settings.config.tied = tied;
    const Outcome whole = run(settings, {}).front();
    for (const auto& [cp, tp] : {std::pair{1, 2}, {2, 1}, {2, 2}, {4, 1}}) {
      for (const bool sequence : {false, true}) {
        for (const ContextKind kind : {ContextKind::kRing, ContextKind::kGather}) {
          SCOPED_TRACE(testing::Message() << "cp " << cp << " tp " << tp << " sequence " << sequence
                                          << " ring " << (kind == ContextKind::kRing));
          settings.sequence_parallel = sequence;
          settings.context = kind;
          Mesh mesh;
          mesh.sizes = {1, 1, cp, tp};
          for (const Outcome& mine : run(settings, mesh)) expect_part(whole, mine);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tutti::train
