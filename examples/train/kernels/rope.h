// Rotary position embedding, pairs (i, i + half) as in Hugging Face ("rotate half").
//
// Su et al., "RoFormer", 2021. Tested by train_kernels_test.cc.

#pragma once

#include <span>
#include <vector>

#include "train/array.h"
#include "train/llama_config.h"

namespace tutti::train {

/// Angle per position of each pair: head_width / 2 numbers, after the scaling that the
/// configuration asks for. `positions`: as many as the model is used with, which "dynamic" depends
/// on.
std::vector<double> rope_frequencies(const RopeConfig& config, long head_width, long positions);

/// cos and sin of every position's angles: [positions][half] each.
template <class T>
struct RopeTable {
  long half = 0;
  Array<Precise<T>> cosines;
  Array<Precise<T>> sines;

  static RopeTable make(const std::vector<double>& frequencies, long positions);
};

/// Neighbours in a sequence, from position `position`, whose first `heads` heads are to be turned.
struct Turned {
  long position = 0;
  long count = 0;
  long heads = 0;
  long stride = 0;  // elements from a token to the next
};
/// In place. `direction` 1 forward, -1 backward.
template <class T>
void rotate(const RopeTable<T>& table, const Turned& turned, int direction, T* tokens);

}  // namespace tutti::train
