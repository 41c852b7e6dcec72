#include "train/kernels/device/ssd.h"

#include "train/kernels/device/ssd_host.h"

namespace tutti::train {

using namespace ssd;

namespace {

template <class S>
void find_states(const SsdShape& s, const SsdInput<OnDevice<S>>& in, OnDevice<float>* states,
                 float* log_decay) {
  const long inner = s.heads * s.width;
  Room room(sums_bytes(s) + Room::bytes<S>(s.tokens * inner));
  const SsdSteps steps = steps_of(s, in, room);
  auto* const weighted = room.take<OnDevice<S>>(s.tokens * inner);
  scale_rows<SsdFactor::kStepsUntilEnd>(steps, in.x, s.input_stride, weighted);
  make_states<S>(s, weighted, in.b, states);
  pass_states</*kExchange=*/false, S>(steps, /*backward=*/false, nullptr, plain(states), nullptr);
  launch(ceil_divide(s.heads, SsdDecays::kThreads), SsdDecays{steps, s.chunks(), log_decay});
}

// Chunk by chunk: what lies between products stays in the device's cache.
template <class S>
void inside(const SsdShape& s, const SsdInput<OnDevice<S>>& in, OnDevice<S>* y) {
  const long square = s.chunk * s.chunk;
  Room room(sums_bytes(s) + Room::bytes<float>(square) + Room::bytes<S>(s.heads * square));
  const SsdSteps steps = steps_of(s, in, room);
  auto* const scores = room.take<OnDevice<float>>(square);
  auto* const mixed = room.take<OnDevice<S>>(s.heads * square);
  for (long index = 0; index < s.chunks(); ++index) {
    const Chunk chunk = chunk_of(s, index);
    for_each_heads(s, s.heads, [&](const Heads& heads) {
      score(s, in, chunk, heads.group, scores);
      by_packs<S>(divides<S>(s.chunk), [&](auto wide) {
        const MixSsd<S, wide> kernel{steps,
                                     {chunk.first, chunk.count, heads.first, heads.count},
                                     plain(scores),
                                     plain(mixed) + heads.first * square};
        launch(kernel.blocks(), kernel);
      });
    });
    multiply(chunk.count, s.width, chunk.count, 1, Matrix<const OnDevice<S>>{mixed, s.chunk},
             x_of(s, chunk, 0, in.x), 0, y_of(s, chunk, 0, y), {s.heads, square, s.width, s.width});
  }
}

template <class S>
void finish(const SsdShape& s, const SsdInput<OnDevice<S>>& in, const float* initial,
            OnDevice<float>* states, OnDevice<S>* y) {
  const long inner = s.heads * s.width;
  Room room(sums_bytes(s) + ProductStates<S>::bytes(s) + Room::bytes<S>(s.tokens * inner));
  const SsdSteps steps = steps_of(s, in, room);
  const ProductStates<S> before(s, states, room);
  auto* const seen = room.take<OnDevice<S>>(s.tokens * inner);
  pass_states</*kExchange=*/true>(steps, /*backward=*/false, initial, plain(states),
                                  before.rounded);
  see_states<S>(s, in.c, before.data, seen);
  const S* const x = plain(in.x);
  by_packs<S>(divides<S>(s.width, s.input_stride) && is_aligned(x, seen, y), [&](auto wide) {
    launch_packs(s.tokens, inner, wide,
                 FinishSsdRows<S, wide>{steps, plain(in.d), x, plain(seen), plain(y)});
  });
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                                    \
  template <>                                                                                  \
  void ssd_states(const SsdShape& s, const SsdInput<OnDevice<S>>& in, OnDevice<float>* states, \
                  OnDevice<float>* log_decay) {                                                \
    find_states(s, in, states, plain(log_decay));                                              \
  }                                                                                            \
  template <>                                                                                  \
  void ssd_inside(const SsdShape& s, const SsdInput<OnDevice<S>>& in, OnDevice<S>* y) {        \
    inside(s, in, y);                                                                          \
  }                                                                                            \
  template <>                                                                                  \
  void ssd_finish(const SsdShape& s, const SsdInput<OnDevice<S>>& in,                          \
                  const OnDevice<float>* initial, OnDevice<float>* states, OnDevice<S>* y) {   \
    finish(s, in, plain(initial), states, y);                                                  \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
