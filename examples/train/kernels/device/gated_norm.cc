#include "train/kernels/device/gated_norm.h"

#include "train/kernels/device/column_sums.h"

namespace tutti::train {
namespace {

template <class S>
void run_gate(const GateShape& s, const S* y, const S* z, S* v) {
  by_packs<S>(divides<S>(s.width, s.z_stride) && is_aligned(y, z, v), [&](auto wide) {
    launch_packs(s.tokens, s.width, wide, Gate<S, wide>{s, y, z, v});
  });
}

template <class S>
void run_gate_backward(const GateShape& s, const S* dv, const S* y, const S* z, S* dy, S* dz) {
  const bool packs = divides<S>(s.width, s.z_stride) && is_aligned(dv, y, z, dy, dz);
  by_packs<S>(packs, [&](auto wide) {
    launch_packs(s.tokens, s.width, wide, GateBackward<S, wide>{s, dv, y, z, dy, dz});
  });
}

long rows(const GroupNormShape& s) { return s.tokens * s.groups; }

template <class S>
void squares_of(const GroupNormShape& s, const S* v, float* squares) {
  by_packs<S>(divides<S>(s.width) && is_aligned(v), [&](auto wide) {
    launch(rows(s), GroupNormSquares<S, wide>{s, v, squares});
  });
}

template <class S>
void norm(const GroupNormShape& s, const S* v, const S* w, float* squares, S* o) {
  by_packs<S>(divides<S>(s.width) && is_aligned(v, w, o), [&](auto wide) {
    launch(rows(s), GroupNorm<S, wide>{s, v, w, squares, o});
  });
}

template <class S>
void backward_sums(const GroupNormShape& s, const S* d_o, const S* v, const S* w, float* sums) {
  by_packs<S>(divides<S>(s.width) && is_aligned(d_o, v, w), [&](auto wide) {
    launch(rows(s), GroupNormBackwardSums<S, wide>{s, d_o, v, w, sums});
  });
}

template <class S>
void backward_input(const GroupNormShape& s, const GroupNormBackward<OnDevice<S>>& b, S* dv) {
  const S* const d_o = plain(b.d_o);
  const S* const v = plain(b.v);
  const S* const w = plain(b.w);
  by_packs<S>(divides<S>(s.width) && is_aligned(d_o, v, w, dv), [&](auto wide) {
    launch(rows(s), GroupNormBackwardInput<S, wide>{s, d_o, v, w, plain(b.r), plain(b.sums), dv});
  });
}

template <class S>
void backward_weight(const GroupNormShape& s, const S* d_o, const S* v, const float* r, float* dw) {
  by_packs<S>(divides<S>(s.width) && is_aligned(d_o, v), [&](auto wide) {
    add_columns(s.tokens, s.groups * s.width, GroupNormWeightGradient<S, wide>{s, d_o, v, r}, dw);
  });
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                                        \
  template <>                                                                                      \
  void gate(const GateShape& s, const OnDevice<S>* y, const OnDevice<S>* z, OnDevice<S>* v) {      \
    run_gate(s, plain(y), plain(z), plain(v));                                                     \
  }                                                                                                \
  template <>                                                                                      \
  void gate_backward(const GateShape& s, const OnDevice<S>* dv, const OnDevice<S>* y,              \
                     const OnDevice<S>* z, OnDevice<S>* dy, OnDevice<S>* dz) {                     \
    run_gate_backward(s, plain(dv), plain(y), plain(z), plain(dy), plain(dz));                     \
  }                                                                                                \
  template <>                                                                                      \
  void group_norm_squares(const GroupNormShape& s, const OnDevice<S>* v,                           \
                          OnDevice<float>* squares) {                                              \
    squares_of(s, plain(v), plain(squares));                                                       \
  }                                                                                                \
  template <>                                                                                      \
  void group_norm(const GroupNormShape& s, const OnDevice<S>* v, const OnDevice<S>* w,             \
                  OnDevice<float>* squares, OnDevice<S>* o) {                                      \
    norm(s, plain(v), plain(w), plain(squares), plain(o));                                         \
  }                                                                                                \
  template <>                                                                                      \
  void group_norm_backward_sums(const GroupNormShape& s, const OnDevice<S>* d_o,                   \
                                const OnDevice<S>* v, const OnDevice<S>* w,                        \
                                OnDevice<float>* sums) {                                           \
    backward_sums(s, plain(d_o), plain(v), plain(w), plain(sums));                                 \
  }                                                                                                \
  template <>                                                                                      \
  void group_norm_backward_input(const GroupNormShape& s, const GroupNormBackward<OnDevice<S>>& b, \
                                 OnDevice<S>* dv) {                                                \
    backward_input(s, b, plain(dv));                                                               \
  }                                                                                                \
  template <>                                                                                      \
  void group_norm_backward_weight(const GroupNormShape& s, const OnDevice<S>* d_o,                 \
                                  const OnDevice<S>* v, const OnDevice<float>* r,                  \
                                  OnDevice<float>* dw) {                                           \
    backward_weight(s, plain(d_o), plain(v), plain(r), plain(dw));                                 \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
