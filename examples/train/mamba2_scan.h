// What in a Mamba-2 goes from token to token: the convolution and the scan, over x B C dt [S, HP +
// 2GN + H] of a micro-batch's tokens. The context group can share them in two ways: each rank has a
// shard of every sequence and states are passed on (ShardScan), or columns change places, so that
// each has some heads of whole sequences (mamba2_heads.h).
//
// Tested by train_mamba_test.cc.

#pragma once

#include "train/kernels/convolution.h"
#include "train/kernels/ssd.h"
#include "train/kernels/time_step.h"
#include "train/mamba_config.h"
#include "train/residual.h"
#include "train/state_passing.h"
#include "train/sublayer.h"

namespace tutti::train {

enum class ScanKind { kShards, kHeads };

/// Heads and groups of one tensor-parallel rank, for `tokens` of a sequence. Strides are those of
/// what is convolved: [tokens, HP + 2GN].
SsdShape ssd_shape(const MambaConfig& config, long tokens, int tensor_rank, int tensor_ranks);

template <class T>
struct ScanWeights {
  const T* taps = nullptr;  // [HP + 2GN, K]
  const T* bias = nullptr;  // [HP + 2GN]; null: none
  const Precise<T>* dt_bias = nullptr;
  const Precise<T>* a_log = nullptr;
  const Precise<T>* d = nullptr;
};
template <class T>
struct ScanWeightGradients {
  Precise<T>* taps = nullptr;
  Precise<T>* bias = nullptr;
  Precise<T>* dt_bias = nullptr;
  Precise<T>* a_log = nullptr;
  Precise<T>* d = nullptr;
};

template <class T>
struct Mamba2ScanKept {
  Array<T> columns;    // x B C dt of whole sequences, where heads are shared
  Array<T> halo;       // [sequences, K - 1, HP+2GN]: what the convolution sees of the shard before
  Array<T> convolved;  // [S, HP+2GN]; unless recomputed
  Array<Precise<T>> dt;      // [S, H]
  Array<Precise<T>> states;  // [sequences, chunks + 1, H, P, N]
  Array<Precise<T>> decays;  // [sequences, H]: logarithms of what states are multiplied with
};
template <class T>
struct Mamba2ScanGradients {
  Array<T> columns;            // as above
  Array<T> convolved;          // before silu
  Array<Precise<T>> a_log, d;  // [H]
};

/// x B C dt with the stride from a token's to the next token's.
template <class T>
struct ScanColumns {
  T* data = nullptr;
  long stride = 0;
};

template <class T>
class Mamba2Scan {
 public:
  virtual ~Mamba2Scan() = default;

  /// y [S, HP]
  virtual void forward(const ScanWeights<T>& w, ScanColumns<const T> in, Mamba2ScanKept<T>& kept,
                       T* y) = 0;
  virtual void forget(Mamba2ScanKept<T>& kept, Recompute recompute) = 0;
  virtual void remember(const ScanWeights<T>& w, ScanColumns<const T> in,
                        Mamba2ScanKept<T>& kept) = 0;
  /// Sets d_in.
  virtual void backward(const ScanWeights<T>& w, ScanColumns<const T> in,
                        const Mamba2ScanKept<T>& kept, const T* dy,
                        Mamba2ScanGradients<T>& gradients, ScanColumns<T> d_in) = 0;
  /// Adds to dw; d_in as backward() left it.
  virtual void weigh(ScanColumns<const T> in, const Mamba2ScanKept<T>& kept,
                     const Mamba2ScanGradients<T>& gradients, ScanColumns<const T> d_in,
                     const ScanWeightGradients<T>& dw) = 0;
};

template <class T>
class ShardScan final : public Mamba2Scan<T> {
 public:
  /// `shape` of a sequence's shard on this rank of the context group. Group and spare memory must
  /// outlive it.
  ShardScan(const MambaConfig& config, const SsdShape& shape, long sequences, Group& context,
            Spare<T>& spare);

  void forward(const ScanWeights<T>& w, ScanColumns<const T> in, Mamba2ScanKept<T>& kept,
               T* y) override;
  void forget(Mamba2ScanKept<T>& kept, Recompute recompute) override;
  void remember(const ScanWeights<T>& w, ScanColumns<const T> in, Mamba2ScanKept<T>& kept) override;
  void backward(const ScanWeights<T>& w, ScanColumns<const T> in, const Mamba2ScanKept<T>& kept,
                const T* dy, Mamba2ScanGradients<T>& gradients, ScanColumns<T> d_in) override;
  void weigh(ScanColumns<const T> in, const Mamba2ScanKept<T>& kept,
             const Mamba2ScanGradients<T>& gradients, ScanColumns<const T> d_in,
             const ScanWeightGradients<T>& dw) override;

 private:
  long tokens() const { return sequences_ * ssd_.tokens; }  // S
  long inner() const { return ssd_.heads * ssd_.width; }    // HP
  long channels() const { return ssd_.input_stride; }       // HP + 2GN
  long chunk_states() const { return (ssd_.chunks() + 1) * ssd_.state_size(); }
  ConvolutionShape convolution(long stride) const {
    return {ssd_.tokens, channels(), taps_, stride, channels()};
  }
  TimeStepShape steps(long stride) const {
    return {tokens(), ssd_.heads, stride, limits_.lowest, limits_.highest};
  }
  SsdInput<T> input(const ScanWeights<T>& w, const Mamba2ScanKept<T>& kept, long n) const;
  SsdGradients<T> gradients(Mamba2ScanGradients<T>& gradients, long n);
  void back_through_scan(const ScanWeights<T>& w, const Mamba2ScanKept<T>& kept, const T* dy,
                         Mamba2ScanGradients<T>& gradients);

  const SsdShape ssd_;  // of one sequence's shard
  const long taps_;
  const TimeStepConfig limits_;
  const long sequences_;
  Spare<T>& spare_;
  Halo<T> halo_;
  StatePassing<Precise<T>> passing_;
  Array<T> d_halo_;
  Array<Precise<T>> d_dt_, d_states_;
};

}  // namespace tutti::train
