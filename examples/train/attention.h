// Attention as a sublayer: y = x + o(attention(turned q k of norm(x), v of norm(x))), with grouped
// keys and rotary positions; of LLaMA, and of hybrids' layers between those of Mamba. Shapes and
// communication: llama.cc.
//
// Tested by train_llama_test.cc and train_mamba_test.cc.

#pragma once

#include <string>

#include "train/context_parallel.h"
#include "train/kernels/rope.h"
#include "train/residual.h"
#include "train/sublayer.h"

namespace tutti::train {

struct AttentionSettings {
  HeadShape heads;  // of all tensor-parallel ranks; no strides
  RopeConfig rope;
  bool rotary = true;  // whether queries and keys are turned
  ContextKind context = ContextKind::kRing;
  Sharing sharing = Sharing::kZigzag;
  long sequences = 1;  // of a micro-batch
  long sequence = 64;  // tokens of each, on all ranks of the context group together
  // Names of tensors: "model.layers.3." and these. q, k, v lie one after the other.
  std::string layers = "model.layers.";
  std::string norm = "input_layernorm.weight";
  std::string q = "self_attn.q_proj.weight";
  std::string o = "self_attn.o_proj.weight";
};

template <class T>
struct AttentionKept final : Stash {
  Array<Precise<T>> r;        // [K]
  Array<T> normed;            // [S, C], gathered; unless recomputed
  Array<T> qkv;               // [S, (H+2J)D], turned
  Array<T> attended;          // [S, HD]
  Array<Precise<T>> log_sum;  // [S, H]
};

template <class T>
struct AttentionGradients final : Stash {
  Array<T> normed;    // [K, C]
  Array<T> qkv;       // [S, (H+2J)D]
  Array<T> attended;  // [S, C]: of what o makes, gathered
};

template <class T, class X>
class Attention final : public SublayerOf<T, X, AttentionKept<T>, AttentionGradients<T>> {
 public:
  using Kept = AttentionKept<T>;
  using Gradients = AttentionGradients<T>;

  /// What is given must outlive it.
  Attention(const AttentionSettings& settings, Groups& groups, ResidualStream<T, X>& stream,
            const Layout& layout);

 private:
  struct Places {
    long norm, qkv, o;
  };
  Places at(int layer) const;
  long tokens() const { return stream_.tokens(); }
  long qkv_width() const { return (heads_.heads + 2 * heads_.kv_heads) * heads_.width; }
  long heads_width() const { return heads_.heads * heads_.width; }

  void run(int layer, const T* w, const X* x, Kept& kept, X* y) override;
  void forget(Kept& kept, Recompute recompute) override;
  void remember(int layer, const T* w, const X* x, Kept& kept) override;
  void run_backward(int layer, const T* w, const X* x, const Kept& kept, Gradients& gradients,
                    X* dx) override;
  void run_weigh(int layer, const X* x, const Kept& kept, const Gradients& gradients,
                 Precise<T>* dw) override;
  void turn(T* qkv, int direction) const;

  const AttentionSettings settings_;
  const HeadShape heads_;  // of this tensor-parallel rank
  ResidualStream<T, X>& stream_;
  const Layout& layout_;
  ContextAttention<T> attention_;
  const RopeTable<T> rope_;
  Array<T> d_attended_;
};

}  // namespace tutti::train
