// Attention and MLP when text is made (continuation.h): attention.h's and llama.cc's forward passes
// of new tokens; keys and values of all tokens are kept.

#include <algorithm>
#include <map>

#include "train/generate/continuation.h"
#include "train/kernels/matmul.h"
#include "train/kernels/rope.h"
#include "train/kernels/swiglu.h"

namespace tutti::train {
namespace {

template <class T>
class ContinuedAttention final : public Continuation<T> {
 public:
  ContinuedAttention(const AttentionSettings& settings, Group& tensor, const Layout& layout,
                     long positions)
      : settings_(settings),
        heads_(settings.heads),
        layout_(layout),
        positions_(positions),
        rope_(RopeTable<T>::make(rope_frequencies(settings.rope, settings.heads.width, positions),
                                 positions)) {
    heads_.heads /= tensor.ranks();
    heads_.kv_heads /= tensor.ranks();
    heads_.query_stride = (heads_.heads + 2 * heads_.kv_heads) * heads_.width;
    heads_.key_stride = 2 * heads_.kv_heads * heads_.width;
  }

  void run(int layer, const T* w, NewTokens<T>& tokens) override {
    const std::string prefix = settings_.layers + std::to_string(layer) + ".";
    const auto at = [&](const std::string& name) { return w + layout_.at(prefix + name).offset; };
    tokens.norm(at(settings_.norm));
    qkv_.resize(tokens.size(heads_.query_stride));
    linear({tokens.count, tokens.width(), heads_.query_stride}, tokens.normed.data(),
           at(settings_.q), qkv_.data());
    Array<T>& pairs = pairs_[layer];
    keep_keys(tokens, pairs);
    look_back(tokens, pairs);
    tokens.add_rows(heads_.heads * heads_.width, attended_.data(), at(settings_.o));
  }

 private:
  // Turns queries and keys by their positions; keys and values join those of the tokens before.
  void keep_keys(const NewTokens<T>& tokens, Array<T>& pairs) {
    pairs.resize(static_cast<std::size_t>(positions_ * heads_.key_stride));
    for (long t = 0; t < tokens.count; ++t) {
      const long position = tokens.position + t;
      T* const token = qkv_.data() + t * heads_.query_stride;
      if (settings_.rotary)
        rotate(rope_, {position, 1, heads_.heads + heads_.kv_heads, 0}, 1, token);
      std::copy_n(token + heads_.heads * heads_.width, heads_.key_stride,
                  pairs.data() + position * heads_.key_stride);
    }
  }

  void look_back(const NewTokens<T>& tokens, const Array<T>& pairs) {
    const long count = tokens.count;
    attended_.resize(tokens.size(heads_.heads * heads_.width));
    most_.resize(tokens.size(heads_.heads));
    sum_.resize(most_.size());
    attend_begin(heads_, count, attended_.data(), most_.data(), sum_.data());
    attend(heads_, {tokens.position, count}, qkv_.data(), {0, tokens.position + count},
           pairs.data(), pairs.data() + heads_.kv_heads * heads_.width, attended_.data(),
           most_.data(), sum_.data());
    attend_end(heads_, count, attended_.data(), attended_.data(), most_.data(), sum_.data());
  }

  const AttentionSettings settings_;
  HeadShape heads_;  // of this tensor-parallel rank
  const Layout& layout_;
  const long positions_;
  const RopeTable<T> rope_;
  std::map<int, Array<T>> pairs_;  // by layer: [positions][keys, values]
  Array<T> qkv_, attended_, most_, sum_;
};

template <class T>
class ContinuedMlp final : public Continuation<T> {
 public:
  ContinuedMlp(long width, const Layout& layout) : width_(width), layout_(layout) {}

  void run(int layer, const T* w, NewTokens<T>& tokens) override {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const auto at = [&](const char* name) { return w + layout_.at(prefix + name).offset; };
    tokens.norm(at("post_attention_layernorm.weight"));
    gate_up_.resize(tokens.size(2 * width_));
    linear({tokens.count, tokens.width(), 2 * width_}, tokens.normed.data(),
           at("mlp.gate_proj.weight"), gate_up_.data());
    activated_.resize(tokens.size(width_));
    swiglu(tokens.count, width_, gate_up_.data(), activated_.data());
    tokens.add_rows(width_, activated_.data(), at("mlp.down_proj.weight"));
  }

 private:
  const long width_;  // on this tensor-parallel rank
  const Layout& layout_;
  Array<T> gate_up_, activated_;
};

}  // namespace

template <class T>
std::unique_ptr<Continuation<T>> continue_attention(const AttentionSettings& settings,
                                                    Group& tensor, const Layout& layout,
                                                    long positions) {
  return std::make_unique<ContinuedAttention<T>>(settings, tensor, layout, positions);
}

template <class T>
std::unique_ptr<Continuation<T>> continue_mlp(long width, Group& tensor, const Layout& layout) {
  return std::make_unique<ContinuedMlp<T>>(width / tensor.ranks(), layout);
}

#define TUTTI_INSTANTIATE(T)                                                                     \
  template std::unique_ptr<Continuation<T>> continue_attention(const AttentionSettings&, Group&, \
                                                               const Layout&, long);             \
  template std::unique_ptr<Continuation<T>> continue_mlp(long, Group&, const Layout&);
TUTTI_INSTANTIATE(float)
TUTTI_INSTANTIATE(double)
#undef TUTTI_INSTANTIATE

}  // namespace tutti::train
