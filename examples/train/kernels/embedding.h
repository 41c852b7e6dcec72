// Rows of a table, of which each tensor-parallel rank has a part.
//
// Tested by train_kernels_test.cc.

#pragma once

#include <cstdint>

#include "train/element.h"

namespace tutti::train {

/// A part of the table [words, width], that begins with word `first_word`.
struct EmbeddingShape {
  long tokens = 0;
  long width = 0;
  long words = 0;
  long first_word = 0;
};

/// y [tokens, width]; 0 for words that another rank has.
template <class T>
void embed(const EmbeddingShape& shape, const std::int32_t* tokens, const T* table, T* y);
/// Adds to d_table, token by token.
template <class T>
void embed_backward(const EmbeddingShape& shape, const std::int32_t* tokens, const T* dy,
                    Precise<T>* d_table);

}  // namespace tutti::train
