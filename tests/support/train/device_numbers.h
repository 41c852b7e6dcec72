// Numbers on a device for tests of its kernels: from floats and back.

#pragma once

#include <vector>

#include "train/array.h"

namespace tutti::train {

/// What remains of numbers that are rounded to S.
template <class S>
std::vector<float> rounded(std::vector<float> numbers) {
  for (float& number : numbers) number = static_cast<float>(static_cast<S>(number));
  return numbers;
}

/// From `skipped` numbers after the beginning of an allocation on.
template <class S>
class DeviceNumbers {
 public:
  explicit DeviceNumbers(const std::vector<float>& numbers, long skipped = 0)
      : skipped_(skipped), count_(numbers.size()), memory_(count_ + skipped) {
    const std::vector<S> there(numbers.begin(), numbers.end());
    accelerator().write(data(), there.data(), count_ * sizeof(S));
  }

  OnDevice<S>* data() { return memory_.data() + skipped_; }
  std::vector<float> read() {
    std::vector<S> there(count_);
    accelerator().read(there.data(), data(), count_ * sizeof(S));
    std::vector<float> numbers;
    for (const S number : there) numbers.push_back(static_cast<float>(number));
    return numbers;
  }

 private:
  long skipped_;
  std::size_t count_;
  Array<OnDevice<S>> memory_;
};

}  // namespace tutti::train
