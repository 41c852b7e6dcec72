#include "train/kernels/device/embedding.h"

#include <algorithm>
#include <vector>

namespace tutti::train {
namespace {

// Tokens are rows of the table anywhere, also one alone.
long rows(const EmbeddingShape& shape) { return std::max(shape.tokens, shape.words); }

template <class S>
void forward(const EmbeddingShape& shape, const std::int32_t* tokens, const S* table, S* y) {
  const std::size_t bytes = static_cast<std::size_t>(shape.tokens) * sizeof(std::int32_t);
  auto* there = static_cast<std::int32_t*>(accelerator().room(bytes));
  accelerator().write(there, tokens, bytes);
  const auto pieces = cut<kPack<S>>(rows(shape), shape.width,
                                    {operand(table, shape.width), operand(y, shape.width)});
  launch(pieces.blocks(shape.tokens), Embed<S>{pieces, shape, there, table, y});
}

// The tokens whose words are in this part of the table, sorted by words, those of one word as they
// come; and where each word's are.
struct Order {
  std::vector<std::int32_t> tokens;
  std::vector<WordTokens> words;
};

Order order_of(const EmbeddingShape& shape, const std::int32_t* tokens) {
  const auto word = [&](std::int32_t token) {
    return static_cast<std::int32_t>(tokens[token] - shape.first_word);
  };
  Order order;
  for (std::int32_t t = 0; t < shape.tokens; ++t) {
    if (word(t) >= 0 && word(t) < shape.words) order.tokens.push_back(t);
  }
  std::stable_sort(order.tokens.begin(), order.tokens.end(),
                   [&](std::int32_t a, std::int32_t b) { return word(a) < word(b); });
  std::int32_t at = 0;
  for (const std::int32_t token : order.tokens) {
    if (order.words.empty() || order.words.back().word != word(token)) {
      order.words.push_back({word(token), at, at});
    }
    order.words.back().end = ++at;
  }
  return order;
}

template <class S>
void backward(const EmbeddingShape& shape, const std::int32_t* tokens, const S* dy,
              float* d_table) {
  const Order order = order_of(shape, tokens);
  const std::size_t words_bytes = order.words.size() * sizeof(WordTokens);
  const std::size_t tokens_bytes = order.tokens.size() * sizeof(std::int32_t);
  auto* there = static_cast<std::byte*>(accelerator().room(words_bytes + tokens_bytes));
  accelerator().write(there, order.words.data(), words_bytes);
  accelerator().write(there + words_bytes, order.tokens.data(), tokens_bytes);

  const long words = static_cast<long>(order.words.size());
  const auto pieces = cut<kPack<S>>(rows(shape), shape.width,
                                    {operand(dy, shape.width), operand(d_table, shape.width)});
  launch(pieces.blocks(words),
         EmbedBackward<S>{pieces, reinterpret_cast<const WordTokens*>(there),
                          reinterpret_cast<const std::int32_t*>(there + words_bytes), dy, d_table});
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                                     \
  template <>                                                                                   \
  void embed(const EmbeddingShape& shape, const std::int32_t* tokens, const OnDevice<S>* table, \
             OnDevice<S>* y) {                                                                  \
    forward(shape, tokens, plain(table), plain(y));                                             \
  }                                                                                             \
  template <>                                                                                   \
  void embed_backward(const EmbeddingShape& shape, const std::int32_t* tokens,                  \
                      const OnDevice<S>* dy, OnDevice<float>* d_table) {                        \
    backward(shape, tokens, plain(dy), plain(d_table));                                         \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
