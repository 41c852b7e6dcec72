// The mixers of Mamba when text is made (continuation.h): mamba1.h's and mamba2.h's forward passes
// of new tokens, as if these were the next shard of the sequence, whose state and halo come from
// the tokens before. Both take as much memory whatever has been read.

#include <map>

#include "train/generate/continuation.h"
#include "train/generate/window.h"
#include "train/group_sums.h"
#include "train/kernels/blas.h"
#include "train/kernels/convolution.h"
#include "train/kernels/gated_norm.h"
#include "train/kernels/matmul.h"
#include "train/kernels/time_step.h"
#include "train/mamba1.h"
#include "train/mamba2.h"

namespace tutti::train {
namespace {

// Of a layer; zero before the first token.
template <class T>
struct Memory {
  Array<T> halo;   // [taps - 1, columns]: what the convolution sees
  Array<T> state;  // of the scan

  void begin(long halo_size, long state_size) {
    if (state.size() > 0) return;
    halo.resize(static_cast<std::size_t>(halo_size));
    state.resize(static_cast<std::size_t>(state_size));
    halo.clear();
    state.clear();
  }
};

// What both mixers have in common.
template <class T>
class ContinuedMixer : public Continuation<T> {
 public:
  ContinuedMixer(const MambaConfig& config, Group& tensor, const Layout& layout)
      : config_(config), tensor_(tensor), layout_(layout) {}

 protected:
  // Where a layer's weights are.
  struct Weights {
    const T* w;
    const Layout& layout;
    std::string prefix;

    const T* at(const char* name) const { return w + layout.at(prefix + name).offset; }
  };
  Weights weights(int layer, const T* w) const {
    return {w, layout_, "backbone.layers." + std::to_string(layer) + "."};
  }
  const T* bias(const Weights& w, const char* name) const {
    return config_.convolution_bias ? w.at(name) : nullptr;
  }

  // y of x [tokens, channels], with the shape's strides; its last rows are what the next tokens
  // see.
  void convolve_new(const ConvolutionShape& shape, const ConvolutionInput<T>& in, Memory<T>& memory,
                    Array<T>& y) const {
    y.resize(static_cast<std::size_t>(shape.tokens * shape.channels));
    convolve(shape, in.x, memory.halo.data(), in.w, in.b, y.data());
    move_window(shape.taps - 1, shape.channels, shape.tokens, in.x, shape.input_stride,
                memory.halo.data());
  }

  const MambaConfig config_;
  Group& tensor_;
  const Layout& layout_;
  std::map<int, Memory<T>> memories_;  // by layer
};

template <class T>
class ContinuedMamba1 final : public ContinuedMixer<T> {
 public:
  using ContinuedMixer<T>::ContinuedMixer;

  void run(int layer, const T* weights, NewTokens<T>& tokens) override {
    const auto w = this->weights(layer, weights);
    const ScanShape shape = scan_shape_of(this->config_, tokens.count, this->tensor_.ranks());
    Memory<T>& memory = this->memories_[layer];
    memory.begin((this->config_.taps - 1) * shape.channels, shape.state_size());

    tokens.norm(w.at("norm.weight"));
    for (Array<T>* wide : {&x_, &z_, &convolved_, &raw_, &delta_, &y_}) {
      wide->resize(tokens.size(shape.channels));
    }
    const Linear half{tokens.count, tokens.width(), shape.channels};
    linear(half, tokens.normed.data(), w.at("mixer.in_proj.weight/x"), x_.data());
    linear(half, tokens.normed.data(), w.at("mixer.in_proj.weight/z"), z_.data());
    this->convolve_new(
        {shape.tokens, shape.channels, this->config_.taps, shape.channels, shape.channels},
        {x_.data(), nullptr, w.at("mixer.conv1d.weight"), this->bias(w, "mixer.conv1d.bias")},
        memory, convolved_);
    select(shape, w);
    scan_all(shape, w, memory.state);
    gate({tokens.count, shape.channels, shape.channels}, y_.data(), z_.data(), y_.data());
    tokens.add_rows(shape.channels, y_.data(), w.at("mixer.out_proj.weight"));
  }

 private:
  using Weights = typename ContinuedMixer<T>::Weights;

  // dt, B, C of the convolution's output; time steps of dt.
  void select(const ScanShape& shape, const Weights& w) {
    const long selected = shape.matrix_stride;
    const long rank = this->config_.step_rank;
    selected_.resize(static_cast<std::size_t>(shape.tokens * selected));
    linear({shape.tokens, shape.channels, selected}, convolved_.data(), w.at("mixer.x_proj.weight"),
           selected_.data());
    this->tensor_.all_reduce(std::span<T>(selected_));
    multiply(shape.tokens, shape.channels, rank, T{1}, Matrix<const T>{selected_.data(), selected},
             Matrix<const T>{w.at("mixer.dt_proj.weight"), rank, true}, T{0},
             Matrix<T>{raw_.data(), shape.channels});
    time_steps({shape.tokens, shape.channels, shape.channels}, raw_.data(),
               w.at("mixer.dt_proj.bias"), delta_.data());
  }

