// Tests training with numbers on a device, which here is the processor with the kernels of
// examples/train/kernels/device: losses and gradient norms are those of the processor's own
// kernels, whatever the mesh, as far as the numbers are exact.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: address

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

std::vector<MeshCase> cases(Family family, std::initializer_list<Mesh> meshes) {
  std::vector<MeshCase> cases;
  int n = 0;
  for (const Mesh& mesh : meshes) cases.push_back(turn({.mesh = mesh, .family = family}, n++));
  return cases;
}

void expect_like_the_processor(const std::vector<MeshCase>& cases) {
  for (const MeshCase& c : cases) {
    SCOPED_TRACE(to_text(c));
    const Course exact = run_alone(c);
    expect_near(run_case<OnDevice<float>>(c), exact, 1e-4);
    expect_near(run_case<OnDevice<Bf16>>(c), exact, 3e-2);
  }
}

TEST(DeviceEqual, LlamaOnEveryDimension) {
  std::vector<MeshCase> all =
      cases(Family::kLlama, {mesh_of(1, 1, 1, 1), mesh_of(2, 1, 1, 1), mesh_of(1, 2, 1, 1),
                             mesh_of(1, 1, 2, 1), mesh_of(1, 1, 1, 2), mesh_of(2, 1, 1, 2)});
  all.push_back({.mesh = mesh_of(2, 2, 1, 1), .pipeline = PipelineKind::kZeroBubble, .zero = 3});
  expect_like_the_processor(all);
}

// The dimensions that scans and convolutions have to do with; four ranks cut the groups of norms.
TEST(DeviceEqual, MambaOnTensorAndContext) {
  for (const Family family : {Family::kMamba1, Family::kMamba2, Family::kHybrid}) {
    expect_like_the_processor(cases(family, {mesh_of(1, 1, 1, 1), mesh_of(1, 1, 2, 1)}));
  }
  expect_like_the_processor(cases(Family::kMamba1, {mesh_of(1, 1, 1, 2)}));
  expect_like_the_processor(cases(Family::kMamba2, {mesh_of(1, 1, 1, 4)}));
}

TEST(DeviceEqual, HeadsInThePlaceOfShards) {
  const MeshCase c{.mesh = mesh_of(1, 1, 4, 1), .family = Family::kMamba2};
  MambaSettings settings = mamba_of(c);
  settings.scan = ScanKind::kHeads;
  const Course course = run<OnDevice<float>>(c.mesh, Mamba(settings), training_of(c));
  expect_near(course, run_alone(c), 1e-4);
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
