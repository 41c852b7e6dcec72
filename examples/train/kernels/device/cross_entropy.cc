#include "train/kernels/device/cross_entropy.h"

namespace tutti::train {
namespace {

// In the accelerator's room.
const std::int32_t* write_labels(const LogitsShape& shape, const std::int32_t* labels) {
  const std::size_t bytes = static_cast<std::size_t>(shape.tokens) * sizeof(std::int32_t);
  auto* there = static_cast<std::int32_t*>(accelerator().room(bytes));
  accelerator().write(there, labels, bytes);
  return there;
}

template <class S>
void largest(const LogitsShape& shape, const S* logits, float* most) {
  launch(shape.tokens, LargestLogits<S>{shape, logits, most});
}

template <class S>
void sum(const LogitsShape& shape, const S* logits, const std::int32_t* labels, const float* most,
         float* sums) {
  launch(shape.tokens, SumLogits<S>{shape, logits, write_labels(shape, labels), most, sums});
}

template <class S>
void losses_of(const LogitsShape& shape, S* logits, const std::int32_t* labels, const float* most,
               const float* sums, double scale, float* losses) {
  launch(shape.tokens, CrossEntropy<S>{shape, logits, write_labels(shape, labels), most, sums,
                                       static_cast<float>(scale), losses});
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                                        \
  template <>                                                                                      \
  void largest_logits(const LogitsShape& shape, const OnDevice<S>* logits,                         \
                      OnDevice<float>* most) {                                                     \
    largest(shape, plain(logits), plain(most));                                                    \
  }                                                                                                \
  template <>                                                                                      \
  void sum_logits(const LogitsShape& shape, const OnDevice<S>* logits, const std::int32_t* labels, \
                  const OnDevice<float>* most, OnDevice<float>* sums) {                            \
    sum(shape, plain(logits), labels, plain(most), plain(sums));                                   \
  }                                                                                                \
  template <>                                                                                      \
  void cross_entropy(const LogitsShape& shape, OnDevice<S>* logits, const std::int32_t* labels,    \
                     const OnDevice<float>* most, const OnDevice<float>* sums, double scale,       \
                     OnDevice<float>* losses) {                                                    \
    losses_of(shape, plain(logits), labels, plain(most), plain(sums), scale, plain(losses));       \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
