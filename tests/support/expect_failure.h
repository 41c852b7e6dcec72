// What a Failure says.

#pragma once

#include <gtest/gtest.h>

#include <string>

#include "train/failure.h"

namespace tutti::train {

/// The sentence of the Failure that `work` throws; a failed test if it throws none.
template <class Work>
std::string failure_of(Work work) {
  try {
    work();
  } catch (const Failure& failure) {
    return failure.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace tutti::train
