#include "train/kernels/device/norm.h"

#include "train/kernels/device/column_sums.h"
#include "train/kernels/norm.h"

namespace tutti::train {
namespace {

template <class S, class X>
void forward(long tokens, long width, double epsilon, const X* x, const S* more, const S* w, X* sum,
             S* y, float* r) {
  const auto pieces = cut<kPack<S>>(tokens, width,
                                    {operand(x, width), operand(more, width), operand(w),
                                     operand(sum, width), operand(y, width)});
  launch(tokens, RmsNorm<S, X>{pieces, static_cast<float>(epsilon), x, more, w, sum, y, r});
}

template <class S, class X>
void backward_input(long tokens, long width, const S* dy, const X* x, const S* w, const float* r,
                    X* dx) {
  const auto pieces = cut<kPack<S>>(
      tokens, width, {operand(dy, width), operand(x, width), operand(w), operand(dx, width)});
  launch(tokens, RmsNormBackwardInput<S, X>{pieces, dy, x, w, r, dx});
}

template <class S, class X>
void backward_weight(long tokens, long width, const S* dy, const X* x, const float* r, float* dw) {
  const auto pieces = cut<kPack<S>>(tokens, width, {operand(dy, width), operand(x, width)});
  by_packs<S>(pieces.is_whole(), [&](auto wide) {
    add_columns(tokens, width, RmsNormWeightGradient<S, X, wide>{width, dy, x, r}, dw);
  });
}

}  // namespace

#define TUTTI_ON_DEVICES(S, X)                                                             \
  template <>                                                                              \
  void rms_norm(long tokens, long width, double epsilon, const OnDevice<X>* x,             \
                const OnDevice<S>* w, OnDevice<S>* y, OnDevice<float>* r) {                \
    forward<S, X>(tokens, width, epsilon, plain(x), nullptr, plain(w), nullptr, plain(y),  \
                  plain(r));                                                               \
  }                                                                                        \
  template <>                                                                              \
  void add_rms_norm(long tokens, long width, double epsilon, const OnDevice<X>* x,         \
                    const OnDevice<S>* more, const OnDevice<S>* w, OnDevice<X>* sum,       \
                    OnDevice<S>* y, OnDevice<float>* r) {                                  \
    forward(tokens, width, epsilon, plain(x), plain(more), plain(w), plain(sum), plain(y), \
            plain(r));                                                                     \
  }                                                                                        \
  template <>                                                                              \
  void rms_norm_backward_input(long tokens, long width, const OnDevice<S>* dy,             \
                               const OnDevice<X>* x, const OnDevice<S>* w,                 \
                               const OnDevice<float>* r, OnDevice<X>* dx) {                \
    backward_input(tokens, width, plain(dy), plain(x), plain(w), plain(r), plain(dx));     \
  }                                                                                        \
  template <>                                                                              \
  void rms_norm_backward_weight(long tokens, long width, const OnDevice<S>* dy,            \
                                const OnDevice<X>* x, const OnDevice<float>* r,            \
                                OnDevice<float>* dw) {                                     \
    backward_weight(tokens, width, plain(dy), plain(x), plain(r), plain(dw));              \
  }
TUTTI_ON_DEVICES(float, float)
TUTTI_ON_DEVICES(Bf16, Bf16)
TUTTI_ON_DEVICES(Bf16, float)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
