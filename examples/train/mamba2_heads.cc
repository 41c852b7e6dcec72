#include "train/mamba2_heads.h"

#include <algorithm>

namespace tutti::train {

SsdShape shared_heads(const SsdShape& whole, int rank, int ranks) {
  // Else each rank's heads use groups of their own.
  const bool cuts_groups =
      whole.groups % ranks != 0 || whole.heads != whole.groups * whole.heads_per_group;
  SsdShape shape = whole;
  shape.tokens = whole.tokens * ranks;
  shape.heads = whole.heads / ranks;
  if (!cuts_groups) shape.groups = whole.groups / ranks;
  shape.first_head = cuts_groups ? whole.first_head + rank * shape.heads : 0;
  shape.input_stride = shape.heads * shape.width + 2 * shape.groups * shape.states;
  shape.matrix_stride = shape.input_stride;
  return shape;
}

namespace {

// x B C of a rank.
std::vector<ColumnRange> channels_of(const SsdShape& whole, int rank, int ranks) {
  const SsdShape mine = shared_heads(whole, rank, ranks);
  const long x = mine.heads * mine.width;
  const long matrix = mine.groups * mine.states;
  const long inner = whole.heads * whole.width;
  const long first = mine.groups < whole.groups ? rank * matrix : 0;
  return {{rank * x, x},
          {inner + first, matrix},
          {inner + whole.groups * whole.states + first, matrix}};
}

// x B C dt of each rank.
std::vector<std::vector<ColumnRange>> columns_of_ranks(const SsdShape& whole, int ranks) {
  std::vector<std::vector<ColumnRange>> all;
  for (int rank = 0; rank < ranks; ++rank) {
    const long heads = whole.heads / ranks;
    all.push_back(channels_of(whole, rank, ranks));
    all.back().push_back({whole.input_stride + rank * heads, heads});
  }
  return all;
}

std::vector<std::vector<ColumnRange>> heads_of_ranks(const SsdShape& whole, int ranks) {
  std::vector<std::vector<ColumnRange>> all;
  const long width = whole.heads / ranks * whole.width;
  for (int rank = 0; rank < ranks; ++rank) all.push_back({{rank * width, width}});
  return all;
}

long width_of(const std::vector<ColumnRange>& ranges) {
  long width = 0;
  for (const ColumnRange& range : ranges) width += range.count;
  return width;
}

// Rows of a matrix [.., columns], one range after the other.
template <class T>
void take(const std::vector<ColumnRange>& rows, long columns, const T* from, Array<T>& to) {
  to.resize(elements(width_of(rows), columns));
  T* next = to.data();
  for (const ColumnRange& range : rows) {
    copy_elements(from + range.first * columns, range.count * columns, next);
    next += range.count * columns;
  }
}

template <class T>
void add_back(const std::vector<ColumnRange>& rows, long columns, const Array<T>& from, T* to) {
  const T* next = from.data();
  for (const ColumnRange& range : rows) {
    T* const sum = to + range.first * columns;
    add(range.count * columns, sum, next, sum);
    next += range.count * columns;
  }
}

}  // namespace

template <class T>
ColumnExchange<T>::ColumnExchange(Group& group, long sequences, long tokens,
                                  std::vector<std::vector<ColumnRange>> columns)
    : group_(group),
      sequences_(sequences),
      tokens_(tokens),
      columns_(std::move(columns)),
      width_(width_of(columns_.front())) {}

template <class T>
void ColumnExchange<T>::to_columns(const T* shared_tokens, long stride, Array<T>& shared_columns) {
  out_.resize(size());
  in_.resize(size());
  T* next = out_.data();
  for (const std::vector<ColumnRange>& ranges : columns_) {
    T* column = next;
    for (const ColumnRange& range : ranges) {
      copy_rows<T>(rows(), range.count, {shared_tokens + range.first, stride}, {column, width_});
      column += range.count;
    }
    next += rows() * width_;
  }
  group_.all_to_all(std::span<const T>(out_), std::span<T>(in_));
  shared_columns.resize(size());
  const long shard = tokens_ * width_;
  const T* arrived = in_.data();
  for (int rank = 0; rank < group_.ranks(); ++rank) {
    for (long n = 0; n < sequences_; ++n, arrived += shard) {
      copy_elements(arrived, shard, shared_columns.data() + (n * group_.ranks() + rank) * shard);
    }
  }
}

template <class T>
void ColumnExchange<T>::to_tokens(const T* shared_columns, T* shared_tokens, long stride) {
  out_.resize(size());
  in_.resize(size());
  const long shard = tokens_ * width_;
  T* next = out_.data();
  for (int rank = 0; rank < group_.ranks(); ++rank) {
    for (long n = 0; n < sequences_; ++n, next += shard) {
      copy_elements(shared_columns + (n * group_.ranks() + rank) * shard, shard, next);
    }
  }
  group_.all_to_all(std::span<const T>(out_), std::span<T>(in_));
  for (int rank = 0; rank < group_.ranks(); ++rank) {
    const T* column = in_.data() + rank * rows() * width_;
    for (std::size_t i = 0; i < columns_[rank].size(); ++i) {
      const ColumnRange& range = columns_[rank][i];
      const Rows<const T> arrived{column, width_};
      const Rows<T> to{shared_tokens + range.first, stride};
      if (is_of_earlier(rank, i)) {
        add_rows<T>(rows(), range.count, arrived, to);
      } else {
        copy_rows<T>(rows(), range.count, arrived, to);
      }
      column += range.count;
    }
  }
}

// Whether a rank before that one has the range too.
template <class T>
bool ColumnExchange<T>::is_of_earlier(int rank, std::size_t range) const {
  return std::any_of(columns_.begin(), columns_.begin() + rank, [&](const auto& earlier) {
    return earlier[range].first == columns_[rank][range].first;
  });
}

template <class T>
HeadScan<T>::HeadScan(const MambaConfig& config, const SsdShape& shape, long sequences,
                      Group& context, Spare<T>& spare)
    : taps_(config.taps),
      inner_(shape.heads * shape.width),
      channels_(channels_of(shape, context.rank(), context.ranks())),
      first_head_(shape.heads / context.ranks() * context.rank()),
      spare_(spare),
      exchange_(context, sequences, shape.tokens, columns_of_ranks(shape, context.ranks())),
      outputs_(context, sequences, shape.tokens, heads_of_ranks(shape, context.ranks())),
      scan_(config, shared_heads(shape, context.rank(), context.ranks()), sequences, alone_,
            spare) {}

// Of this rank's heads.
template <class T>
ScanWeights<T> HeadScan<T>::own(const ScanWeights<T>& w) {
  take(channels_, taps_, w.taps, own_taps_);
  if (w.bias != nullptr) take(channels_, 1, w.bias, own_bias_);
  return {own_taps_.data(), w.bias != nullptr ? own_bias_.data() : nullptr, w.dt_bias + first_head_,
          w.a_log + first_head_, w.d + first_head_};
}

template <class T>
void HeadScan<T>::forward(const ScanWeights<T>& w, ScanColumns<const T> in, Mamba2ScanKept<T>& s,
                          T* y) {
  spare_.lend(s.columns, exchange_.size());
  exchange_.to_columns(in.data, in.stride, s.columns);
  y_.resize(outputs_.size());
  scan_.forward(own(w), columns_of(s.columns), s, y_.data());
  outputs_.to_tokens(y_.data(), y, inner_);
}

template <class T>
void HeadScan<T>::forget(Mamba2ScanKept<T>& s, Recompute recompute) {
  scan_.forget(s, recompute);
  if (recompute == Recompute::kFull) spare_.take_back(s.columns);
}

template <class T>
void HeadScan<T>::remember(const ScanWeights<T>& w, ScanColumns<const T>, Mamba2ScanKept<T>& s) {
  scan_.remember(own(w), columns_of(s.columns), s);
}

template <class T>
void HeadScan<T>::backward(const ScanWeights<T>& w, ScanColumns<const T>,
                           const Mamba2ScanKept<T>& s, const T* dy, Mamba2ScanGradients<T>& g,
                           ScanColumns<T> d_in) {
  outputs_.to_columns(dy, inner_, dy_);
  g.columns.resize(exchange_.size());
  scan_.backward(own(w), columns_of(s.columns), s, dy_.data(), g,
                 {g.columns.data(), exchange_.width()});
  exchange_.to_tokens(g.columns.data(), d_in.data, d_in.stride);
}

template <class T>
void HeadScan<T>::weigh(ScanColumns<const T>, const Mamba2ScanKept<T>& s,
                        const Mamba2ScanGradients<T>& g, ScanColumns<const T>,
                        const ScanWeightGradients<T>& dw) {
  d_taps_.resize(elements(width_of(channels_), taps_));
  d_bias_.resize(elements(width_of(channels_), 1));
  d_taps_.clear();
  d_bias_.clear();
  Precise<T>* const bias = dw.bias != nullptr ? d_bias_.data() : nullptr;
  scan_.weigh(
      columns_of(s.columns), s, g, columns_of(g.columns),
      {d_taps_.data(), bias, dw.dt_bias + first_head_, dw.a_log + first_head_, dw.d + first_head_});
  add_back(channels_, taps_, d_taps_, dw.taps);
  if (bias != nullptr) add_back(channels_, 1, d_bias_, dw.bias);
}

template class ColumnExchange<float>;
template class ColumnExchange<double>;
template class ColumnExchange<OnDevice<float>>;
template class ColumnExchange<OnDevice<Bf16>>;
template class HeadScan<float>;
template class HeadScan<double>;
template class HeadScan<OnDevice<float>>;
template class HeadScan<OnDevice<Bf16>>;

}  // namespace tutti::train
