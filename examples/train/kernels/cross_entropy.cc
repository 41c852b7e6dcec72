#include "train/kernels/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "train/kernels/vectors.h"

namespace tutti::train {
namespace {

bool has(const LogitsShape& shape, std::int32_t label) {
  return label >= shape.first_word && label < shape.first_word + shape.words;
}

template <class T>
TUTTI_INLINED void sum(const LogitsShape& shape, const T* logits, const std::int32_t* labels,
                       const T* most, T* sums) {
  for (long t = 0; t < shape.tokens; ++t, logits += shape.columns) {
    T sum = 0;
    const T top = most[t];
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < shape.words; ++i) sum += exponential(logits[i] - top);
    sums[2 * t] = sum;
    sums[2 * t + 1] = has(shape, labels[t]) ? logits[labels[t] - shape.first_word] - most[t] : T{0};
  }
}

template <class T>
TUTTI_INLINED void losses_of(const LogitsShape& shape, T* logits, const std::int32_t* labels,
                             const T* most, const T* sums, double scale, T* losses) {
  for (long t = 0; t < shape.tokens; ++t, logits += shape.columns) {
    const bool ignored = labels[t] == kIgnored;
    losses[t] = ignored ? T{0} : std::log(sums[2 * t]) - sums[2 * t + 1];
    if (scale == 0) continue;
    const T factor = ignored ? T{0} : static_cast<T>(scale) / sums[2 * t];
    const T top = most[t];
    for (long i = 0; i < shape.words; ++i) logits[i] = exponential(logits[i] - top) * factor;
    std::fill(logits + shape.words, logits + shape.columns, T{0});
    if (has(shape, labels[t])) logits[labels[t] - shape.first_word] -= static_cast<T>(scale);
  }
}

}  // namespace

template <class T>
void largest_logits(const LogitsShape& shape, const T* logits, Precise<T>* most) {
  for (long t = 0; t < shape.tokens; ++t, logits += shape.columns) {
    most[t] = shape.words > 0 ? *std::max_element(logits, logits + shape.words)
                              : -std::numeric_limits<T>::infinity();
  }
}

template void largest_logits(const LogitsShape&, const float*, float*);
template void largest_logits(const LogitsShape&, const double*, double*);

template <>
TUTTI_VECTORS void sum_logits(const LogitsShape& shape, const float* logits,
                              const std::int32_t* labels, const float* most, float* sums) {
  sum(shape, logits, labels, most, sums);
}
template <>
TUTTI_VECTORS void cross_entropy(const LogitsShape& shape, float* logits,
                                 const std::int32_t* labels, const float* most, const float* sums,
                                 double scale, float* losses) {
  losses_of(shape, logits, labels, most, sums, scale, losses);
}
template <>
TUTTI_VECTORS void sum_logits(const LogitsShape& shape, const double* logits,
                              const std::int32_t* labels, const double* most, double* sums) {
  sum(shape, logits, labels, most, sums);
}
template <>
TUTTI_VECTORS void cross_entropy(const LogitsShape& shape, double* logits,
                                 const std::int32_t* labels, const double* most, const double* sums,
                                 double scale, double* losses) {
  losses_of(shape, logits, labels, most, sums, scale, losses);
}

}  // namespace tutti::train
