#include "train/kernels/swiglu.h"

#include "train/kernels/device/swiglu.h"

namespace tutti::train {
namespace {

template <class S>
void forward(long tokens, long width, const S* gate_up, S* a) {
  const auto pieces = cut<kPack<S>>(
      tokens, width, {operand(gate_up, 2 * width), operand(gate_up + width), operand(a, width)});
  launch(pieces.blocks(tokens), SwiGlu<S>{pieces, gate_up, a});
}

template <class S>
void backward(long tokens, long width, const S* da, const S* gate_up, S* d_gate_up) {
  const auto pieces =
      cut<kPack<S>>(tokens, width,
                    {operand(da, width), operand(gate_up, 2 * width), operand(gate_up + width),
                     operand(d_gate_up, 2 * width), operand(d_gate_up + width)});
  launch(pieces.blocks(tokens), SwiGluBackward<S>{pieces, da, gate_up, d_gate_up});
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                                        \
  template <>                                                                                      \
  void swiglu(long tokens, long width, const OnDevice<S>* gate_up, OnDevice<S>* a) {               \
    forward(tokens, width, plain(gate_up), plain(a));                                              \
  }                                                                                                \
  template <>                                                                                      \
  void swiglu_backward(long tokens, long width, const OnDevice<S>* da, const OnDevice<S>* gate_up, \
                       OnDevice<S>* d_gate_up) {                                                   \
    backward(tokens, width, plain(da), plain(gate_up), plain(d_gate_up));                          \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
