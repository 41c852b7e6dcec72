#include "train/mamba2.h"

#include "train/mamba2_heads.h"

namespace tutti::train {

template <class T>
std::unique_ptr<Mamba2Scan<T>> scan_of(const MambaConfig& config, ScanKind kind,
                                       const SsdShape& heads, long sequences, Group& context,
                                       Spare<T>& spare) {
  if (kind == ScanKind::kHeads) {
    return std::make_unique<HeadScan<T>>(config, heads, sequences, context, spare);
  }
  return std::make_unique<ShardScan<T>>(config, heads, sequences, context, spare);
}

template <class T>
Mamba2<T>::Mamba2(const MambaConfig& config, ScanKind scan, long sequences, long tokens,
                  Groups& groups, ResidualStream<T, X>& stream, const Units<T>& units)
    : has_bias_(config.convolution_bias),
      stream_(stream),
      units_(units),
      heads_(ssd_shape(config, tokens, groups.tensor.rank(), groups.tensor.ranks())),
      group_sums_(groups.tensor, config.norm_groups),
      norm_{sequences * tokens, group_sums_.here(), inner() / group_sums_.here(),
            config.inner_width() / config.norm_groups, config.norm_epsilon},
      scan_(scan_of<T>(config, scan, heads_, sequences, groups.context, stream.spare())) {}

template <class T>
auto Mamba2<T>::at(int layer) const -> Places {
  const std::string prefix = "backbone.layers." + std::to_string(layer) + ".";
  const auto placed = [&](const char* name) -> const Placed& {
    return units_.layout().at(prefix + name);
  };
  const auto offset = [&](const char* name) { return placed(name).offset; };
  return {offset("norm.weight"),
          offset("mixer.in_proj.weight/z"),
          offset("mixer.conv1d.weight/x"),
          has_bias_ ? offset("mixer.conv1d.bias/x") : 0,
          offset("mixer.norm.weight"),
          offset("mixer.out_proj.weight"),
          placed("mixer.dt_bias"),
          placed("mixer.A_log"),
          placed("mixer.D")};
}

// ---- forward

template <class T>
void Mamba2<T>::run(int layer, const T* w, const X* x, Kept& s, X* y) {
  const Places at = this->at(layer);
  Spare<T>& spare = stream_.spare();
  stream_.norm(x, w + at.norm, s.r, s.normed);
  spare.lend(s.projected, elements(tokens(), columns()));
  linear({tokens(), stream_.width(), columns()}, s.normed.data(), w + at.in, s.projected.data());
  spare.lend(s.y, elements(tokens(), inner()));
  scan_->forward(scan_weights(w, at), scanned(s), s.scan, s.y.data());

  spare.lend(s.gated, elements(tokens(), inner()));
  gate(gate_shape(), s.y.data(), s.projected.data(), s.gated.data());
  spare.lend(s.squares, elements(tokens(), norm_.groups));
  group_norm_squares(norm_, s.gated.data(), s.squares.data());
  group_sums_.complete(tokens(), s.squares.data());
  norm_groups(w, at, s);
  stream_.add_rows(inner(), s.mixed.data(), w + at.out, x, y);
}

template <class T>
void Mamba2<T>::norm_groups(const T* w, const Places& at, Kept& s) {
  stream_.spare().lend(s.group_r, s.squares.size());
  stream_.spare().lend(s.mixed, elements(tokens(), inner()));
  copy_elements(s.squares.data(), static_cast<long>(s.squares.size()), s.group_r.data());
  group_norm(norm_, s.gated.data(), w + at.group_norm, s.group_r.data(), s.mixed.data());
}

template <class T>
void Mamba2<T>::forget(Kept& s, Recompute recompute) {
  Spare<T>& spare = stream_.spare();
  scan_->forget(s.scan, recompute);
  spare.take_back(s.normed, s.gated, s.mixed);
  if (recompute == Recompute::kSelective) return;
  spare.take_back(s.r, s.projected, s.y, s.squares, s.group_r);
}

template <class T>
void Mamba2<T>::remember(int layer, const T* w, const X* x, Kept& s) {
  const Places at = this->at(layer);
  stream_.norm(x, w + at.norm, s.r, s.normed);
  scan_->remember(scan_weights(w, at), scanned(s), s.scan);
  stream_.spare().lend(s.gated, elements(tokens(), inner()));
  gate(gate_shape(), s.y.data(), s.projected.data(), s.gated.data());
  norm_groups(w, at, s);
}

// ---- backward

template <class T>
void Mamba2<T>::run_backward(int layer, const T* w, const X* x, const Kept& s, Gradients& g,
                             X* dx) {
  const Places at = this->at(layer);
  stream_.gather(dx, g.out);
  g.mixed.resize(elements(tokens(), inner()));
  linear_backward_input({tokens(), inner(), stream_.width()}, g.out.data(), w + at.out,
                        g.mixed.data());
  g.projected.resize(elements(tokens(), columns()));
  back_through_norm(w, at, s, g);
  scan_->backward(scan_weights(w, at), scanned(s), s.scan, d_y_.data(), g.scan,
                  {g.projected.data() + inner(), columns()});
  stream_.back_through_norm(columns(), g.projected.data(), w + at.in, w + at.norm, x, s.r, g.normed,
                            dx);
}

// Down to d_y_ and the gradient of z.
template <class T>
void Mamba2<T>::back_through_norm(const T* w, const Places& at, const Kept& s, Gradients& g) {
  const T* const scale = w + at.group_norm;
  sums_.resize(s.squares.size());
  group_norm_backward_sums(norm_, g.mixed.data(), s.gated.data(), scale, sums_.data());
  group_sums_.complete(tokens(), sums_.data());
  d_gated_.resize(elements(tokens(), inner()));
  group_norm_backward_input(norm_,
                            {g.mixed.data(), s.gated.data(), scale, s.group_r.data(), sums_.data()},
                            d_gated_.data());
  d_y_.resize(elements(tokens(), inner()));
  gate_backward(gate_shape(), d_gated_.data(), s.y.data(), s.projected.data(), d_y_.data(),
                g.projected.data());
}

template <class T>
void Mamba2<T>::run_weigh(int layer, const X* x, const Kept& s, const Gradients& g,
                          Precise<T>* dw) {
  const Places at = this->at(layer);
  const long width = stream_.width();
  linear_backward_weight({tokens(), inner(), width}, g.out.data(), s.mixed.data(), dw + at.out);
  group_norm_backward_weight(norm_, g.mixed.data(), s.gated.data(), s.group_r.data(),
                             dw + at.group_norm);
  scan_->weigh(scanned(s), s.scan, g.scan, {g.projected.data() + inner(), columns()},
               {dw + at.taps, has_bias_ ? dw + at.bias : nullptr, dw + at.dt_bias.offset,
                dw + at.a_log.offset, dw + at.d.offset});
  linear_backward_weight({tokens(), width, columns()}, g.projected.data(), s.normed.data(),
                         dw + at.in);
  stream_.weigh_norm(g.normed, x, s.r, dw + at.norm);
}

template class Mamba2<float>;
template class Mamba2<double>;
template class Mamba2<OnDevice<float>>;
template class Mamba2<OnDevice<Bf16>>;

}  // namespace tutti::train
