// A model's loss and gradients of one micro-batch, on any mesh of tensor and context dimensions:
// what tests of models compare.

#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "train/model.h"
#include "train/random.h"

namespace tutti::train {

inline std::vector<std::int32_t> words(const Model& model, const char* name, long sequence) {
  const RandomStream random(5, name);
  std::vector<std::int32_t> words;
  for (long i = 0; i < model.sequence(); ++i) {
    words.push_back(static_cast<std::int32_t>(
        random.below(static_cast<std::uint64_t>(sequence * model.sequence() + i),
                     static_cast<std::uint64_t>(model.vocabulary()))));
  }
  return words;
}

inline MicroBatch batch_of(const Model& model, const Groups& groups) {
  MicroBatch batch;
  for (long n = 0; n < model.sequences(); ++n) {
    const auto append = [&](std::vector<std::int32_t>& to, const char* name) {
      const auto share = model.share(words(model, name, n), groups);
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

inline Outcome run_rank(const Model& model, Groups& groups) {
  PlainUnits<double> units(lay_out(model.tensors({0, model.layers()}, groups.mesh),
                                   groups.at(Dimension::kTensor), groups.mesh.tp()));
  for (const Placed& placed : units.layout().tensors) {
    start_values(placed.row, placed.part, 1, units.all_weights().data() + placed.offset);
  }
  const auto stage = model.make_stage({0, model.layers()}, groups, units);
  const auto stash = stage->make_stash();
  const MicroBatch batch = batch_of(model, groups);
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

inline std::vector<Outcome> run(const Model& model, const Mesh& mesh) {
  auto worlds = Communicator::threads(mesh.ranks());
  EXPECT_TRUE(worlds.ok()) << worlds.status().message();
  std::vector<Outcome> outcomes(mesh.ranks());
  std::vector<std::thread> threads;
  for (int rank = 0; rank < mesh.ranks(); ++rank) {
    threads.emplace_back([&, rank] {
      Groups groups = Groups::make(std::move((*worlds)[rank]), mesh);
      outcomes[rank] = run_rank(model, groups);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

// The same part of the whole gradient.
inline void expect_part(const Outcome& whole, const Outcome& mine) {
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

inline double loss_with(const Model& model, Groups& groups, const std::string& tensor, long element,
                        double change) {
  PlainUnits<double> units(lay_out(model.tensors({0, model.layers()}, groups.mesh), 0, 1));
  for (const Placed& placed : units.layout().tensors) {
    start_values(placed.row, placed.part, 1, units.all_weights().data() + placed.offset);
  }
  units.all_weights()[units.layout().at(tensor).offset + element] += change;
  const auto stage = model.make_stage({0, model.layers()}, groups, units);
  const auto stash = stage->make_stash();
  return stage->forward(*stash, batch_of(model, groups), nullptr, nullptr, 0);
}

inline void expect_differences(const Model& model) {
  auto worlds = Communicator::threads(1);
  ASSERT_TRUE(worlds.ok());
  Groups groups = Groups::make(std::move(worlds->front()), {});
  const Outcome outcome = run_rank(model, groups);
  const RandomStream random(3, "elements");
  std::uint64_t n = 0;
  for (const Placed& placed : outcome.layout.tensors) {
    for (int sample = 0; sample < 4; ++sample) {
      const long element =
          static_cast<long>(random.below(n++, static_cast<std::uint64_t>(placed.size())));
      constexpr double kStep = 1e-5;
      const double up = loss_with(model, groups, placed.row.name, element, kStep);
      const double down = loss_with(model, groups, placed.row.name, element, -kStep);
      const double expected = (up - down) / (2 * kStep);
      EXPECT_NEAR(outcome.gradients[placed.offset + element], expected,
                  1e-6 * (1 + std::abs(expected)))
          << placed.row.name << "[" << element << "]";
    }
  }
}

}  // namespace tutti::train
