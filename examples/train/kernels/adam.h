// AdamW's change of weights, element by element.
//
// Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019. Tested by
// train_optimizer_test.cc and train_device_kernels_test.cc.

#pragma once

#include "train/element.h"

namespace tutti::train {

/// One step's numbers, the same for all elements.
struct AdamStep {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double factor = 1;        // of gradients
  double kept = 1;          // of the weight, after its decay
  double rate = 0;          // over 1 - beta1^t
  double second_scale = 1;  // 1 / sqrt(1 - beta2^t)
};

/// Changes the weights and both moments; `rounded` becomes the weights as a T. Where T is precise,
/// the weights are that already, and `rounded` is not looked at.
template <class T>
void adamw(const AdamStep& step, long count, const Precise<T>* gradient, Precise<T>* first,
           Precise<T>* second, Precise<T>* weight, T* rounded);

}  // namespace tutti::train
