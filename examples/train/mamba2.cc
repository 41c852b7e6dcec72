#include "train/mamba2.h"

namespace tutti::train {
namespace {

SsdShape ssd_shape(const MambaConfig& config, long tokens, const Group& tensor) {
  const long ranks = tensor.ranks();
  const bool cuts_groups = config.groups % ranks != 0;
  SsdShape shape;
  shape.tokens = tokens;
  shape.heads = config.heads() / ranks;
  shape.width = config.head_width;
  shape.states = config.states;
  shape.groups = cuts_groups ? config.groups : config.groups / ranks;
  shape.heads_per_group = config.heads() / config.groups;
  shape.first_head = cuts_groups ? shape.heads * tensor.rank() : 0;
  shape.chunk = config.chunk;
  shape.input_stride = shape.heads * shape.width + 2 * shape.groups * shape.states;
  shape.matrix_stride = shape.input_stride;
  return shape;
}

}  // namespace

template <class T>
Mamba2<T>::Mamba2(const MambaConfig& config, long sequences, long tokens, Groups& groups,
                  ResidualStream<T>& stream, const Layout& layout)
    : sequences_(sequences),
      has_bias_(config.convolution_bias),
      stream_(stream),
      layout_(layout),
      ssd_(ssd_shape(config, tokens, groups.tensor)),
      convolution_{tokens, ssd_.input_stride, config.taps,
                   ssd_.heads * (ssd_.width + 1) + ssd_.input_stride, ssd_.input_stride},
      steps_{sequences * tokens, ssd_.heads, convolution_.input_stride, config.steps.lowest,
             config.steps.highest},
      group_sums_(groups.tensor, config.norm_groups),
      halo_(groups.context, sequences, tokens, config.taps - 1, ssd_.input_stride),
      passing_(groups.context, sequences, ssd_.state_size(), ssd_.heads,
               [this](const T* decay, const T* from, T* state) {
                 ssd_carry(ssd_, decay, from, state);
               }) {
  const long here = group_sums_.here();
  norm_ = {sequences * tokens, here, inner() / here, config.inner_width() / config.norm_groups,
           config.norm_epsilon};
}

template <class T>
auto Mamba2<T>::at(int layer) const -> Places {
  const std::string prefix = "backbone.layers." + std::to_string(layer) + ".";
  const auto offset = [&](const char* name) { return layout_.at(prefix + name).offset; };
  return {offset("norm.weight"),
          offset("mixer.in_proj.weight/z"),
          offset("mixer.conv1d.weight/x"),
          has_bias_ ? offset("mixer.conv1d.bias/x") : 0,
          offset("mixer.dt_bias"),
          offset("mixer.A_log"),
          offset("mixer.D"),
          offset("mixer.norm.weight"),
          offset("mixer.out_proj.weight")};
}

// Of sequence n.
template <class T>
SsdInput<T> Mamba2<T>::ssd_input(const T* w, const Places& at, const Kept& s, long n) const {
  const T* x = s.convolved.data() + n * ssd_.tokens * channels();
  return {x,
          s.dt.data() + n * ssd_.tokens * ssd_.heads,
          x + inner(),
          x + inner() + matrices(),
          w + at.a_log,
          w + at.d};
}

// ---- forward

template <class T>
void Mamba2<T>::run(int layer, const T* w, const T* x, Kept& s, T* y) {
  const Places at = this->at(layer);
  Spare<T>& spare = stream_.spare();
  stream_.norm(x, w + at.norm, s.r, s.normed);
  spare.lend(s.projected, elements(tokens(), columns()));
  linear({tokens(), stream_.width(), columns()}, s.normed.data(), w + at.in, s.projected.data());
  halo_.give(s.projected.data() + inner(), columns(), s.halo);
  convolve_all(w, at, s);
  spare.lend(s.dt, elements(tokens(), ssd_.heads));
  time_steps(steps_, s.projected.data() + inner() + channels(), w + at.dt_bias, s.dt.data());
  scan(w, at, s);

  spare.lend(s.gated, elements(tokens(), inner()));
  gate(gate_shape(), s.y.data(), s.projected.data(), s.gated.data());
  spare.lend(s.squares, elements(tokens(), norm_.groups));
  group_norm_squares(norm_, s.gated.data(), s.squares.data());
  group_sums_.complete(tokens(), s.squares.data());
  norm_groups(w, at, s);
  stream_.add_rows(inner(), s.mixed.data(), w + at.out, x, y);
}

template <class T>
void Mamba2<T>::convolve_all(const T* w, const Places& at, Kept& s) {
  stream_.spare().lend(s.convolved, elements(tokens(), channels()));
  for (long n = 0; n < sequences_; ++n) {
    const long first = n * ssd_.tokens;
    convolve(convolution_, s.projected.data() + first * columns() + inner(), halo_.of(s.halo, n),
             w + at.taps, bias(w, at), s.convolved.data() + first * channels());
  }
}

// States travel while each chunk is computed by itself.
template <class T>
void Mamba2<T>::scan(const T* w, const Places& at, Kept& s) {
  stream_.spare().lend(s.states, elements(sequences_, chunk_states()));
  stream_.spare().lend(s.decays, elements(sequences_, ssd_.heads));
  stream_.spare().lend(s.y, elements(tokens(), inner()));
  const auto states = [&](long n) { return s.states.data() + n * chunk_states(); };
  const auto y = [&](long n) { return s.y.data() + n * ssd_.tokens * inner(); };
  for (long n = 0; n < sequences_; ++n) {
    T* const decay = s.decays.data() + n * ssd_.heads;
    ssd_states(ssd_, ssd_input(w, at, s, n), states(n), decay);
    passing_.put(n, decay, states(n) + ssd_.chunks() * ssd_.state_size());
  }
  passing_.start(Direction::kForward);
  for (long n = 0; n < sequences_; ++n) ssd_inside(ssd_, ssd_input(w, at, s, n), y(n));
  passing_.wait();
  for (long n = 0; n < sequences_; ++n) {
    ssd_finish(ssd_, ssd_input(w, at, s, n), passing_.incoming(n), states(n), y(n));
  }
}

template <class T>
void Mamba2<T>::norm_groups(const T* w, const Places& at, Kept& s) {
  stream_.spare().lend(s.group_r, s.squares.size());
  stream_.spare().lend(s.mixed, elements(tokens(), inner()));
  std::copy(s.squares.begin(), s.squares.end(), s.group_r.begin());
  group_norm(norm_, s.gated.data(), w + at.group_norm, s.group_r.data(), s.mixed.data());
}

template <class T>
void Mamba2<T>::forget(Kept& s, Recompute recompute) {
  Spare<T>& spare = stream_.spare();
  for (Array<T>* cheap : {&s.normed, &s.convolved, &s.gated, &s.mixed}) spare.take_back(*cheap);
  if (recompute == Recompute::kSelective) return;
  for (Array<T>* other :
       {&s.r, &s.projected, &s.dt, &s.states, &s.decays, &s.y, &s.squares, &s.group_r}) {
    spare.take_back(*other);
  }
}

template <class T>
void Mamba2<T>::remember(int layer, const T* w, const T* x, Kept& s) {
  const Places at = this->at(layer);
  stream_.norm(x, w + at.norm, s.r, s.normed);
  convolve_all(w, at, s);
  stream_.spare().lend(s.gated, elements(tokens(), inner()));
  gate(gate_shape(), s.y.data(), s.projected.data(), s.gated.data());
  norm_groups(w, at, s);
}

// ---- backward

template <class T>
void Mamba2<T>::run_backward(int layer, const T* w, const T* x, const Kept& s, Gradients& g,
                             T* dx) {
  const Places at = this->at(layer);
  stream_.gather(dx, g.out);
  g.mixed.resize(elements(tokens(), inner()));
  linear_backward_input({tokens(), inner(), stream_.width()}, g.out.data(), w + at.out,
                        g.mixed.data());
  g.projected.resize(elements(tokens(), columns()));
  back_through_groups(w, at, s, g);
  back_through_scan(w, at, s, g);
  back_through_convolution(w, at, s, g);
  stream_.back_through_norm(columns(), g.projected.data(), w + at.in, w + at.norm, x, s.r, g.normed,
                            dx);
}

// Down to d_y_ and the gradient of z.
template <class T>
void Mamba2<T>::back_through_groups(const T* w, const Places& at, const Kept& s, Gradients& g) {
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

// Gradients of states travel while each chunk is computed by itself.
template <class T>
void Mamba2<T>::back_through_scan(const T* w, const Places& at, const Kept& s, Gradients& g) {
  g.convolved.resize(elements(tokens(), channels()));
  d_dt_.resize(elements(tokens(), ssd_.heads));
  d_states_.resize(elements(sequences_, chunk_states()));
  for (Array<T>* sum : {&g.a_log, &g.d}) {
    sum->resize(static_cast<std::size_t>(ssd_.heads));
    sum->fill(0);
  }
  const auto dy = [&](long n) { return d_y_.data() + n * ssd_.tokens * inner(); };
  const auto d_states = [&](long n) { return d_states_.data() + n * chunk_states(); };
  const auto gradients = [&](long n) -> SsdGradients<T> {
    T* x = g.convolved.data() + n * ssd_.tokens * channels();
    return {x,
            d_dt_.data() + n * ssd_.tokens * ssd_.heads,
            x + inner(),
            x + inner() + matrices(),
            g.a_log.data(),
            g.d.data()};
  };
  for (long n = 0; n < sequences_; ++n) {
    ssd_backward_states(ssd_, ssd_input(w, at, s, n), dy(n), d_states(n));
    passing_.put(n, s.decays.data() + n * ssd_.heads, d_states(n));
  }
  passing_.start(Direction::kReverse);
  for (long n = 0; n < sequences_; ++n) {
    ssd_backward_inside(ssd_, ssd_input(w, at, s, n), dy(n), gradients(n));
  }
  passing_.wait();
  for (long n = 0; n < sequences_; ++n) {
    ssd_backward_finish(
        ssd_, ssd_input(w, at, s, n),
        {dy(n), s.states.data() + n * chunk_states(), passing_.incoming(n), d_states(n)},
        gradients(n));
  }
  time_steps_backward(steps_, s.projected.data() + inner() + channels(), w + at.dt_bias,
                      d_dt_.data(), g.projected.data() + inner() + channels());
}

template <class T>
void Mamba2<T>::back_through_convolution(const T* w, const Places& at, const Kept& s,
                                         Gradients& g) {
  d_halo_.resize(halo_.size());
  for (long n = 0; n < sequences_; ++n) {
    const long first = n * ssd_.tokens;
    convolve_backward_input(convolution_,
                            {s.projected.data() + first * columns() + inner(), halo_.of(s.halo, n),
                             w + at.taps, bias(w, at)},
                            g.convolved.data() + first * channels(),
                            g.projected.data() + first * columns() + inner(), halo_.of(d_halo_, n));
  }
  halo_.give_back(d_halo_, columns(), g.projected.data() + inner());
}

template <class T>
void Mamba2<T>::run_weigh(int layer, const T* x, const Kept& s, const Gradients& g, T* dw) {
  const Places at = this->at(layer);
  const long width = stream_.width();
  linear_backward_weight({tokens(), inner(), width}, g.out.data(), s.mixed.data(), dw + at.out);
  group_norm_backward_weight(norm_, g.mixed.data(), s.gated.data(), s.group_r.data(),
                             dw + at.group_norm);
  for (long h = 0; h < ssd_.heads; ++h) {
    dw[at.a_log + h] += g.a_log[h];
    dw[at.d + h] += g.d[h];
  }
  time_steps_backward_bias(steps_, g.projected.data() + inner() + channels(), dw + at.dt_bias);
  for (long n = 0; n < sequences_; ++n) {
    const long first = n * ssd_.tokens;
    convolve_backward_weight(convolution_, g.convolved.data() + first * channels(),
                             s.projected.data() + first * columns() + inner(), halo_.of(s.halo, n),
                             dw + at.taps, has_bias_ ? dw + at.bias : nullptr);
  }
  linear_backward_weight({tokens(), width, columns()}, g.projected.data(), s.normed.data(),
                         dw + at.in);
  stream_.weigh_norm(g.normed, x, s.r, dw + at.norm);
}

template class Mamba2<float>;
template class Mamba2<double>;

}  // namespace tutti::train
