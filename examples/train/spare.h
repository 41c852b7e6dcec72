// Memory that nothing needs for now, for whatever needs as much next: what is dropped of one
// layer's activations serves the next layer.

#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "train/array.h"

namespace tutti::train {

template <class T>
class Spare {
 public:
  /// Afterwards `array` has that many elements, which are anything.
  void lend(Array<T>& array, std::size_t count) {
    std::vector<Array<T>>& same = arrays_[count];
    if (array.size() == 0 && !same.empty()) {
      array = std::move(same.back());
      same.pop_back();
    }
    array.resize(count);
  }
  /// Leaves `array` empty.
  void take_back(Array<T>& array) {
    if (array.size() > 0) arrays_[array.size()].push_back(std::move(array));
  }

 private:
  std::map<std::size_t, std::vector<Array<T>>> arrays_;  // by elements
};

}  // namespace tutti::train
