// Tests training with numbers on a device, which here is the processor with the kernels of
// examples/train/kernels/device: losses and gradient norms are those of the processor's own
// kernels, whatever the mesh, as far as the numbers are exact.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include <cmath>

#include "train_mesh_cases.h"

namespace tutti::train {
namespace {

void expect_near(const Course& course, const Course& exact, double tolerance) {
  ASSERT_EQ(course.losses.size(), exact.losses.size());
  for (std::size_t i = 0; i < exact.losses.size(); ++i) {
    EXPECT_NEAR(course.losses[i], exact.losses[i], tolerance * exact.losses[i]) << "step " << i;
    EXPECT_NEAR(course.norms[i], exact.norms[i], 10 * tolerance * exact.norms[i]) << "step " << i;
  }
  EXPECT_NEAR(course.unseen, exact.unseen, tolerance * exact.unseen);
}

// Settings take turns, and so do the types: sums of floats on meshes of one dimension, bf16 on the
// others too.
void expect_like_the_processor(Family family, std::initializer_list<Mesh> meshes) {
  int n = 0;
  for (const Mesh& mesh : meshes) {
    const MeshCase c = turn({.mesh = mesh, .family = family}, n++);
    SCOPED_TRACE(to_text(c));
    const Course exact = run_alone(c);
    if (mesh.ranks() <= 2) expect_near(run_case<OnDevice<float>>(c), exact, 1e-4);
    if (mesh.ranks() != 2) expect_near(run_case<OnDevice<Bf16>>(c), exact, 3e-2);
  }
}

TEST(DeviceEqual, LlamaOnEveryDimension) {
  expect_like_the_processor(Family::kLlama,
                            {mesh_of(1, 1, 1, 1), mesh_of(2, 1, 1, 1), mesh_of(1, 2, 1, 1),
                             mesh_of(1, 1, 2, 1), mesh_of(1, 1, 1, 2), mesh_of(2, 1, 1, 2)});
}

TEST(DeviceEqual, Mamba2OnEveryDimension) {
  expect_like_the_processor(Family::kMamba2,
                            {mesh_of(1, 1, 1, 1), mesh_of(1, 1, 1, 2), mesh_of(1, 1, 2, 1)});
}

TEST(DeviceEqual, Mamba1AndHybrids) {
  expect_like_the_processor(Family::kMamba1, {mesh_of(1, 1, 1, 1), mesh_of(1, 1, 2, 1)});
  expect_like_the_processor(Family::kMamba1, {mesh_of(1, 1, 1, 2)});
  expect_like_the_processor(Family::kHybrid, {mesh_of(1, 2, 1, 1), mesh_of(1, 1, 2, 2)});
}

TEST(DeviceEqual, AgainIsTheSameToTheLastBit) {
  const MeshCase c{.mesh = mesh_of(2, 1, 1, 2), .zero = 2};
  EXPECT_EQ(run_case<OnDevice<Bf16>>(c), run_case<OnDevice<Bf16>>(c));
}

// Masters are exact: changes too small for a bf16 weight are not lost.
TEST(DeviceEqual, WeightsAreKeptExactly) {
  on_mesh({}, [](Groups& groups) {
    const std::unique_ptr<Model> model = model_of({});
    const RandomSamples samples(model->vocabulary());
    TrainSettings settings = training_of({});
    settings.rate = {.kind = RateSchedule::Kind::kConstant, .most = 1e-6, .warmup = 0, .steps = 5};
    Trainer<OnDevice<Bf16>> trainer(settings, *model, groups, samples);
    std::vector<float> before(static_cast<std::size_t>(trainer.units().layout().size));
    std::vector<float> after(before.size());
    trainer.units().read_weights(before);
    trainer.step();
    trainer.units().read_weights(after);
    double moved = 0;
    for (std::size_t i = 0; i < before.size(); ++i) moved += std::abs(after[i] - before[i]);
    EXPECT_GT(moved, 0.5e-6 * static_cast<double>(before.size()));
    EXPECT_LT(moved, 2e-6 * static_cast<double>(before.size()));
  });
}

// The loss tells a change of a tensor in all layers that bf16 would not see. States have a say in
// it: steps are long, and nothing goes around them unless D is what changes.
void expect_unrounded(Family family, const std::string& name, const std::string& steps) {
  on_mesh({}, [&](Groups& groups) {
    const MeshCase c{.mesh = {}, .family = family};
    const std::unique_ptr<Model> model = model_of(c);
    const RandomSamples samples(model->vocabulary());
    Trainer<OnDevice<Bf16>> trainer(training_of(c), *model, groups, samples);
    const Layout& layout = trainer.units().layout();
    std::vector<float> weights(static_cast<std::size_t>(layout.size));
    trainer.units().read_weights(weights);
    const auto set = [&](const std::string& tensor, float value) {
      for (int layer = 0; layer < model->layers(); ++layer) {
        const Placed& placed =
            layout.at("backbone.layers." + std::to_string(layer) + ".mixer." + tensor);
        std::fill_n(weights.begin() + placed.offset, placed.size(), value);
      }
    };
    set("D", 0);
    set(steps, 1);
    const auto loss_with = [&](float value) {
      set(name, value);
      trainer.units().write_weights(weights);
      return trainer.evaluate(samples, 0, 8);
    };
    ASSERT_EQ(Bf16(1.003f).bits, Bf16(1.0f).bits);
    EXPECT_NE(loss_with(1.003f), loss_with(1.0f)) << name;
  });
}

TEST(DeviceEqual, RatesOfMambasAreNotRounded) {
  for (const char* const name : {"A_log", "D", "dt_proj.bias"}) {
    expect_unrounded(Family::kMamba1, name, "dt_proj.bias");
  }
  for (const char* const name : {"A_log", "D", "dt_bias"}) {
    expect_unrounded(Family::kMamba2, name, "dt_bias");
  }
}

}  // namespace
}  // namespace tutti::train
