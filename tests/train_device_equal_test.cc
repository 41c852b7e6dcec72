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

}  // namespace
}  // namespace tutti::train
