// Cross-entropy over a vocabulary of which each tensor-parallel rank has a part, in three moves:
// the largest logit of each token here; the sum of exponentials and the target's logit here; and,
// once both are known of all ranks, loss and gradient.
//
// Tested by train_kernels_test.cc.

#pragma once

#include <cstdint>

#include "train/element.h"

namespace tutti::train {

/// Logits [tokens, columns] of this rank: words first_word … of the vocabulary. Columns from
/// `words` on are padding, and count for nothing.
struct LogitsShape {
  long tokens = 0;
  long columns = 0;
  long words = 0;
  long first_word = 0;
};

/// A label that is not to be learned.
inline constexpr std::int32_t kIgnored = -1;

template <class T>
void largest_logits(const LogitsShape& shape, const T* logits, Precise<T>* most);

/// sums [2 tokens]: for each token the sum of exp(logit - most), and logit - most of the target, 0
/// where another rank has it.
template <class T>
void sum_logits(const LogitsShape& shape, const T* logits, const std::int32_t* labels,
                const Precise<T>* most, Precise<T>* sums);

/// losses [tokens]. Makes `logits` the gradient of their sum times `scale`, unless scale is 0.
template <class T>
void cross_entropy(const LogitsShape& shape, T* logits, const std::int32_t* labels,
                   const Precise<T>* most, const Precise<T>* sums, double scale,
                   Precise<T>* losses);

}  // namespace tutti::train
