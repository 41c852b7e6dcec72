// Memory that nothing needs for now, for whatever needs as much next: what is dropped of one
// layer's activations serves the next layer.

#pragma once

#include <cstddef>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "train/array.h"

namespace tutti::train {

template <class T>
class Spare {
 public:
  /// Afterwards `array` has that many elements, which are anything.
  template <class S>
  void lend(Array<S>& array, std::size_t count) {
    std::vector<Array<S>>& same = of<S>()[count];
    if (array.size() == 0 && !same.empty()) {
      array = std::move(same.back());
      same.pop_back();
    }
    array.resize(count);
  }
  /// Leaves the arrays empty.
  template <class... S>
  void take_back(Array<S>&... arrays) {
    (take(arrays), ...);
  }

 private:
  template <class S>
  using BySize = std::map<std::size_t, std::vector<Array<S>>>;

  template <class S>
  BySize<S>& of() {
    if constexpr (std::is_same_v<S, T>) {
      return arrays_;
    } else {
      return precise_;
    }
  }
  template <class S>
  void take(Array<S>& array) {
    if (array.size() > 0) of<S>()[array.size()].push_back(std::move(array));
  }

  BySize<T> arrays_;
  BySize<Precise<T>> precise_;  // where T is not
};

}  // namespace tutti::train
