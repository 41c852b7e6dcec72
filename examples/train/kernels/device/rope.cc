#include "train/kernels/rope.h"

#include "train/kernels/device/rope.h"

namespace tutti::train {
namespace {

template <class S>
void turn(const RopeTable<OnDevice<S>>& table, const Turned& turned, int direction, S* tokens) {
  const long half = table.half;
  const float* const cosines = plain(table.cosines.data()) + turned.position * half;
  const float* const sines = plain(table.sines.data()) + turned.position * half;
  const auto pieces =
      cut<kPack<S>>(turned.count, half,
                    {operand(cosines, half), operand(sines, half), operand(tokens, turned.stride),
                     operand(tokens + half, turned.stride)});
  by_packs<S>(pieces.is_whole(), [&](auto wide) {
    launch(turned.count, Rotate<S, wide>{half, turned.heads, turned.stride, cosines, sines,
                                         static_cast<float>(direction), tokens});
  });
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                             \
  template <>                                                                           \
  void rotate(const RopeTable<OnDevice<S>>& table, const Turned& turned, int direction, \
              OnDevice<S>* tokens) {                                                    \
    turn(table, turned, direction, plain(tokens));                                      \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
