// Numbers for tests of kernels on devices, which compare them with the same kernels on the
// processor: put on the accelerator, and looked at. That is the processor too, or the GPU whose
// number is in TRAIN_TEST_GPU, as scripts/gpu_check sets it.

#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "train/array.h"
#include "train/device/cuda_accelerator.h"
#include "train/numbers.h"

namespace tutti::train {

/// For all of a program's tests.
class OnGivenGpu final : public testing::Environment {
 public:
  void SetUp() override {
    const char* const number = std::getenv("TRAIN_TEST_GPU");
    if (number == nullptr) return;
    gpu_ = open_gpu(std::atoi(number));
    use_ = std::make_unique<UseAccelerator>(*gpu_);
  }
  void TearDown() override {
    use_.reset();
    gpu_.reset();
  }

 private:
  std::unique_ptr<Accelerator> gpu_;
  std::unique_ptr<UseAccelerator> use_;
};
inline const auto* const kOnGivenGpu = testing::AddGlobalTestEnvironment(new OnGivenGpu);

template <class S>
std::vector<float> rounded(std::vector<float> numbers) {
  for (float& number : numbers) number = static_cast<float>(static_cast<S>(number));
  return numbers;
}

template <class S>
Array<OnDevice<S>> on_device(const std::vector<float>& numbers) {
  std::vector<S> there;
  for (const float number : numbers) there.push_back(static_cast<S>(number));
  Array<OnDevice<S>> array(numbers.size());
  accelerator().write(array.data(), there.data(), there.size() * sizeof(S));
  return array;
}

template <class S>
std::vector<float> looked_at(const Array<OnDevice<S>>& array) {
  std::vector<S> there(array.size());
  accelerator().read(there.data(), array.data(), there.size() * sizeof(S));
  std::vector<float> numbers;
  for (const S number : there) numbers.push_back(static_cast<float>(number));
  return numbers;
}

/// What a kernel on a device with numbers of type S may differ by from one on the processor with
/// floats, relative to the largest.
template <class S>
constexpr double kDeviceTolerance = sizeof(S) == 4 ? 1e-5 : 1e-2;

template <class S, class Of>
void expect_like(const Array<OnDevice<Of>>& got, const std::vector<float>& expected) {
  expect_close(looked_at(got), expected, kDeviceTolerance<S>);
}

}  // namespace tutti::train
