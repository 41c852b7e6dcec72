// One rank's failure is everybody's: all ranks of a group throw the same sentence.

#pragma once

#include <string>

#include "train/group.h"

namespace tutti::train {

/// `error`: what went wrong on this rank; "" if nothing did. Fails on all ranks, with the sentence
/// of the first of them, if any has one. Collective.
void agree(Group& group, const std::string& error);

/// Runs `work`, on this rank alone, and agrees on what it throws. Collective.
template <class Work>
void agree_after(Group& group, Work work) {
  std::string error;
  try {
    work();
  } catch (const std::exception& thrown) {
    error = thrown.what();
  }
  agree(group, error);
}

}  // namespace tutti::train
