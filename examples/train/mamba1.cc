#include "train/mamba1.h"

#include "train/kernels/blas.h"
#include "train/kernels/device/multiply.h"

namespace tutti::train {

ScanShape scan_shape_of(const MambaConfig& config, long tokens, int tensor_ranks) {
  ScanShape shape;
  shape.tokens = tokens;
  shape.channels = config.inner_width() / tensor_ranks;
  shape.states = config.states;
  shape.input_stride = shape.channels;
  shape.matrix_stride = config.step_rank + 2 * config.states;
  return shape;
}

template <class T>
Mamba1<T>::Mamba1(const MambaConfig& config, long sequences, long tokens, Groups& groups,
                  ResidualStream<T, X>& stream, const Units<T>& units)
    : sequences_(sequences),
      step_rank_(config.step_rank),
      has_bias_(config.convolution_bias),
      stream_(stream),
      units_(units),
      tensor_(groups.tensor),
      passes_states_(!groups.context.alone()),
      scan_(scan_shape_of(config, tokens, groups.mesh.tp())),
      convolution_{tokens, scan_.channels, config.taps, scan_.channels, scan_.channels},
      steps_{sequences * tokens, convolution_.channels, convolution_.channels},
      halo_(groups.context, sequences, tokens, config.taps - 1, convolution_.channels),
      passing_(groups.context, sequences, convolution_.channels, config.states, 1) {}

template <class T>
auto Mamba1<T>::at(int layer) const -> Places {
  const std::string prefix = "backbone.layers." + std::to_string(layer) + ".";
  const auto placed = [&](const char* name) -> const Placed& {
    return units_.layout().at(prefix + name);
  };
  const auto offset = [&](const char* name) { return placed(name).offset; };
  return {offset("norm.weight"),
          offset("mixer.in_proj.weight/x"),
          offset("mixer.in_proj.weight/z"),
          offset("mixer.conv1d.weight"),
          has_bias_ ? offset("mixer.conv1d.bias") : 0,
          offset("mixer.x_proj.weight"),
          offset("mixer.dt_proj.weight"),
          offset("mixer.out_proj.weight"),
          placed("mixer.dt_proj.bias"),
          placed("mixer.A_log"),
          placed("mixer.D")};
}

// Of sequence n.
template <class T>
ScanInput<T> Mamba1<T>::scan_input(const T* w, const Places& at, const Kept& s, long n) const {
  const T* b = s.selected.data() + n * scan_.tokens * selected() + step_rank_;
  return {s.convolved.data() + row(n), s.delta.data() + row(n), b, b + scan_.states,
          units_.exact(w, at.a_log),   units_.exact(w, at.d)};
}

// ---- forward

template <class T>
void Mamba1<T>::run(int layer, const T* w, const X* x, Kept& s, X* y) {
  const Places at = this->at(layer);
  Spare<T>& spare = stream_.spare();
  stream_.norm(x, w + at.norm, s.r, s.normed);
  for (Array<T>* wide : {&s.x, &s.z, &s.raw, &s.y}) spare.lend(*wide, this->wide());
  const Linear half{tokens(), stream_.width(), channels()};
  linear(half, s.normed.data(), w + at.x, s.x.data());
  halo_.give(s.x.data(), channels(), s.halo);
  convolve_all(w, at, s);

  spare.lend(s.selected, elements(tokens(), selected()));
  linear({tokens(), channels(), selected()}, s.convolved.data(), w + at.select, s.selected.data());
  const std::span<T> sums(s.selected);
  Group::Pending adding = tensor_.start<T>(all_reduce(wired(sums), wired(sums)), sums.size_bytes());
  linear(half, s.normed.data(), w + at.z, s.z.data());
  adding.wait();

  select(w, at, s);
  scan_all(w, at, s);
  gate_all(s);
  stream_.add_rows(channels(), s.gated.data(), w + at.out, x, y);
}

template <class T>
void Mamba1<T>::convolve_all(const T* w, const Places& at, Kept& s) {
  stream_.spare().lend(s.convolved, wide());
  for (long n = 0; n < sequences_; ++n) {
    convolve(convolution_, s.x.data() + row(n), halo_.of(s.halo, n), w + at.taps,
             has_bias_ ? w + at.bias : nullptr, s.convolved.data() + row(n));
  }
}

// Time steps from their R numbers a token.
template <class T>
void Mamba1<T>::select(const T* w, const Places& at, Kept& s) {
  multiply(tokens(), channels(), step_rank_, 1, Matrix<const T>{s.selected.data(), selected()},
           Matrix<const T>{w + at.step, step_rank_, true}, 0, Matrix<T>{s.raw.data(), channels()});
  stream_.spare().lend(s.delta, wide());
  time_steps(steps_, s.raw.data(), units_.exact(w, at.step_bias), s.delta.data());
}

// A shard tells the next one what it makes of its state, and can go through its tokens when it
// knows its own.
template <class T>
void Mamba1<T>::scan_all(const T* w, const Places& at, Kept& s) {
  stream_.spare().lend(s.states, elements(sequences_, chunk_states()));
  stream_.spare().lend(s.decays, elements(sequences_, scan_.state_size()));
  if (passes_states_) {
    final_.resize(static_cast<std::size_t>(scan_.state_size()));
    for (long n = 0; n < sequences_; ++n) {
      Precise<T>* const decay = s.decays.data() + n * scan_.state_size();
      scan_state(scan_, scan_input(w, at, s, n), final_.data(), decay);
      passing_.put(n, decay, final_.data());
    }
    passing_.start(Direction::kForward);
    passing_.wait();
  }
  for (long n = 0; n < sequences_; ++n) {
    scan(scan_, scan_input(w, at, s, n), passing_.incoming(n), s.y.data() + row(n),
         s.states.data() + n * chunk_states());
  }
}

template <class T>
void Mamba1<T>::gate_all(Kept& s) {
  stream_.spare().lend(s.gated, wide());
  gate(gate_shape(), s.y.data(), s.z.data(), s.gated.data());
}

template <class T>
void Mamba1<T>::forget(Kept& s, Recompute recompute) {
  Spare<T>& spare = stream_.spare();
  spare.take_back(s.normed, s.convolved, s.delta, s.gated);
  if (recompute == Recompute::kSelective) return;
  spare.take_back(s.r, s.x, s.z, s.selected, s.raw, s.states, s.decays, s.y);
}

template <class T>
void Mamba1<T>::remember(int layer, const T* w, const X* x, Kept& s) {
  const Places at = this->at(layer);
  stream_.norm(x, w + at.norm, s.r, s.normed);
  convolve_all(w, at, s);
  stream_.spare().lend(s.delta, wide());
  time_steps(steps_, s.raw.data(), units_.exact(w, at.step_bias), s.delta.data());
  gate_all(s);
}

// ---- backward

template <class T>
void Mamba1<T>::run_backward(int layer, const T* w, const X* x, const Kept& s, Gradients& g,
                             X* dx) {
  const Places at = this->at(layer);
  stream_.gather(dx, g.out);
  d_gated_.resize(wide());
  linear_backward_input({tokens(), channels(), stream_.width()}, g.out.data(), w + at.out,
                        d_gated_.data());
  for (Array<T>* all : {&g.x, &g.z, &g.raw, &g.convolved, &d_y_}) all->resize(wide());
  d_delta_.resize(wide());
  gate_backward(gate_shape(), d_gated_.data(), s.y.data(), s.z.data(), d_y_.data(), g.z.data());
  back_through_scan(w, at, s, g);
  back_through_selection(w, at, s, g);
  back_through_convolution(w, at, s, g);

  const long width = stream_.width();
  const Linear half{tokens(), width, channels()};
  T* const d_normed = stream_.partial();
  linear_backward_input(half, g.x.data(), w + at.x, d_normed);
  multiply(tokens(), width, channels(), 1, Matrix<const T>{g.z.data(), channels()},
           Matrix<const T>{w + at.z, width}, 1, Matrix<T>{d_normed, width});
  stream_.back_from_partial(w + at.norm, x, s.r, g.normed, dx);
}

template <class T>
void Mamba1<T>::back_through_scan(const T* w, const Places& at, const Kept& s, Gradients& g) {
  g.selected.resize(elements(tokens(), selected()));
  g.a_log.resize(static_cast<std::size_t>(scan_.state_size()));
  g.a_log.clear();
  g.d.resize(static_cast<std::size_t>(channels()));
  g.d.clear();
  d_initial_.resize(static_cast<std::size_t>(scan_.state_size()));
  if (passes_states_) {
    for (long n = 0; n < sequences_; ++n) {
      scan_backward_state(scan_, scan_input(w, at, s, n), d_y_.data() + row(n), d_initial_.data());
      passing_.put(n, s.decays.data() + n * scan_.state_size(), d_initial_.data());
    }
    passing_.start(Direction::kReverse);
    passing_.wait();
  }
  for (long n = 0; n < sequences_; ++n) {
    T* const b = g.selected.data() + n * scan_.tokens * selected() + step_rank_;
    scan_backward(
        scan_, scan_input(w, at, s, n),
        {d_y_.data() + row(n), passing_.incoming(n), s.states.data() + n * chunk_states()},
        {g.convolved.data() + row(n), d_delta_.data() + row(n), b, b + scan_.states, g.a_log.data(),
         g.d.data()},
        d_initial_.data());
  }
}

// Channels of all ranks have to do with dt, B and C; these with all channels here.
template <class T>
void Mamba1<T>::back_through_selection(const T* w, const Places& at, const Kept& s, Gradients& g) {
  time_steps_backward(steps_, s.raw.data(), units_.exact(w, at.step_bias), d_delta_.data(),
                      g.raw.data());
  multiply(tokens(), step_rank_, channels(), 1, Matrix<const T>{g.raw.data(), channels()},
           Matrix<const T>{w + at.step, step_rank_}, 0, Matrix<T>{g.selected.data(), selected()});
  tensor_.all_reduce(std::span<T>(g.selected));
  multiply(tokens(), channels(), selected(), 1, Matrix<const T>{g.selected.data(), selected()},
           Matrix<const T>{w + at.select, channels()}, 1,
           Matrix<T>{g.convolved.data(), channels()});
}

template <class T>
void Mamba1<T>::back_through_convolution(const T* w, const Places& at, const Kept& s,
                                         Gradients& g) {
  d_halo_.resize(halo_.size());
  for (long n = 0; n < sequences_; ++n) {
    convolve_backward_input(
        convolution_,
        {s.x.data() + row(n), halo_.of(s.halo, n), w + at.taps, has_bias_ ? w + at.bias : nullptr},
        g.convolved.data() + row(n), g.x.data() + row(n), halo_.of(d_halo_, n));
  }
  halo_.give_back(d_halo_, channels(), g.x.data());
}

template <class T>
void Mamba1<T>::run_weigh(int layer, const X* x, const Kept& s, const Gradients& g,
                          Precise<T>* dw) {
  const Places at = this->at(layer);
  const long width = stream_.width();
  linear_backward_weight({tokens(), channels(), width}, g.out.data(), s.gated.data(), dw + at.out);
  Precise<T>* const d_a_log = dw + at.a_log.offset;
  Precise<T>* const d_d = dw + at.d.offset;
  add(scan_.state_size(), d_a_log, g.a_log.data(), d_a_log);
  add(channels(), d_d, g.d.data(), d_d);
  time_steps_backward_bias(steps_, g.raw.data(), dw + at.step_bias.offset);
  multiply(channels(), step_rank_, tokens(), 1, Matrix<const T>{g.raw.data(), channels(), true},
           Matrix<const T>{s.selected.data(), selected()}, 1,
           Matrix<Precise<T>>{dw + at.step, step_rank_});
  linear_backward_weight({tokens(), channels(), selected()}, g.selected.data(), s.convolved.data(),
                         dw + at.select);
  for (long n = 0; n < sequences_; ++n) {
    convolve_backward_weight(convolution_, g.convolved.data() + row(n), s.x.data() + row(n),
                             halo_.of(s.halo, n), dw + at.taps, has_bias_ ? dw + at.bias : nullptr);
  }
  linear_backward_weight({tokens(), width, channels()}, g.x.data(), s.normed.data(), dw + at.x);
  linear_backward_weight({tokens(), width, channels()}, g.z.data(), s.normed.data(), dw + at.z);
  stream_.weigh_norm(g.normed, x, s.r, dw + at.norm);
}

template class Mamba1<float>;
template class Mamba1<double>;
template class Mamba1<OnDevice<float>>;
template class Mamba1<OnDevice<Bf16>>;

}  // namespace tutti::train
