#include "train/mamba2_scan.h"

namespace tutti::train {

SsdShape ssd_shape(const MambaConfig& config, long tokens, int rank, int ranks) {
  const bool cuts_groups = config.groups % ranks != 0;
  SsdShape shape;
  shape.tokens = tokens;
  shape.heads = config.heads() / ranks;
  shape.width = config.head_width;
  shape.states = config.states;
  shape.groups = cuts_groups ? config.groups : config.groups / ranks;
  shape.heads_per_group = config.heads() / config.groups;
  shape.first_head = cuts_groups ? shape.heads * rank : 0;
  shape.chunk = config.chunk;
  shape.input_stride = shape.heads * shape.width + 2 * shape.groups * shape.states;
  shape.matrix_stride = shape.input_stride;
  return shape;
}

template <class T>
ShardScan<T>::ShardScan(const MambaConfig& config, const SsdShape& shape, long sequences,
                        Group& context, Spare<T>& spare)
    : ssd_(shape),
      taps_(config.taps),
      limits_(config.steps),
      sequences_(sequences),
      spare_(spare),
      halo_(context, sequences, shape.tokens, taps_ - 1, shape.input_stride),
      passing_(context, sequences, shape.heads, 1, shape.width * shape.states) {}

// Of sequence n.
template <class T>
SsdInput<T> ShardScan<T>::input(const ScanWeights<T>& w, const Mamba2ScanKept<T>& s, long n) const {
  const T* x = s.convolved.data() + n * ssd_.tokens * channels();
  const T* b = x + inner();
  return {x,  s.dt.data() + n * ssd_.tokens * ssd_.heads, b, b + ssd_.groups * ssd_.states, w.a_log,
          w.d};
}

template <class T>
SsdGradients<T> ShardScan<T>::gradients(Mamba2ScanGradients<T>& g, long n) {
  T* x = g.convolved.data() + n * ssd_.tokens * channels();
  T* b = x + inner();
  return {x,
          d_dt_.data() + n * ssd_.tokens * ssd_.heads,
          b,
          b + ssd_.groups * ssd_.states,
          g.a_log.data(),
          g.d.data()};
}

// ---- forward

// States travel while each chunk is computed by itself.
template <class T>
void ShardScan<T>::forward(const ScanWeights<T>& w, ScanColumns<const T> in, Mamba2ScanKept<T>& s,
                           T* y) {
  halo_.give(in.data, in.stride, s.halo);
  remember(w, in, s);
  spare_.lend(s.dt, elements(tokens(), ssd_.heads));
  time_steps(steps(in.stride), in.data + channels(), w.dt_bias, s.dt.data());

  spare_.lend(s.states, elements(sequences_, chunk_states()));
  spare_.lend(s.decays, elements(sequences_, ssd_.heads));
  const auto states = [&](long n) { return s.states.data() + n * chunk_states(); };
  const auto y_of = [&](long n) { return y + n * ssd_.tokens * inner(); };
  const auto decay = [&](long n) { return s.decays.data() + n * ssd_.heads; };
  for (long n = 0; n < sequences_; ++n) ssd_states(ssd_, input(w, s, n), states(n), decay(n));
  for (long n = 0; n < sequences_; ++n) {
    passing_.put(n, decay(n), states(n) + ssd_.chunks() * ssd_.state_size());
  }
  passing_.start(Direction::kForward);
  for (long n = 0; n < sequences_; ++n) ssd_inside(ssd_, input(w, s, n), y_of(n));
  passing_.wait();
  for (long n = 0; n < sequences_; ++n) {
    ssd_finish(ssd_, input(w, s, n), passing_.incoming(n), states(n), y_of(n));
  }
}

template <class T>
void ShardScan<T>::forget(Mamba2ScanKept<T>& s, Recompute recompute) {
  spare_.take_back(s.convolved);
  if (recompute == Recompute::kSelective) return;
  spare_.take_back(s.dt, s.states, s.decays);
}

template <class T>
void ShardScan<T>::remember(const ScanWeights<T>& w, ScanColumns<const T> in,
                            Mamba2ScanKept<T>& s) {
  spare_.lend(s.convolved, elements(tokens(), channels()));
  for (long n = 0; n < sequences_; ++n) {
    const long first = n * ssd_.tokens;
    convolve(convolution(in.stride), in.data + first * in.stride, halo_.of(s.halo, n), w.taps,
             w.bias, s.convolved.data() + first * channels());
  }
}

// ---- backward

template <class T>
void ShardScan<T>::backward(const ScanWeights<T>& w, ScanColumns<const T> in,
                            const Mamba2ScanKept<T>& s, const T* dy, Mamba2ScanGradients<T>& g,
                            ScanColumns<T> d_in) {
  back_through_scan(w, s, dy, g);
  time_steps_backward(steps(in.stride), in.data + channels(), w.dt_bias, d_dt_.data(),
                      d_in.data + channels());
  d_halo_.resize(halo_.size());
  for (long n = 0; n < sequences_; ++n) {
    const long first = n * ssd_.tokens;
    convolve_backward_input(convolution(in.stride),
                            {in.data + first * in.stride, halo_.of(s.halo, n), w.taps, w.bias},
                            g.convolved.data() + first * channels(),
                            d_in.data + first * d_in.stride, halo_.of(d_halo_, n));
  }
  halo_.give_back(d_halo_, d_in.stride, d_in.data);
}

// Gradients of states travel while each chunk is computed by itself.
template <class T>
void ShardScan<T>::back_through_scan(const ScanWeights<T>& w, const Mamba2ScanKept<T>& s,
                                     const T* dy, Mamba2ScanGradients<T>& g) {
  g.convolved.resize(elements(tokens(), channels()));
  d_dt_.resize(elements(tokens(), ssd_.heads));
  d_states_.resize(elements(sequences_, chunk_states()));
  for (Array<Precise<T>>* sum : {&g.a_log, &g.d}) {
    sum->resize(static_cast<std::size_t>(ssd_.heads));
    sum->clear();
  }
  const auto dy_of = [&](long n) { return dy + n * ssd_.tokens * inner(); };
  const auto d_states = [&](long n) { return d_states_.data() + n * chunk_states(); };
  for (long n = 0; n < sequences_; ++n) {
    ssd_backward_states(ssd_, input(w, s, n), dy_of(n), d_states(n));
  }
  for (long n = 0; n < sequences_; ++n) {
    passing_.put(n, s.decays.data() + n * ssd_.heads, d_states(n));
  }
  passing_.start(Direction::kReverse);
  for (long n = 0; n < sequences_; ++n) {
    ssd_backward_inside(ssd_, input(w, s, n), dy_of(n), gradients(g, n));
  }
  passing_.wait();
  for (long n = 0; n < sequences_; ++n) {
    ssd_backward_finish(
        ssd_, input(w, s, n),
        {dy_of(n), s.states.data() + n * chunk_states(), passing_.incoming(n), d_states(n)},
        gradients(g, n));
  }
}

template <class T>
void ShardScan<T>::weigh(ScanColumns<const T> in, const Mamba2ScanKept<T>& s,
                         const Mamba2ScanGradients<T>& g, ScanColumns<const T> d_in,
                         const ScanWeightGradients<T>& dw) {
  add(ssd_.heads, dw.a_log, g.a_log.data(), dw.a_log);
  add(ssd_.heads, dw.d, g.d.data(), dw.d);
  time_steps_backward_bias(steps(d_in.stride), d_in.data + channels(), dw.dt_bias);
  for (long n = 0; n < sequences_; ++n) {
    const long first = n * ssd_.tokens;
    convolve_backward_weight(convolution(in.stride), g.convolved.data() + first * channels(),
                             in.data + first * in.stride, halo_.of(s.halo, n), dw.taps, dw.bias);
  }
}

template class ShardScan<float>;
template class ShardScan<double>;
template class ShardScan<OnDevice<float>>;
template class ShardScan<OnDevice<Bf16>>;

}  // namespace tutti::train
