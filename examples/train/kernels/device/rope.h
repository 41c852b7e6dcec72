// Rotary position embedding (kernels/rope.h) on a device. A block has a token.
//
// Tested by train_device_kernels_test.cc.

#pragma once

#include "train/kernels/device/pieces.h"

namespace tutti::train {

/// REQUIRES: N divides half, and all rows are aligned to N numbers.
template <class S, int N>
struct Rotate {
  static constexpr int kThreads = 128;

  long half;
  long heads;
  long stride;
  const float* cosines;  // of the first token
  const float* sines;
  float direction;
  S* tokens;

  TUTTI_ON_DEVICE void operator()(const Block& block) const {
    const float* const cosine = cosines + block.index() * half;
    const float* const sine = sines + block.index() * half;
    S* const token = tokens + block.index() * stride;
    const auto packs = static_cast<unsigned>(half / N);
    block.each(heads * packs, [&](long i) {
      const long head = static_cast<unsigned>(i) / packs;
      const long at = static_cast<long>(static_cast<unsigned>(i) % packs) * N;
      turn(load<N>(cosine + at), load<N>(sine + at), token + head * 2 * half + at);
    });
  }

 private:
  TUTTI_ON_DEVICE void turn(const Floats<N>& cosine, const Floats<N>& sine, S* at) const {
    Floats<N> a = load<N>(at);
    Floats<N> b = load<N>(at + half);
    for (int i = 0; i < N; ++i) {
      const float before = a.at[i];
      const float s = sine.at[i] * direction;
      a.at[i] = before * cosine.at[i] - b.at[i] * s;
      b.at[i] = b.at[i] * cosine.at[i] + before * s;
    }
    store(a, at);
    store(b, at + half);
  }
};

}  // namespace tutti::train
