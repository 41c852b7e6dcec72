#include "train/attention.h"

namespace tutti::train {

template <class T, class X>
Attention<T, X>::Attention(const AttentionSettings& settings, Groups& groups,
                           ResidualStream<T, X>& stream, const Layout& layout)
    : settings_(settings),
      heads_{settings.heads.heads / groups.mesh.tp(), settings.heads.kv_heads / groups.mesh.tp(),
             settings.heads.width},
      stream_(stream),
      layout_(layout),
      attention_(groups.context, settings.context, heads_, settings.sequences, settings.sequence,
                 settings.sharing),
      rope_(RopeTable<T>::make(
          rope_frequencies(settings.rope, settings.heads.width, settings.sequence),
          settings.sequence)) {}

template <class T, class X>
auto Attention<T, X>::at(int layer) const -> Places {
  const std::string prefix = settings_.layers + std::to_string(layer) + ".";
  const auto offset = [&](const std::string& name) { return layout_.at(prefix + name).offset; };
  return {offset(settings_.norm), offset(settings_.q), offset(settings_.o)};
}

template <class T, class X>
void Attention<T, X>::run(int layer, const T* w, const X* x, Kept& s, X* y) {
  const Places at = this->at(layer);
  Spare<T>& spare = stream_.spare();
  stream_.norm(x, w + at.norm, s.r, s.normed);
  spare.lend(s.qkv, elements(tokens(), qkv_width()));
  linear({tokens(), stream_.width(), qkv_width()}, s.normed.data(), w + at.qkv, s.qkv.data());
  turn(s.qkv.data(), 1);
  spare.lend(s.attended, elements(tokens(), heads_width()));
  spare.lend(s.log_sum, elements(tokens(), heads_.heads));
  attention_.forward(s.qkv.data(), s.attended.data(), s.log_sum.data());
  stream_.add_rows(heads_width(), s.attended.data(), w + at.o, x, y);
}

// Queries and keys by their positions.
template <class T, class X>
void Attention<T, X>::turn(T* qkv, int direction) const {
  if (!settings_.rotary) return;
  const long turned = heads_.heads + heads_.kv_heads;
  for (long n = 0; n < settings_.sequences; ++n) {
    for (const Piece& piece : attention_.pieces()) {
      rotate(rope_, {piece.tokens.position, piece.tokens.count, turned, qkv_width()}, direction,
             qkv + (n * attention_.tokens() + piece.first) * qkv_width());
    }
  }
}

template <class T, class X>
void Attention<T, X>::forget(Kept& s, Recompute recompute) {
  Spare<T>& spare = stream_.spare();
  spare.take_back(s.normed);
  if (recompute == Recompute::kSelective) return;
  spare.take_back(s.r, s.qkv, s.attended, s.log_sum);
}

template <class T, class X>
void Attention<T, X>::remember(int layer, const T* w, const X* x, Kept& s) {
  stream_.norm(x, w + at(layer).norm, s.r, s.normed);
}

template <class T, class X>
void Attention<T, X>::run_backward(int layer, const T* w, const X* x, const Kept& s, Gradients& g,
                                   X* dx) {
  const Places at = this->at(layer);
  stream_.gather(dx, g.attended);
  d_attended_.resize(elements(tokens(), heads_width()));
  linear_backward_input({tokens(), heads_width(), stream_.width()}, g.attended.data(), w + at.o,
                        d_attended_.data());
  g.qkv.resize(elements(tokens(), qkv_width()));
  attention_.backward(s.qkv.data(), s.attended.data(), s.log_sum.data(), d_attended_.data(),
                      g.qkv.data());
  turn(g.qkv.data(), -1);
  stream_.back_through_norm(qkv_width(), g.qkv.data(), w + at.qkv, w + at.norm, x, s.r, g.normed,
                            dx);
}

template <class T, class X>
void Attention<T, X>::run_weigh(int layer, const X* x, const Kept& s, const Gradients& g,
                                Precise<T>* dw) {
  const Places at = this->at(layer);
  const long width = stream_.width();
  linear_backward_weight({tokens(), heads_width(), width}, g.attended.data(), s.attended.data(),
                         dw + at.o);
  linear_backward_weight({tokens(), width, qkv_width()}, g.qkv.data(), s.normed.data(),
                         dw + at.qkv);
  stream_.weigh_norm(g.normed, x, s.r, dw + at.norm);
}

template class Attention<float, float>;
template class Attention<double, double>;
template class Attention<OnDevice<float>, OnDevice<float>>;
template class Attention<OnDevice<Bf16>, OnDevice<Bf16>>;
template class Attention<OnDevice<Bf16>, OnDevice<float>>;

}  // namespace tutti::train
