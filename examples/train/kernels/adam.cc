#include "train/kernels/adam.h"

#include <cmath>

namespace tutti::train {

template <class T>
void adamw(const AdamStep& step, long count, const Precise<T>* gradient, Precise<T>* first,
           Precise<T>* second, Precise<T>* weight, T*) {
  const T beta1 = static_cast<T>(step.beta1);
  const T beta2 = static_cast<T>(step.beta2);
  const T epsilon = static_cast<T>(step.epsilon);
  const T factor = static_cast<T>(step.factor);
  const T kept = static_cast<T>(step.kept);
  const T rate = static_cast<T>(step.rate);
  const T second_scale = static_cast<T>(step.second_scale);
#pragma omp simd
  for (long i = 0; i < count; ++i) {
    const T g = gradient[i] * factor;
    first[i] = beta1 * first[i] + (1 - beta1) * g;
    second[i] = beta2 * second[i] + (1 - beta2) * g * g;
    weight[i] =
        kept * weight[i] - rate * first[i] / (std::sqrt(second[i]) * second_scale + epsilon);
  }
}

template void adamw(const AdamStep&, long, const float*, float*, float*, float*, float*);
template void adamw(const AdamStep&, long, const double*, double*, double*, double*, double*);

}  // namespace tutti::train
