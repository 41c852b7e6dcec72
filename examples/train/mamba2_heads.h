// The scan of a Mamba-2 with heads shared by the context group: each rank gets all tokens of some
// heads (all_to_all), scans them, and gives back what belongs to others' tokens. What is sent grows
// with the sequence; ShardScan's does not.
//
// Jacobs et al., "DeepSpeed Ulysses", 2023, for attention. Tested by train_mamba_test.cc.

#pragma once

#include <vector>

#include "train/mamba2_scan.h"

namespace tutti::train {

/// Of a rank of the context group, which share the heads of `whole` and see whole sequences.
SsdShape shared_heads(const SsdShape& whole, int rank, int ranks);

/// Columns of a matrix, next to each other.
struct ColumnRange {
  long first = 0;
  long count = 0;
};

/// Of [sequences * tokens, …], whose tokens are shared by the ranks of a group, and the same with
/// columns shared: [sequences * ranks * tokens, …].
template <class T>
class ColumnExchange {
 public:
  /// What each rank has of the columns, equally many in equally many ranges; a range may be of
  /// several ranks.
  ColumnExchange(Group& group, long sequences, long tokens,
                 std::vector<std::vector<ColumnRange>> columns);

  long width() const { return width_; }  // of a rank's columns
  std::size_t size() const { return elements(rows() * group_.ranks(), width_); }
  void to_columns(const T* shared_tokens, long stride, Array<T>& shared_columns);
  /// Sets all columns that are of any rank; columns of several ranks become their sum.
  void to_tokens(const T* shared_columns, T* shared_tokens, long stride);

 private:
  long rows() const { return sequences_ * tokens_; }
  bool is_of_earlier(int rank, std::size_t range) const;

  Group& group_;
  const long sequences_;
  const long tokens_;
  const std::vector<std::vector<ColumnRange>> columns_;
  const long width_;
  Array<T> out_, in_;  // [ranks][rows][width]
};

template <class T>
class HeadScan final : public Mamba2Scan<T> {
 public:
  /// As ShardScan. REQUIRES: the ranks of the group divide the heads.
  HeadScan(const MambaConfig& config, const SsdShape& shape, long sequences, Group& context,
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
  ScanColumns<const T> columns_of(const Array<T>& columns) const {
    return {columns.data(), exchange_.width()};
  }
  ScanWeights<T> own(const ScanWeights<T>& w);

  const long taps_;
  const long inner_;                         // HP, before heads are shared
  const std::vector<ColumnRange> channels_;  // of this rank, among those convolved
  const long first_head_;
  Group alone_;
  Spare<T>& spare_;
  ColumnExchange<T> exchange_;  // of x B C dt
  ColumnExchange<T> outputs_;   // of y
  ShardScan<T> scan_;           // of whole sequences
  Array<T> y_, dy_, own_taps_, own_bias_;
  Array<Precise<T>> d_taps_, d_bias_;  // of the same
};

}  // namespace tutti::train
