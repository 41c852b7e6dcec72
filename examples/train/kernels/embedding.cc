#include "train/kernels/embedding.h"

#include <algorithm>

namespace tutti::train {
namespace {

bool has(const EmbeddingShape& shape, std::int32_t word) {
  return word >= shape.first_word && word < shape.first_word + shape.words;
}

}  // namespace

template <class T>
void embed(const EmbeddingShape& shape, const std::int32_t* tokens, const T* table, T* y) {
  for (long t = 0; t < shape.tokens; ++t, y += shape.width) {
    if (has(shape, tokens[t])) {
      std::copy_n(table + (tokens[t] - shape.first_word) * shape.width, shape.width, y);
    } else {
      std::fill_n(y, shape.width, T{0});
    }
  }
}

template <class T>
void embed_backward(const EmbeddingShape& shape, const std::int32_t* tokens, const T* dy,
                    Precise<T>* d_table) {
  for (long t = 0; t < shape.tokens; ++t, dy += shape.width) {
    if (!has(shape, tokens[t])) continue;
    T* row = d_table + (tokens[t] - shape.first_word) * shape.width;
    for (long i = 0; i < shape.width; ++i) row[i] += dy[i];
  }
}

template void embed(const EmbeddingShape&, const std::int32_t*, const float*, float*);
template void embed(const EmbeddingShape&, const std::int32_t*, const double*, double*);
template void embed_backward(const EmbeddingShape&, const std::int32_t*, const float*, float*);
template void embed_backward(const EmbeddingShape&, const std::int32_t*, const double*, double*);

}  // namespace tutti::train
