#include "train/kernels/device/norm.h"

#include "train/kernels/device/column_sums.h"
#include "train/kernels/norm.h"

namespace tutti::train {
namespace {

template <class S>
void forward(long tokens, long width, double epsilon, const S* x, const S* w, S* y, float* r) {
  const auto pieces =
      cut<kPack<S>>(tokens, width, {operand(x, width), operand(w), operand(y, width)});
  launch(tokens, RmsNorm<S>{pieces, static_cast<float>(epsilon), x, w, y, r});
}

template <class S>
void backward_input(long tokens, long width, const S* dy, const S* x, const S* w, const float* r,
                    S* dx) {
  const auto pieces = cut<kPack<S>>(
      tokens, width, {operand(dy, width), operand(x, width), operand(w), operand(dx, width)});
  launch(tokens, RmsNormBackwardInput<S>{pieces, dy, x, w, r, dx});
}

template <class S>
void backward_weight(long tokens, long width, const S* dy, const S* x, const float* r, float* dw) {
  const auto pieces = cut<kPack<S>>(tokens, width, {operand(dy, width), operand(x, width)});
  by_packs<S>(pieces.is_whole(), [&](auto wide) {
    add_columns(tokens, width, RmsNormWeightGradient<S, wide>{width, dy, x, r}, dw);
  });
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                            \
  template <>                                                                          \
  void rms_norm(long tokens, long width, double epsilon, const OnDevice<S>* x,         \
                const OnDevice<S>* w, OnDevice<S>* y, OnDevice<float>* r) {            \
    forward(tokens, width, epsilon, plain(x), plain(w), plain(y), plain(r));           \
  }                                                                                    \
  template <>                                                                          \
  void rms_norm_backward_input(long tokens, long width, const OnDevice<S>* dy,         \
                               const OnDevice<S>* x, const OnDevice<S>* w,             \
                               const OnDevice<float>* r, OnDevice<S>* dx) {            \
    backward_input(tokens, width, plain(dy), plain(x), plain(w), plain(r), plain(dx)); \
  }                                                                                    \
  template <>                                                                          \
  void rms_norm_backward_weight(long tokens, long width, const OnDevice<S>* dy,        \
                                const OnDevice<S>* x, const OnDevice<float>* r,        \
                                OnDevice<float>* dw) {                                 \
    backward_weight(tokens, width, plain(dy), plain(x), plain(r), plain(dw));          \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
