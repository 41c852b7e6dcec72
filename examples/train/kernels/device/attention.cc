// Chooses the kernels of attention on a device: by a head's width, in which there is room for
// less, and by whether tensor cores can read it.

#include "train/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>

#include "train/array.h"
#include "train/device/launch.h"
#include "train/failure.h"
#include "train/kernels/device/attention.h"

namespace tutti::train {
namespace {

constexpr int kWidest = 256;
constexpr long kMostBlocks = 1024;  // of kernels whose blocks share what there is to do

// Whether tensor cores can read it: pieces of 16 bytes, and sums in pairs.
template <class S>
bool is_for_tensor_cores(const AttendPieces<S>& pieces, std::initializer_list<const void*> others) {
  if constexpr (std::is_same_v<S, Bf16>) {
    return pieces.width <= 128 && divides<S>(pieces.width) && divides<S>(pieces.query_stride) &&
           divides<S>(pieces.key_stride) && is_aligned(pieces.q) && is_aligned(pieces.k) &&
           is_aligned(pieces.v) &&
           std::all_of(others.begin(), others.end(), [](const void* at) { return is_aligned(at); });
  }
  return false;
}

// Calls f<Cores>() with those for a pass: the narrowest that a head fits in.
template <class S, AttendPass pass, class Function>
void by_cores(int width, bool tensor, Function f) {
  if (width > kWidest) {
    throw Failure("attention: heads of " + std::to_string(width) + " numbers; expected at most " +
                  std::to_string(kWidest) + " on a device");
  }
  if constexpr (std::is_same_v<S, Bf16>) {
    if (tensor && width <= 64) return f.template operator()<TensorCores<64, pass>>();
    if (tensor) return f.template operator()<TensorCores<128, pass>>();
  }
  if (width <= 64) return f.template operator()<PlainCores<S, 64>>();
  if (width <= 128) return f.template operator()<PlainCores<S, 128>>();
  f.template operator()<PlainCores<S, 256>>();
}

template <template <class> class Kernel, AttendPass pass, class S, class Work>
void launch_rows(const Work& work, const AttendPieces<S>& pieces, int heads, int rows,
                 bool tensor) {
  by_cores<S, pass>(pieces.width, tensor, [&]<class Cores>() {
    launch(ceil_divide(rows, Cores::kRows) * heads, Kernel<Cores>{work});
  });
}

template <class T>
void begin(const HeadShape& shape, long queries, T* out, T* most, T* sum) {
  const long rows = queries * shape.heads;
  clear_elements(out, rows * shape.width);
  clear_elements(sum, rows);
  launch(smaller(ceil_divide(rows, AttendBeginKernel::kThreads), kMostBlocks),
         AttendBeginKernel{plain(most), rows});
}

template <class S>
void take_in(const AttendWork<S>& work) {
  const AttendPieces<S>& pieces = work.pieces;
  launch_rows<AttendKernel, AttendPass::kForward>(work, pieces, pieces.heads, pieces.queries,
                                                  is_for_tensor_cores(pieces, {work.out}));
}

template <class S>
void give_back(const AttendBackwardWork<S>& work) {
  const AttendPieces<S>& pieces = work.pieces;
  const bool tensor = is_for_tensor_cores(pieces, {work.d_out, work.dq, work.dk, work.dv});
  launch_rows<AttendBackwardQueriesKernel, AttendPass::kQueries>(work, pieces, pieces.heads,
                                                                 pieces.queries, tensor);
  launch_rows<AttendBackwardKeysKernel, AttendPass::kKeys>(
      work, pieces, pieces.heads / pieces.head_share, pieces.keys, tensor);
}

template <class S>
void end(const HeadShape& shape, long queries, const float* seen, S* out, float* most,
         const float* sum) {
  const long rows = queries * shape.heads;
  by_packs<S>(divides<S>(shape.width) && is_aligned(seen) && is_aligned(out), [&](auto count) {
    const AttendEndKernel<S, count> kernel{rows, shape.width / count, seen, out, most, sum};
    launch(smaller(ceil_divide(rows * kernel.packs, kernel.kThreads), kMostBlocks), kernel);
  });
}

template <class S>
void make_delta(const HeadShape& shape, long queries, const S* out, const S* d_out, float* delta) {
  const long rows = queries * shape.heads;
  by_packs<S>(divides<S>(shape.width) && is_aligned(out) && is_aligned(d_out), [&](auto count) {
    const AttendDeltaKernel<S, count> kernel{rows, shape.width / count, out, d_out, delta};
    launch(smaller(ceil_divide(rows, kernel.kRowsAtOnce), kMostBlocks), kernel);
  });
}

}  // namespace

template <>
void attend_begin(const HeadShape& shape, long queries, OnDevice<float>* out, OnDevice<float>* most,
                  OnDevice<float>* sum) {
  begin(shape, queries, out, most, sum);
}

#define TUTTI_DEFINE(S)                                                                           \
  template <>                                                                                     \
  void attend<OnDevice<S>>(const HeadShape& shape, Tokens queries, const OnDevice<S>* q,          \
                           Tokens keys, const OnDevice<S>* k, const OnDevice<S>* v,               \
                           OnDevice<float>* out, OnDevice<float>* most, OnDevice<float>* sum) {   \
    take_in<S>({pieces_of(shape, queries, q, keys, k, v), plain(out), plain(most), plain(sum)});  \
  }                                                                                               \
  template <>                                                                                     \
  void attend_end<OnDevice<S>>(const HeadShape& shape, long queries, const OnDevice<float>* seen, \
                               OnDevice<S>* out, OnDevice<float>* most,                           \
                               const OnDevice<float>* sum) {                                      \
    end<S>(shape, queries, plain(seen), plain(out), plain(most), plain(sum));                     \
  }                                                                                               \
  template <>                                                                                     \
  void attend_delta<OnDevice<S>>(const HeadShape& shape, long queries, const OnDevice<S>* out,    \
                                 const OnDevice<S>* d_out, OnDevice<float>* delta) {              \
    make_delta<S>(shape, queries, plain(out), plain(d_out), plain(delta));                        \
  }                                                                                               \
  template <>                                                                                     \
  void attend_backward<OnDevice<S>>(const HeadShape& shape, Tokens queries, const OnDevice<S>* q, \
                                    Tokens keys, const OnDevice<S>* k, const OnDevice<S>* v,      \
                                    const OnDevice<S>* d_out, const OnDevice<float>* log_sum,     \
                                    const OnDevice<float>* delta, OnDevice<float>* dq,            \
                                    OnDevice<float>* dk, OnDevice<float>* dv) {                   \
    give_back<S>({pieces_of(shape, queries, q, keys, k, v), plain(d_out), plain(log_sum),         \
                  plain(delta), plain(dq), plain(dk), plain(dv)});                                \
  }
TUTTI_DEFINE(float)
TUTTI_DEFINE(Bf16)
#undef TUTTI_DEFINE

}  // namespace tutti::train
