// Attention over a sequence of which each rank of the context group has a share.
//
// The sequence is cut into 2n pieces, and rank r has pieces r and 2n-1-r, so that all have the same
// work under a causal mask (zigzag); or, where there are scans beside attention, into n pieces of
// neighbours, for scans go from one token to the next. Two ways to bring queries and keys together:
// keys and values travel round a ring while the ones at hand are used, or are gathered once.
// Backward, gradients of keys travel with their keys, or are added up and scattered.
//
// Liu et al., "Ring Attention", 2023; Brandon et al., "Striped Attention", 2023 (on balance); Llama
// team, "The Llama 3 Herd of Models", 2024 (gathering). Tested by train_context_test.cc.

#pragma once

#include <cstdint>
#include <vector>

#include "train/array.h"
#include "train/group.h"
#include "train/kernels/attention.h"
#include "train/kernels/elements.h"

namespace tutti::train {

enum class ContextKind { kRing, kGather };
enum class Sharing { kZigzag, kNeighbours };

/// Tokens of this rank that are neighbours in the sequence.
struct Piece {
  long first = 0;  // where they lie on the rank
  Tokens tokens;

  bool operator==(const Piece&) const = default;
};

/// What a rank has of a sequence. REQUIRES: 2 * ranks divides it (kNeighbours: ranks), unless ranks
/// is 1.
std::vector<Piece> pieces_of(long sequence, int rank, int ranks,
                             Sharing sharing = Sharing::kZigzag);

/// The rank's share of one sequence's numbers, piece after piece.
std::vector<std::int32_t> share_of(const std::vector<std::int32_t>& sequence, int rank, int ranks,
                                   Sharing sharing = Sharing::kZigzag);

template <class T>
class ContextAttention {
 public:
  /// `heads` of this tensor-parallel rank; strides are set here. `sequences` in a micro-batch.
  ContextAttention(Group& group, ContextKind kind, HeadShape heads, long sequences, long sequence,
                   Sharing sharing = Sharing::kZigzag);

  const std::vector<Piece>& pieces() const { return pieces_; }
  /// Tokens of a sequence on this rank.
  long tokens() const { return tokens_; }

  /// qkv [sequences * tokens, (heads + 2 kv_heads) * width]: q, k, v of a token side by side.
  /// out [.., heads * width], log_sum [.., heads].
  void forward(const T* qkv, T* out, Precise<T>* log_sum);
  /// d_qkv is set.
  void backward(const T* qkv, const T* out, const Precise<T>* log_sum, const T* d_out, T* d_qkv);

 private:
  // Keys and values of a rank, or their gradients: [sequences * tokens][2][kv_heads * width].
  long pair_width() const { return 2 * heads_.kv_heads * heads_.width; }
  std::size_t pairs() const {
    return static_cast<std::size_t>(sequences_ * tokens_ * pair_width());
  }
  void pack(const T* qkv, T* pairs) const;
  void unpack(const Precise<T>* d_pairs, Precise<T>* d_qkv) const;

  std::vector<Piece> pieces_of_rank(int rank) const {
    return pieces_of(sequence_, rank, group_.ranks(), sharing_);
  }
  // These queries with the pairs of a rank.
  void see(const T* qkv, int owner, const T* pairs, Precise<T>* seen, Precise<T>* most);
  void see_backward(const T* qkv, int owner, const T* pairs, const T* d_out,
                    const Precise<T>* log_sum, Precise<T>* d_qkv, Precise<T>* d_pairs);

  // Pairs go to the right while the next ones arrive from the left.
  int right() const { return (group_.rank() + 1) % group_.ranks(); }
  int left() const { return (group_.rank() + group_.ranks() - 1) % group_.ranks(); }
  Group::Pending pass_on();
  // Of all ranks, into pairs_.
  void gather_pairs(const T* qkv);

  void forward_ring(const T* qkv, Precise<T>* seen, Precise<T>* most);
  void forward_gather(const T* qkv, Precise<T>* seen, Precise<T>* most);
  void backward_ring(const T* qkv, const T* d_out, const Precise<T>* log_sum, Precise<T>* d_qkv);
  void backward_gather(const T* qkv, const T* d_out, const Precise<T>* log_sum, Precise<T>* d_qkv);

  Group& group_;
  const ContextKind kind_;
  const Sharing sharing_;
  HeadShape heads_;
  const long sequences_;
  const long sequence_;
  const std::vector<Piece> pieces_;
  const long tokens_;
  Array<T> pairs_, arriving_;
  Array<Precise<T>> d_pairs_, d_arriving_, sum_, delta_, seen_, d_qkv_;
};

}  // namespace tutti::train
