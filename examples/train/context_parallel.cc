#include "train/context_parallel.h"

#include <algorithm>

namespace tutti::train {

std::vector<Piece> pieces_of(long sequence, int rank, int ranks, Sharing sharing) {
  if (ranks == 1 || sharing == Sharing::kNeighbours) {
    const long share = sequence / ranks;
    return {{0, {rank * share, share}}};
  }
  const long length = sequence / (2 * ranks);
  return {{0, {rank * length, length}}, {length, {(2 * ranks - 1 - rank) * length, length}}};
}

std::vector<std::int32_t> share_of(const std::vector<std::int32_t>& sequence, int rank, int ranks,
                                   Sharing sharing) {
  std::vector<std::int32_t> share;
  for (const Piece& piece : pieces_of(static_cast<long>(sequence.size()), rank, ranks, sharing)) {
    const auto begin = sequence.begin() + piece.tokens.position;
    share.insert(share.end(), begin, begin + piece.tokens.count);
  }
  return share;
}

template <class T>
ContextAttention<T>::ContextAttention(Group& group, ContextKind kind, HeadShape heads,
                                      long sequences, long sequence, Sharing sharing)
    : group_(group),
      kind_(kind),
      sharing_(sharing),
      heads_(heads),
      sequences_(sequences),
      sequence_(sequence),
      pieces_(pieces_of_rank(group.rank())),
      tokens_(sequence / group.ranks()) {
  heads_.query_stride = (heads.heads + 2 * heads.kv_heads) * heads.width;
  heads_.key_stride = pair_width();
}

template <class T>
void ContextAttention<T>::forward(const T* qkv, T* out, Precise<T>* log_sum) {
  const long tokens = sequences_ * tokens_;
  sum_.resize(static_cast<std::size_t>(tokens * heads_.heads));
  Precise<T>* const seen = Sums<T>::begin(out, tokens * heads_.heads * heads_.width, seen_);
  attend_begin(heads_, tokens, seen, log_sum, sum_.data());
  if (kind_ == ContextKind::kRing) {
    forward_ring(qkv, seen, log_sum);
  } else {
    forward_gather(qkv, seen, log_sum);
  }
  attend_end(heads_, tokens, seen, out, log_sum, sum_.data());
}

template <class T>
void ContextAttention<T>::backward(const T* qkv, const T* out, const Precise<T>* log_sum,
                                   const T* d_out, T* d_qkv) {
  const long tokens = sequences_ * tokens_;
  delta_.resize(static_cast<std::size_t>(tokens * heads_.heads));
  attend_delta(heads_, tokens, out, d_out, delta_.data());
  const long count = tokens * heads_.query_stride;
  Precise<T>* const sums = Sums<T>::begin(d_qkv, count, d_qkv_);
  clear_elements(sums, count);
  if (kind_ == ContextKind::kRing) {
    backward_ring(qkv, d_out, log_sum, sums);
  } else {
    backward_gather(qkv, d_out, log_sum, sums);
  }
  Sums<T>::finish(sums, count, d_qkv);
}

template <class T>
Group::Pending ContextAttention<T>::pass_on() {
  const std::array calls = {send(wired(std::span<const T>(pairs_)), right()),
                            receive(wired(std::span<T>(arriving_)), left())};
  return group_.start<T>(calls, pairs() * sizeof(T));
}

template <class T>
void ContextAttention<T>::gather_pairs(const T* qkv) {
  arriving_.resize(pairs());
  pack(qkv, arriving_.data());
  pairs_.resize(pairs() * group_.ranks());
  group_.all_gather(std::span<const T>(arriving_), std::span<T>(pairs_));
}

// In step s this rank has the pairs of rank - s; the next ones arrive meanwhile.
template <class T>
void ContextAttention<T>::forward_ring(const T* qkv, Precise<T>* seen, Precise<T>* most) {
  const int n = group_.ranks();
  pairs_.resize(pairs());
  arriving_.resize(pairs());
  pack(qkv, pairs_.data());
  for (int step = 0; step < n; ++step) {
    Group::Pending next = step + 1 < n ? pass_on() : Group::Pending();
    see(qkv, (group_.rank() + n - step) % n, pairs_.data(), seen, most);
    next.wait();
    std::swap(pairs_, arriving_);
  }
}

template <class T>
void ContextAttention<T>::forward_gather(const T* qkv, Precise<T>* seen, Precise<T>* most) {
  gather_pairs(qkv);
  for (int owner = 0; owner < group_.ranks(); ++owner) {
    see(qkv, owner, pairs_.data() + owner * pairs(), seen, most);
  }
}

// Gradients follow their pairs a step behind, and are home after n steps.
template <class T>
void ContextAttention<T>::backward_ring(const T* qkv, const T* d_out, const Precise<T>* log_sum,
                                        Precise<T>* d_qkv) {
  const int n = group_.ranks();
  pairs_.resize(pairs());
  arriving_.resize(pairs());
  d_pairs_.resize(pairs());
  d_arriving_.resize(pairs());
  pack(qkv, pairs_.data());
  d_pairs_.clear();
  for (int step = 0; step < n; ++step) {
    Group::Pending next = step + 1 < n ? pass_on() : Group::Pending();
    see_backward(qkv, (group_.rank() + n - step) % n, pairs_.data(), d_out, log_sum, d_qkv,
                 d_pairs_.data());
    next.wait();
    std::swap(pairs_, arriving_);
    if (n == 1) break;
    group_.exchange(std::span<const Precise<T>>(d_pairs_), right(),
                    std::span<Precise<T>>(d_arriving_), left());
    std::swap(d_pairs_, d_arriving_);
  }
  unpack(d_pairs_.data(), d_qkv);
}

template <class T>
void ContextAttention<T>::backward_gather(const T* qkv, const T* d_out, const Precise<T>* log_sum,
                                          Precise<T>* d_qkv) {
  gather_pairs(qkv);
  d_pairs_.resize(pairs_.size());
  d_pairs_.clear();
  for (int owner = 0; owner < group_.ranks(); ++owner) {
    see_backward(qkv, owner, pairs_.data() + owner * pairs(), d_out, log_sum, d_qkv,
                 d_pairs_.data() + owner * pairs());
  }
  d_arriving_.resize(pairs());
  group_.reduce_scatter(std::span<const Precise<T>>(d_pairs_), std::span<Precise<T>>(d_arriving_));
  unpack(d_arriving_.data(), d_qkv);
}

template <class T>
void ContextAttention<T>::see(const T* qkv, int owner, const T* pairs, Precise<T>* seen,
                              Precise<T>* most) {
  const std::vector<Piece> keys = pieces_of_rank(owner);
  const long values = heads_.kv_heads * heads_.width;
  for (long n = 0; n < sequences_; ++n) {
    for (const Piece& query : pieces_) {
      const long q = n * tokens_ + query.first;
      for (const Piece& key : keys) {
        const T* pair = pairs + (n * tokens_ + key.first) * pair_width();
        attend(heads_, query.tokens, qkv + q * heads_.query_stride, key.tokens, pair, pair + values,
               seen + q * heads_.heads * heads_.width, most + q * heads_.heads,
               sum_.data() + q * heads_.heads);
      }
    }
  }
}

template <class T>
void ContextAttention<T>::see_backward(const T* qkv, int owner, const T* pairs, const T* d_out,
                                       const Precise<T>* log_sum, Precise<T>* d_qkv,
                                       Precise<T>* d_pairs) {
  const std::vector<Piece> keys = pieces_of_rank(owner);
  const long values = heads_.kv_heads * heads_.width;
  for (long n = 0; n < sequences_; ++n) {
    for (const Piece& query : pieces_) {
      const long q = n * tokens_ + query.first;
      for (const Piece& key : keys) {
        const long at = (n * tokens_ + key.first) * pair_width();
        attend_backward(heads_, query.tokens, qkv + q * heads_.query_stride, key.tokens, pairs + at,
                        pairs + at + values, d_out + q * heads_.heads * heads_.width,
                        log_sum + q * heads_.heads, delta_.data() + q * heads_.heads,
                        d_qkv + q * heads_.query_stride, d_pairs + at, d_pairs + at + values);
      }
    }
  }
}

template <class T>
void ContextAttention<T>::pack(const T* qkv, T* pairs) const {
  const long queries = heads_.heads * heads_.width;
  copy_rows(sequences_ * tokens_, pair_width(), Rows{qkv + queries, heads_.query_stride},
            Rows{pairs, pair_width()});
}

template <class T>
void ContextAttention<T>::unpack(const Precise<T>* d_pairs, Precise<T>* d_qkv) const {
  const long queries = heads_.heads * heads_.width;
  copy_rows(sequences_ * tokens_, pair_width(), Rows{d_pairs, pair_width()},
            Rows{d_qkv + queries, heads_.query_stride});
}

template class ContextAttention<float>;
template class ContextAttention<double>;
template class ContextAttention<OnDevice<float>>;
template class ContextAttention<OnDevice<Bf16>>;

}  // namespace tutti::train
