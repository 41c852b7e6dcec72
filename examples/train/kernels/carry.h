// What a shard of a sequence does with the state that it starts from: it multiplies it by a decay,
// and adds what it makes of zero. The same with gradients, backwards.
//
// Tested by train_ssd_test.cc and train_selective_scan_test.cc.

#pragma once

#include <cmath>

#include "train/element.h"

namespace tutti::train {

/// state [decays, width] += exp(log_decay [decays]) from
template <class T>
void carry(long decays, long width, const T* log_decay, const T* from, T* state) {
  for (long d = 0; d < decays; ++d) {
    const T decay = std::exp(log_decay[d]);
    for (long i = d * width; i < (d + 1) * width; ++i) state[i] += decay * from[i];
  }
}

}  // namespace tutti::train
