#include "train/generate/continuation.h"

#include "train/kernels/matmul.h"
#include "train/kernels/norm.h"

namespace tutti::train {

template <class T>
void NewTokens<T>::norm(long first, const T* w) {
  normed.resize(size(width()));
  r_.resize(size(1));
  rms_norm(count - first, width(), shape_.norm_epsilon, x.data() + first * width(), w,
           normed.data(), r_.data());
}

template <class T>
void NewTokens<T>::add_rows(long columns, const T* inner, const T* w) {
  partial_.resize(x.size());
  linear({count, columns, width()}, inner, w, partial_.data());
  tensor_.all_reduce(std::span<T>(partial_));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += partial_[i];
}

namespace {

template <class T>
Continuations<T> continuations_of(const LlamaConfig& config, Group& tensor, const Layout& layout,
                                  long positions) {
  Continuations<T> all;
  all.kinds.push_back(
      continue_attention<T>(attention_of(LlamaSettings{{}, config}), tensor, layout, positions));
  all.kinds.push_back(continue_mlp<T>(config.mlp_width, tensor, layout));
  all.layers.assign(static_cast<std::size_t>(config.layers), {0, 1});
  return all;
}

template <class T>
Continuations<T> continuations_of(const MambaConfig& config, Group& tensor, const Layout& layout,
                                  long positions) {
  Continuations<T> all;
  all.kinds.push_back(config.is_mamba1() ? continue_mamba1<T>(config, tensor, layout)
                                         : continue_mamba2<T>(config, tensor, layout));
  if (config.is_hybrid()) {
    all.kinds.push_back(
        continue_attention<T>(attention_of(MambaSettings{{}, config}), tensor, layout, positions));
  }
  for (int layer = 0; layer < config.layers; ++layer) {
    all.layers.push_back({config.is_attention(layer) ? 1 : 0});
  }
  return all;
}

}  // namespace

template <class T>
Continuations<T> Continuations<T>::of(const ModelConfig& config, Group& tensor,
                                      const Layout& layout, long positions) {
  return std::visit(
      [&](const auto& family) { return continuations_of<T>(family, tensor, layout, positions); },
      config);
}

template class NewTokens<float>;
template class NewTokens<double>;
template struct Continuations<float>;
template struct Continuations<double>;

}  // namespace tutti::train
