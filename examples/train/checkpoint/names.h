// Names of an optimizer's moments in its files.

#pragma once

#include <string>

#include "train/checkpoint/tensor_store.h"

namespace tutti::train {

inline std::string first_moment(const std::string& tensor) { return "first_moment." + tensor; }
inline std::string second_moment(const std::string& tensor) { return "second_moment." + tensor; }

/// The same slice of a moment.
template <class Name>
SliceName named(SliceName slice, Name name) {
  slice.tensor = name(slice.tensor);
  return slice;
}

}  // namespace tutti::train
