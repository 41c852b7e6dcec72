// The mixer of Mamba-2 as a sublayer: y = x + out(norm(ssd(conv(x B C), dt) silu(z))), where
// z, x, B, C, dt are products of the normed stream.
//
// Shapes: S, K, C as in residual.h; T tokens of each sequence on this rank. Per tensor-parallel
// rank H heads of width P, G groups of B and C with N states: W = 2HP + 2GN + H columns.
//
//                         weights       of this rank                  communication
//   norm, gather          [C]           whole                         all_gather K C -> S C
//   z x B C dt            [W, C]        rows, part by part (*)        -
//   convolution           [HP+2GN, 4]   rows                          context: last 3 rows, to the
//                                                                     next shard
//   scan                                heads                         context: exclusive_scan H P N
//   gate, grouped norm    [HP]          rows                          all_reduce S where a group is
//                                                                     on several ranks
//   out                   [C, HP]       columns                       -
//   add up                                                            reduce_scatter S C -> K C
//
// (*) B and C are whole on every rank where groups do not divide by the ranks.
//
// Dao and Gu, "Transformers are SSMs", 2024. Tested by train_mamba_test.cc.

#pragma once

#include "train/group_sums.h"
#include "train/kernels/convolution.h"
#include "train/kernels/gated_norm.h"
#include "train/kernels/ssd.h"
#include "train/kernels/time_step.h"
#include "train/mamba_config.h"
#include "train/residual.h"
#include "train/state_passing.h"
#include "train/sublayer.h"

namespace tutti::train {

template <class T>
struct Mamba2Kept final : Stash {
  Array<T> r;          // [K]
  Array<T> normed;     // [S, C]; unless recomputed
  Array<T> projected;  // [S, W]: z x B C dt
  Array<T> halo;       // [sequences, 3, HP+2GN]: what the convolution sees of the shard before
  Array<T> convolved;  // [S, HP+2GN]: x B C; unless recomputed
  Array<T> dt;         // [S, H]
  Array<T> states;     // [sequences, chunks + 1, H, P, N]
  Array<T> decays;     // [sequences, H]: logarithms of what states are multiplied with
  Array<T> y;          // [S, HP] of the scan
  Array<T> squares;    // [S, groups of the norm], of whole groups
  Array<T> group_r;    // the same
  Array<T> gated;      // [S, HP]; unless recomputed
  Array<T> mixed;      // [S, HP]: what out takes; unless recomputed
};

template <class T>
struct Mamba2Gradients final : Stash {
  Array<T> normed;     // [K, C]
  Array<T> projected;  // [S, W]
  Array<T> convolved;  // [S, HP+2GN], before silu
  Array<T> a_log, d;   // [H]
  Array<T> mixed;      // [S, HP]
  Array<T> out;        // [S, C]: of what out makes, gathered
};

template <class T>
class Mamba2 final : public SublayerOf<T, Mamba2Kept<T>, Mamba2Gradients<T>> {
 public:
  using Kept = Mamba2Kept<T>;
  using Gradients = Mamba2Gradients<T>;

  /// `tokens` of a sequence on this rank. What is given must outlive it.
  Mamba2(const MambaConfig& config, long sequences, long tokens, Groups& groups,
         ResidualStream<T>& stream, const Layout& layout);

 private:
  struct Places {
    long norm, in, taps, bias, dt_bias, a_log, d, group_norm, out;
  };
  Places at(int layer) const;

  long tokens() const { return stream_.tokens(); }                    // S
  long inner() const { return ssd_.heads * ssd_.width; }              // HP
  long channels() const { return convolution_.channels; }             // HP + 2GN
  long columns() const { return inner() + channels() + ssd_.heads; }  // W
  long matrices() const { return ssd_.groups * ssd_.states; }         // GN
  long chunk_states() const { return (ssd_.chunks() + 1) * ssd_.state_size(); }
  GateShape gate_shape() const { return {tokens(), inner(), columns()}; }
  const T* bias(const T* w, const Places& at) const { return has_bias_ ? w + at.bias : nullptr; }
  SsdInput<T> ssd_input(const T* w, const Places& at, const Kept& kept, long n) const;

  void run(int layer, const T* w, const T* x, Kept& kept, T* y) override;
  void forget(Kept& kept, Recompute recompute) override;
  void remember(int layer, const T* w, const T* x, Kept& kept) override;
  void run_backward(int layer, const T* w, const T* x, const Kept& kept, Gradients& gradients,
                    T* dx) override;
  void run_weigh(int layer, const T* x, const Kept& kept, const Gradients& gradients,
                 T* dw) override;

  void convolve_all(const T* w, const Places& at, Kept& kept);
  void scan(const T* w, const Places& at, Kept& kept);
  void norm_groups(const T* w, const Places& at, Kept& kept);
  void back_through_groups(const T* w, const Places& at, const Kept& kept, Gradients& gradients);
  void back_through_scan(const T* w, const Places& at, const Kept& kept, Gradients& gradients);
  void back_through_convolution(const T* w, const Places& at, const Kept& kept,
                                Gradients& gradients);

  const long sequences_;
  const bool has_bias_;
  ResidualStream<T>& stream_;
  const Layout& layout_;
  SsdShape ssd_;                  // of one sequence's shard
  ConvolutionShape convolution_;  // the same
  TimeStepShape steps_;           // of all tokens
  GroupNormShape norm_;           // the same
  GroupSums<T> group_sums_;
  Halo<T> halo_;
  StatePassing<T> passing_;
  Array<T> d_gated_, d_y_, d_dt_, d_halo_, d_states_, sums_;
};

}  // namespace tutti::train
