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
//                                                                     next shard (mamba2_scan.h)
//   scan                                heads                         context: exclusive_scan H
//   (1+PN) gate, grouped norm    [HP]          rows                          all_reduce S where a
//   group is
//                                                                     on several ranks
//   out                   [C, HP]       columns                       -
//   add up                                                            reduce_scatter S C -> K C
//
// (*) B and C are whole on every rank where groups do not divide by the ranks.
//
// Dao and Gu, "Transformers are SSMs", 2024. Tested by train_mamba_test.cc.

#pragma once

#include <memory>

#include "train/group_sums.h"
#include "train/kernels/gated_norm.h"
#include "train/mamba2_scan.h"

namespace tutti::train {

template <class T>
struct Mamba2Kept final : Stash {
  Array<Precise<T>> r;  // [K]
  Array<T> normed;      // [S, C]; unless recomputed
  Array<T> projected;   // [S, W]: z x B C dt
  Mamba2ScanKept<T> scan;
  Array<T> y;                 // [S, HP] of the scan
  Array<Precise<T>> squares;  // [S, groups of the norm], of whole groups
  Array<Precise<T>> group_r;  // the same
  Array<T> gated;             // [S, HP]; unless recomputed
  Array<T> mixed;             // [S, HP]: what out takes; unless recomputed
};

template <class T>
struct Mamba2Gradients final : Stash {
  Array<T> normed;     // [K, C]
  Array<T> projected;  // [S, W]
  Mamba2ScanGradients<T> scan;
  Array<T> mixed;  // [S, HP]
  Array<T> out;    // [S, C]: of what out makes, gathered
};

template <class T>
class Mamba2 final : public SublayerOf<T, Precise<T>, Mamba2Kept<T>, Mamba2Gradients<T>> {
 public:
  using X = Precise<T>;  // of the residual stream
  using Kept = Mamba2Kept<T>;
  using Gradients = Mamba2Gradients<T>;

  /// `tokens` of a sequence on this rank. What is given must outlive it.
  Mamba2(const MambaConfig& config, ScanKind scan, long sequences, long tokens, Groups& groups,
         ResidualStream<T, X>& stream, const Units<T>& units);

 private:
  struct Places {
    long norm, in, taps, bias, group_norm, out;
    const Placed &dt_bias, &a_log, &d;
  };
  Places at(int layer) const;

  long tokens() const { return stream_.tokens(); }                               // S
  long inner() const { return heads_.heads * heads_.width; }                     // HP
  long columns() const { return inner() + heads_.input_stride + heads_.heads; }  // W
  GateShape gate_shape() const { return {tokens(), inner(), columns()}; }
  ScanColumns<const T> scanned(const Kept& kept) const {
    return {kept.projected.data() + inner(), columns()};
  }
  ScanWeights<T> scan_weights(const T* w, const Places& at) const {
    return {w + at.taps, has_bias_ ? w + at.bias : nullptr, units_.exact(w, at.dt_bias),
            units_.exact(w, at.a_log), units_.exact(w, at.d)};
  }

  void run(int layer, const T* w, const X* x, Kept& kept, X* y) override;
  void forget(Kept& kept, Recompute recompute) override;
  void remember(int layer, const T* w, const X* x, Kept& kept) override;
  void run_backward(int layer, const T* w, const X* x, const Kept& kept, Gradients& gradients,
                    X* dx) override;
  void run_weigh(int layer, const X* x, const Kept& kept, const Gradients& gradients,
                 Precise<T>* dw) override;

  void norm_groups(const T* w, const Places& at, Kept& kept);
  void back_through_norm(const T* w, const Places& at, const Kept& kept, Gradients& gradients);

  const bool has_bias_;
  ResidualStream<T, X>& stream_;
  const Units<T>& units_;
  const SsdShape heads_;  // of this tensor-parallel rank
  GroupSums<Precise<T>> group_sums_;
  GroupNormShape norm_;  // of all tokens
  const std::unique_ptr<Mamba2Scan<T>> scan_;
  Array<T> d_gated_, d_y_;
  Array<Precise<T>> sums_;
};

}  // namespace tutti::train
