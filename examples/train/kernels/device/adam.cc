#include "train/kernels/device/adam.h"

namespace tutti::train {
namespace {

template <class S>
void change(const AdamStep& step, long count, const float* gradient, float* first, float* second,
            float* weight, S* rounded) {
  constexpr int kWide = AdamWeights<S>::kWide;
  const Pieces<kWide> pieces = cut<kWide>(
      1, count,
      {operand(gradient), operand(first), operand(second), operand(weight), operand(rounded)});
  const auto f = [](double number) { return static_cast<float>(number); };
  launch(pieces.blocks(1),
         AdamWeights<S>{pieces, f(step.beta1), f(step.beta2), f(step.epsilon), f(step.factor),
                        f(step.kept), f(step.rate), f(step.second_scale), gradient, first, second,
                        weight, rounded});
}

}  // namespace

template <>
void adamw(const AdamStep& step, long count, const OnDevice<float>* gradient,
           OnDevice<float>* first, OnDevice<float>* second, OnDevice<float>* weight,
           OnDevice<float>*) {
  change<float>(step, count, plain(gradient), plain(first), plain(second), plain(weight), nullptr);
}
template <>
void adamw(const AdamStep& step, long count, const OnDevice<float>* gradient,
           OnDevice<float>* first, OnDevice<float>* second, OnDevice<float>* weight,
           OnDevice<Bf16>* rounded) {
  change(step, count, plain(gradient), plain(first), plain(second), plain(weight), plain(rounded));
}

}  // namespace tutti::train
