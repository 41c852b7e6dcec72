// The mixer of Mamba-1 as a sublayer: y = x + out(scan(conv(x~), delta, B, C) silu(z)), where x~
// and z are products of the normed stream, and delta, B, C products of the convolution's output.
//
// Shapes: S, K, C as in residual.h; T tokens of each sequence on this rank. Per tensor-parallel
// rank D channels of N states; R the rank of the time steps.
//
//                         weights       of this rank                  communication
//   norm, gather          [C]           whole                         all_gather K C -> S C
//   x                     [D, C]        rows                          -
//   convolution           [D, 4]        rows                          context: last 3 rows, to the
//                                                                     next shard
//   dt B C                [R+2N, D]     columns                       all_reduce S (R+2N), behind z
//   z                     [D, C]        rows                          -
//   delta                 [D, R]        rows                          -
//   scan                                channels                      context: exclusive_scan D 2N
//   gate, out             [C, D]        columns                       -
//   add up                                                            reduce_scatter S C -> K C
//
// Gu and Dao, "Mamba", 2023. Tested by train_mamba_test.cc.

#pragma once

#include "train/kernels/convolution.h"
#include "train/kernels/gated_norm.h"
#include "train/kernels/selective_scan.h"
#include "train/kernels/time_step.h"
#include "train/mamba_config.h"
#include "train/residual.h"
#include "train/state_passing.h"
#include "train/sublayer.h"

namespace tutti::train {

/// Of one sequence's `tokens` on a rank of the tensor group.
ScanShape scan_shape_of(const MambaConfig& config, long tokens, int tensor_ranks);

template <class T>
struct Mamba1Kept final : Stash {
  Array<Precise<T>> r;       // [K]
  Array<T> normed;           // [S, C]; unless recomputed
  Array<T> x, z;             // [S, D] each
  Array<T> halo;             // [sequences, 3, D]: what the convolution sees of the shard before
  Array<T> convolved;        // [S, D]; unless recomputed
  Array<T> selected;         // [S, R+2N]: dt B C
  Array<T> raw;              // [S, D]: time steps before softplus
  Array<Precise<T>> delta;   // [S, D]; unless recomputed
  Array<Precise<T>> states;  // [sequences, chunks + 1, D, N]
  Array<Precise<T>> decays;  // [sequences, D, N]: logarithms of what states are multiplied with
  Array<T> y;                // [S, D] of the scan
  Array<T> gated;            // [S, D]: what out takes; unless recomputed
};

template <class T>
struct Mamba1Gradients final : Stash {
  Array<T> normed;          // [K, C]
  Array<T> x, z;            // [S, D] each
  Array<T> convolved;       // [S, D], before silu
  Array<T> selected;        // [S, R+2N]
  Array<T> raw;             // [S, D]
  Array<Precise<T>> a_log;  // [D, N]
  Array<Precise<T>> d;      // [D]
  Array<T> out;             // [S, C]: of what out makes, gathered
};

template <class T>
class Mamba1 final : public SublayerOf<T, Precise<T>, Mamba1Kept<T>, Mamba1Gradients<T>> {
 public:
  using X = Precise<T>;  // of the residual stream
  using Kept = Mamba1Kept<T>;
  using Gradients = Mamba1Gradients<T>;

  /// `tokens` of a sequence on this rank. What is given must outlive it.
  Mamba1(const MambaConfig& config, long sequences, long tokens, Groups& groups,
         ResidualStream<T, X>& stream, const Units<T>& units);

 private:
  struct Places {
    long norm, x, z, taps, bias, select, step, out;
    const Placed &step_bias, &a_log, &d;
  };
  Places at(int layer) const;

  long tokens() const { return stream_.tokens(); }                 // S
  long channels() const { return scan_.channels; }                 // D
  long selected() const { return step_rank_ + 2 * scan_.states; }  // R + 2N
  long chunk_states() const { return (scan_.chunks() + 1) * scan_.state_size(); }
  std::size_t wide() const { return elements(tokens(), channels()); }  // S D
  GateShape gate_shape() const { return {tokens(), channels(), channels()}; }
  ScanInput<T> scan_input(const T* w, const Places& at, const Kept& kept, long n) const;
  // Where sequence n of [S, D] begins.
  long row(long n) const { return n * scan_.tokens * channels(); }

  void run(int layer, const T* w, const X* x, Kept& kept, X* y) override;
  void forget(Kept& kept, Recompute recompute) override;
  void remember(int layer, const T* w, const X* x, Kept& kept) override;
  void run_backward(int layer, const T* w, const X* x, const Kept& kept, Gradients& gradients,
                    X* dx) override;
  void run_weigh(int layer, const X* x, const Kept& kept, const Gradients& gradients,
                 Precise<T>* dw) override;

  void convolve_all(const T* w, const Places& at, Kept& kept);
  void select(const T* w, const Places& at, Kept& kept);
  void scan_all(const T* w, const Places& at, Kept& kept);
  void gate_all(Kept& kept);
  void back_through_scan(const T* w, const Places& at, const Kept& kept, Gradients& gradients);
  void back_through_selection(const T* w, const Places& at, const Kept& kept, Gradients& gradients);
  void back_through_convolution(const T* w, const Places& at, const Kept& kept,
                                Gradients& gradients);

  const long sequences_;
  const long step_rank_;  // R
  const bool has_bias_;
  ResidualStream<T, X>& stream_;
  const Units<T>& units_;
  Group& tensor_;
  const bool passes_states_;
  ScanShape scan_;                // of one sequence's shard
  ConvolutionShape convolution_;  // the same
  TimeStepShape steps_;           // of all tokens
  Halo<T> halo_;
  StatePassing<Precise<T>> passing_;
  Array<T> d_gated_, d_y_, d_halo_;
  Array<Precise<T>> d_delta_, d_initial_, final_;
};

}  // namespace tutti::train
