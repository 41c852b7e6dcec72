#include "train/kernels/device/time_step.h"

#include "train/kernels/device/column_sums.h"

namespace tutti::train {
namespace {

template <class S>
bool has_packs(const TimeStepShape& s, const void* raw, const void* bias, const void* dt) {
  return divides<S>(s.width, s.raw_stride) && is_aligned(raw, bias, dt);
}

template <class S>
void forward(const TimeStepShape& s, const S* raw, const float* bias, float* dt) {
  by_packs<S>(has_packs<S>(s, raw, bias, dt), [&](auto wide) {
    launch_packs(s.tokens, s.width, wide, TimeSteps<S, wide>{s, raw, bias, dt});
  });
}

template <class S>
void backward(const TimeStepShape& s, const S* raw, const float* bias, const float* d_dt,
              S* d_raw) {
  const bool packs = has_packs<S>(s, raw, bias, d_dt) && is_aligned(d_raw);
  by_packs<S>(packs, [&](auto wide) {
    launch_packs(s.tokens, s.width, wide, TimeStepsBackward<S, wide>{s, raw, bias, d_dt, d_raw});
  });
}

template <class S>
void backward_bias(const TimeStepShape& s, const S* d_raw, float* d_bias) {
  by_packs<S>(divides<S>(s.width, s.raw_stride) && is_aligned(d_raw), [&](auto wide) {
    add_columns(s.tokens, s.width, StepGradient<S, wide>{d_raw, s.raw_stride}, d_bias);
  });
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                                    \
  template <>                                                                                  \
  void time_steps(const TimeStepShape& s, const OnDevice<S>* raw, const OnDevice<float>* bias, \
                  OnDevice<float>* dt) {                                                       \
    forward(s, plain(raw), plain(bias), plain(dt));                                            \
  }                                                                                            \
  template <>                                                                                  \
  void time_steps_backward(const TimeStepShape& s, const OnDevice<S>* raw,                     \
                           const OnDevice<float>* bias, const OnDevice<float>* d_dt,           \
                           OnDevice<S>* d_raw) {                                               \
    backward(s, plain(raw), plain(bias), plain(d_dt), plain(d_raw));                           \
  }                                                                                            \
  template <>                                                                                  \
  void time_steps_backward_bias(const TimeStepShape& s, const OnDevice<S>* d_raw,              \
                                OnDevice<float>* d_bias) {                                     \
    backward_bias(s, plain(d_raw), plain(d_bias));                                             \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
