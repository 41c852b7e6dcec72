// Rotary position embedding, pairs (i, i + half) as in Hugging Face ("rotate half").
//
// Su et al., "RoFormer", 2021. Tested by train_kernels_test.cc.

#pragma once

#include <span>
#include <vector>

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
  std::vector<T> cosines;
  std::vector<T> sines;

  static RopeTable make(const std::vector<double>& frequencies, long positions);
};

/// Turns `heads` heads of a token, one after the other, in place.
/// `direction` 1 forward, -1 backward.
template <class T>
void rotate(const RopeTable<T>& table, long position, long heads, int direction, T* token);

}  // namespace tutti::train
