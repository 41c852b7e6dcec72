#include "train/kernels/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tutti::train {
namespace {

bool has(const LogitsShape& shape, std::int32_t label) {
  return label >= shape.first_word && label < shape.first_word + shape.words;
}

}  // namespace

template <class T>
void largest_logits(const LogitsShape& shape, const T* logits, T* most) {
  for (long t = 0; t < shape.tokens; ++t, logits += shape.columns) {
    most[t] = shape.words > 0 ? *std::max_element(logits, logits + shape.words)
                              : -std::numeric_limits<T>::infinity();
  }
}

template <class T>
void sum_logits(const LogitsShape& shape, const T* logits, const std::int32_t* labels,
                const T* most, T* sums) {
  for (long t = 0; t < shape.tokens; ++t, logits += shape.columns) {
    T sum = 0;
    for (long i = 0; i < shape.words; ++i) sum += std::exp(logits[i] - most[t]);
    sums[2 * t] = sum;
    sums[2 * t + 1] = has(shape, labels[t]) ? logits[labels[t] - shape.first_word] - most[t] : T{0};
  }
}

template <class T>
double cross_entropy(const LogitsShape& shape, T* logits, const std::int32_t* labels, const T* most,
                     const T* sums, double scale) {
  double loss = 0;
  for (long t = 0; t < shape.tokens; ++t, logits += shape.columns) {
    const bool ignored = labels[t] == kIgnored;
    if (!ignored) loss += std::log(static_cast<double>(sums[2 * t])) - sums[2 * t + 1];
    if (scale == 0) continue;
    const T factor = ignored ? T{0} : static_cast<T>(scale) / sums[2 * t];
    for (long i = 0; i < shape.words; ++i) logits[i] = std::exp(logits[i] - most[t]) * factor;
    std::fill(logits + shape.words, logits + shape.columns, T{0});
    if (has(shape, labels[t])) logits[labels[t] - shape.first_word] -= static_cast<T>(scale);
  }
  return loss;
}

template void largest_logits(const LogitsShape&, const float*, float*);
template void largest_logits(const LogitsShape&, const double*, double*);
template void sum_logits(const LogitsShape&, const float*, const std::int32_t*, const float*,
                         float*);
template void sum_logits(const LogitsShape&, const double*, const std::int32_t*, const double*,
                         double*);
template double cross_entropy(const LogitsShape&, float*, const std::int32_t*, const float*,
                              const float*, double);
template double cross_entropy(const LogitsShape&, double*, const std::int32_t*, const double*,
                              const double*, double);

}  // namespace tutti::train