  void scan_all(const ScanShape& shape, const Weights& w, Array<T>& state) {
    const T* const b = selected_.data() + this->config_.step_rank;
    states_.resize(static_cast<std::size_t>((shape.chunks() + 1) * shape.state_size()));
    scan(shape,
         {convolved_.data(), delta_.data(), b, b + shape.states, w.at("mixer.A_log"),
          w.at("mixer.D")},
         state.data(), y_.data(), states_.data());
    std::copy_n(states_.end() - shape.state_size(), shape.state_size(), state.data());
  }

  Array<T> x_, z_, convolved_, selected_, raw_, delta_, y_, states_;
};

template <class T>
class ContinuedMamba2 final : public ContinuedMixer<T> {
 public:
  ContinuedMamba2(const MambaConfig& config, Group& tensor, const Layout& layout)
      : ContinuedMixer<T>(config, tensor, layout), group_sums_(tensor, config.norm_groups) {}

  void run(int layer, const T* weights, NewTokens<T>& tokens) override {
    const auto w = this->weights(layer, weights);
    const SsdShape ssd = shape(tokens.count);
    const long inner = ssd.heads * ssd.width;
    const long convolved = ssd.input_stride;
    const long columns = inner + convolved + ssd.heads;
    const long taps = this->config_.taps;
    Memory<T>& memory = this->memories_[layer];
    memory.begin((taps - 1) * convolved, ssd.state_size());

    tokens.norm(w.at("norm.weight"));
    projected_.resize(tokens.size(columns));
    linear({tokens.count, tokens.width(), columns}, tokens.normed.data(),
           w.at("mixer.in_proj.weight/z"), projected_.data());
    const T* const x = projected_.data() + inner;
    this->convolve_new(
        {tokens.count, convolved, taps, columns, convolved},
        {x, nullptr, w.at("mixer.conv1d.weight/x"), this->bias(w, "mixer.conv1d.bias/x")}, memory,
        convolved_);
    const TimeStepConfig& steps = this->config_.steps;
    dt_.resize(tokens.size(ssd.heads));
    time_steps({tokens.count, ssd.heads, columns, steps.lowest, steps.highest}, x + convolved,
               w.at("mixer.dt_bias"), dt_.data());

    scan(ssd, w, memory.state);
    gate({tokens.count, inner, columns}, y_.data(), projected_.data(), y_.data());
    norm_groups(tokens.count, inner, w.at("mixer.norm.weight"));
    tokens.add_rows(inner, mixed_.data(), w.at("mixer.out_proj.weight"));
  }

 private:
  using Weights = typename ContinuedMixer<T>::Weights;

  SsdShape shape(long tokens) const {
    SsdShape ssd = ssd_shape(this->config_, tokens, this->tensor_.rank(), this->tensor_.ranks());
    ssd.chunk = std::min(ssd.chunk, tokens);
    return ssd;
  }

  void scan(const SsdShape& ssd, const Weights& w, Array<T>& state) {
    const long inner = ssd.heads * ssd.width;
    const T* const b = convolved_.data() + inner;
    const SsdInput<T> input{convolved_.data(),           dt_.data(),          b,
                            b + ssd.groups * ssd.states, w.at("mixer.A_log"), w.at("mixer.D")};
    states_.resize(static_cast<std::size_t>((ssd.chunks() + 1) * ssd.state_size()));
    decays_.resize(static_cast<std::size_t>(ssd.heads));
    y_.resize(static_cast<std::size_t>(ssd.tokens * inner));
    ssd_states(ssd, input, states_.data(), decays_.data());
    ssd_inside(ssd, input, y_.data());
    ssd_finish(ssd, input, state.data(), states_.data(), y_.data());
    std::copy_n(states_.end() - ssd.state_size(), ssd.state_size(), state.data());
  }

  // mixed_ of the gated y_.
  void norm_groups(long tokens, long inner, const T* w) {
    const long here = group_sums_.here();
    const MambaConfig& config = this->config_;
    const GroupNormShape norm{tokens, here, inner / here, config.inner_width() / config.norm_groups,
                              config.norm_epsilon};
    squares_.resize(static_cast<std::size_t>(tokens * here));
    mixed_.resize(y_.size());
    group_norm_squares(norm, y_.data(), squares_.data());
    group_sums_.complete(tokens, squares_.data());
    group_norm(norm, y_.data(), w, squares_.data(), mixed_.data());
  }

  GroupSums<T> group_sums_;
  Array<T> projected_, convolved_, dt_, states_, decays_, y_, squares_, mixed_;
};

}  // namespace

template <class T>
std::unique_ptr<Continuation<T>> continue_mamba1(const MambaConfig& config, Group& tensor,
                                                 const Layout& layout) {
  return std::make_unique<ContinuedMamba1<T>>(config, tensor, layout);
}

template <class T>
std::unique_ptr<Continuation<T>> continue_mamba2(const MambaConfig& config, Group& tensor,
                                                 const Layout& layout) {
  return std::make_unique<ContinuedMamba2<T>>(config, tensor, layout);
}

#define TUTTI_INSTANTIATE(T)                                                            \
  template std::unique_ptr<Continuation<T>> continue_mamba1(const MambaConfig&, Group&, \
                                                            const Layout&);             \
  template std::unique_ptr<Continuation<T>> continue_mamba2(const MambaConfig&, Group&, \
                                                            const Layout&);
TUTTI_INSTANTIATE(float)
TUTTI_INSTANTIATE(double)
#undef TUTTI_INSTANTIATE

}  // namespace tutti::train
