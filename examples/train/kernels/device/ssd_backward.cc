#include "train/kernels/device/ssd_backward.h"

#include "train/kernels/device/ssd_host.h"

namespace tutti::train {

using namespace ssd;

namespace {

template <class S>
void find_d_states(const SsdShape& s, const SsdInput<OnDevice<S>>& in, const OnDevice<S>* dy,
                   OnDevice<float>* d_states) {
  const long inner = s.heads * s.width;
  Room room(sums_bytes(s) + Room::bytes<S>(s.tokens * inner));
  const SsdSteps steps = steps_of(s, in, room);
  auto* const weighted = room.take<OnDevice<S>>(s.tokens * inner);
  scale_rows<SsdFactor::kSinceStart>(steps, dy, inner, weighted);
  make_states<S>(s, weighted, in.c, d_states + s.state_size());
  pass_states</*kExchange=*/false, S>(steps, /*backward=*/true, nullptr, plain(d_states), nullptr);
}

// Zero in the groups that no head here uses.
template <class S>
void clear_unused(const SsdShape& s, const SsdGradients<OnDevice<S>>& out) {
  const auto clear = [&](long first, long end) {
    const long count = s.tokens * (end - first) * s.states;
    launch(ceil_divide(count, ClearSsdGroups<S>::kThreads),
           ClearSsdGroups<S>{s, first, end, plain(out.b), plain(out.c)});
  };
  clear(0, s.first_head / s.heads_per_group);
  clear((s.first_head + s.heads - 1) / s.heads_per_group + 1, s.groups);
}

// What needs no neighbour, chunk by chunk: what lies between products stays in the device's cache.
template <class S>
class Inside {
 public:
  Inside(const SsdShape& s, const SsdInput<OnDevice<S>>& in, const OnDevice<S>* dy,
         const SsdGradients<OnDevice<S>>& out)
      : s_(s),
        in_(in),
        dy_(dy),
        out_(out),
        square_(s.chunk * s.chunk),
        bands_(UnmixSsd<S>::bands(s.chunk)),
        slices_(UnmixSsd<S>::slices(s.heads)),
        room_(sums_bytes(s) + Room::bytes<float>(square_) + Room::bytes<float>(s.heads * square_) +
              Room::bytes<S>(s.heads * square_) + Room::bytes<float>(slices_ * square_) +
              Room::bytes<S>(square_) + Room::bytes<float>(s.heads * s.chunk) +
              Room::bytes<float>(bands_ * s.heads * s.chunk)),
        steps_(steps_of(s, in, room_)),
        scores_(room_.take<OnDevice<float>>(square_)),
        products_(room_.take<OnDevice<float>>(s.heads * square_)),
        mixed_(room_.take<OnDevice<S>>(s.heads * square_)),
        d_scores_parts_(room_.take<float>(slices_ * square_)),
        d_scores_(room_.take<OnDevice<S>>(square_)),
        rows_(room_.take<float>(s.heads * s.chunk)),
        columns_(room_.take<float>(bands_ * s.heads * s.chunk)) {}

  void run(const Chunk& chunk) {
    multiply(chunk.count, chunk.count, s_.width, 1, y_of(s_, chunk, 0, dy_),
             transposed(x_of(s_, chunk, 0, in_.x)), 0, Matrix{products_, s_.chunk},
             {s_.heads, s_.width, s_.width, square_});
    for_each_heads(s_, s_.heads, [&](const Heads& heads) { unmix(chunk, heads); });
    multiply(chunk.count, s_.width, chunk.count, 1,
             Matrix<const OnDevice<S>>{mixed_, s_.chunk, true}, y_of(s_, chunk, 0, dy_), 0,
             x_of(s_, chunk, 0, out_.x), {s_.heads, square_, s_.width, s_.width});
    launch(ceil_divide(chunk.count * s_.heads, AddSsdPairs::kThreads),
           AddSsdPairs{chunk.count, s_.heads, s_.chunk, UnmixSsd<S>::bands(chunk.count), rows_,
                       columns_, plain(out_.dt) + chunk.first * s_.heads});
  }

 private:
  // Of heads that share a group: mixed, what pairs make, and the gradients of B and C.
  void unmix(const Chunk& chunk, const Heads& heads) {
    score(s_, in_, chunk, heads.group, scores_);
    const long first = heads.first;
    const UnmixSsd<S> kernel{steps_,
                             {chunk.first, chunk.count, first, heads.count},
                             plain(scores_),
                             plain(products_) + first * square_,
                             plain(mixed_) + first * square_,
                             d_scores_parts_,
                             rows_ + first * s_.chunk,
                             columns_ + first * s_.chunk};
    launch(kernel.blocks(), kernel);
    launch(ceil_divide(chunk.count * s_.chunk, AddSsdScores<S>::kThreads),
           AddSsdScores<S>{UnmixSsd<S>::slices(heads.count), chunk.count, s_.chunk, d_scores_parts_,
                           plain(d_scores_)});
    const Matrix<const OnDevice<S>> d_scores{d_scores_, s_.chunk};
    multiply(chunk.count, s_.states, chunk.count, 1, d_scores,
             group_of(s_, chunk, heads.group, in_.b), 0, group_of(s_, chunk, heads.group, out_.c));
    multiply(chunk.count, s_.states, chunk.count, 1, transposed(d_scores),
             group_of(s_, chunk, heads.group, in_.c), 0, group_of(s_, chunk, heads.group, out_.b));
  }

  const SsdShape& s_;
  const SsdInput<OnDevice<S>>& in_;
  const OnDevice<S>* dy_;
  const SsdGradients<OnDevice<S>>& out_;
  const long square_, bands_, slices_;
  Room room_;
  const SsdSteps steps_;
  OnDevice<float>* const scores_;    // [Q, Q] of a group
  OnDevice<float>* const products_;  // [H, Q, Q]
  OnDevice<S>* const mixed_;         // [H, Q, Q]
  float* const d_scores_parts_;
  OnDevice<S>* const d_scores_;  // [Q, Q] of a group
  float* const rows_;
  float* const columns_;
};

// d_matrix (of B or C) += rows [tokens, H, P] times states [chunks, H, P, N].
template <class S>
void add_to_matrix(const SsdShape& s, const OnDevice<S>* rows, const OnDevice<S>* states,
                   OnDevice<S>* d_matrix) {
  for_each_run(s, [&](const ChunkRun& run) {
    for_each_heads(s, s.heads, [&](const Heads& heads) {
      multiply(run.first.count, s.states, heads.count * s.width, 1,
               y_of(s, run.first, heads.first, rows),
               state_of(s, run.first.index, heads.first, states), 1,
               group_of(s, run.first, heads.group, d_matrix),
               {run.chunks, chunk_step(s, s.heads * s.width), s.state_size(),
                chunk_step(s, s.matrix_stride)});
    });
  });
}

// What states know.
template <class S>
class Finish {
 public:
  Finish(const SsdShape& s, const SsdInput<OnDevice<S>>& in, const SsdBackward<OnDevice<S>>& back,
         const SsdGradients<OnDevice<S>>& out)
      : s_(s),
        in_(in),
        back_(back),
        out_(out),
        inner_(s.heads * s.width),
        room_(sums_bytes(s) + 2 * ProductStates<S>::bytes(s) +
              3 * Room::bytes<S>(s.tokens * inner_) + 4 * Room::bytes<float>(s.tokens * s.heads) +
              3 * Room::bytes<float>(s.chunks() * s.heads)),
        steps_(steps_of(s, in, room_)),
        before_(s, const_cast<OnDevice<float>*>(back.states), room_),  // only read
        after_(s, back.d_states + s.state_size(), room_),
        seen_(room_.take<OnDevice<S>>(s.tokens * inner_)),
        remaining_(room_.take<OnDevice<S>>(s.tokens * inner_)),
        weighted_(room_.take<OnDevice<S>>(s.tokens * inner_)),
        sums_{take_sums(), take_sums(), take_sums(), take_sums()},
        dots_(room_.take<float>(s.chunks() * s.heads)),
        d_rates_(room_.take<float>(s.chunks() * s.heads)),
        d_d_(room_.take<float>(s.chunks() * s.heads)) {}

  void run() {
    pass_states</*kExchange=*/true>(steps_, /*backward=*/true, plain(back_.d_final),
                                    plain(back_.d_states), after_.rounded);
    if (before_.rounded != nullptr) round_states();
    see_states<S>(s_, in_.c, before_.data, seen_);
    see_states<S>(s_, in_.b, after_.data, remaining_);
    scale_rows<SsdFactor::kSinceStart>(steps_, back_.dy, inner_, weighted_);
    add_to_matrix<S>(s_, weighted_, before_.data, out_.c);
    scale_rows<SsdFactor::kStepsUntilEnd>(steps_, in_.x, s_.input_stride, weighted_);
    add_to_matrix<S>(s_, weighted_, after_.data, out_.b);
    settle();
    add_heads();
  }

 private:
  float* take_sums() { return room_.template take<float>(s_.tokens * s_.heads); }

  void round_states() {
    const long count = s_.chunks() * s_.state_size();
    launch(ceil_divide(count, RoundSsdStates<S>::kThreads),
           RoundSsdStates<S>{count, plain(back_.states), before_.rounded});
  }

  void settle() {
    const S* const x = plain(in_.x);
    const S* const dy = plain(back_.dy);
    S* const dx = plain(out_.x);
    by_packs<S>(divides<S>(s_.width, s_.input_stride) && is_aligned(x, dy, dx), [&](auto wide) {
      const SettleSsd<S, wide> kernel{steps_,       plain(in_.d),      x,  dy,
                                      plain(seen_), plain(remaining_), dx, sums_};
      launch(kernel.blocks(), kernel);
    });
    const float* const states = plain(back_.states);
    const float* const d_states = plain(back_.d_states);
    by_packs<float>(
        divides<float>(s_.width * s_.states) && is_aligned(states, d_states), [&](auto wide) {
          launch(s_.chunks() * s_.heads, SsdStateDots<wide>{steps_, states, d_states, dots_});
        });
  }

  void add_heads() {
    const CrossSsd kernel{steps_, sums_, dots_, plain(out_.dt), d_rates_, d_d_};
    launch(kernel.blocks(), kernel);
    launch(ceil_divide(s_.heads, AddSsdHeads::kThreads),
           AddSsdHeads{steps_, s_.chunks(), d_rates_, d_d_, plain(out_.a_log), plain(out_.d)});
  }

  const SsdShape& s_;
  const SsdInput<OnDevice<S>>& in_;
  const SsdBackward<OnDevice<S>>& back_;
  const SsdGradients<OnDevice<S>>& out_;
  const long inner_;  // HP
  Room room_;
  const SsdSteps steps_;
  const ProductStates<S> before_;  // each chunk
  const ProductStates<S> after_;   // gradients
  OnDevice<S>* const seen_;        // [tokens, H, P]
  OnDevice<S>* const remaining_;   // the same
  OnDevice<S>* const weighted_;    // the same
  const SsdRowSums sums_;
  float* const dots_;  // [chunks, H]
  float* const d_rates_;
  float* const d_d_;
};

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                               \
  template <>                                                                             \
  void ssd_backward_states(const SsdShape& s, const SsdInput<OnDevice<S>>& in,            \
                           const OnDevice<S>* dy, OnDevice<float>* d_states) {            \
    find_d_states(s, in, dy, d_states);                                                   \
  }                                                                                       \
  template <>                                                                             \
  void ssd_backward_inside(const SsdShape& s, const SsdInput<OnDevice<S>>& in,            \
                           const OnDevice<S>* dy, const SsdGradients<OnDevice<S>>& out) { \
    clear_unused(s, out);                                                                 \
    Inside<S> inside(s, in, dy, out);                                                     \
    for (long index = 0; index < s.chunks(); ++index) inside.run(chunk_of(s, index));     \
  }                                                                                       \
  template <>                                                                             \
  void ssd_backward_finish(const SsdShape& s, const SsdInput<OnDevice<S>>& in,            \
                           const SsdBackward<OnDevice<S>>& back,                          \
                           const SsdGradients<OnDevice<S>>& out) {                        \
    Finish<S>(s, in, back, out).run();                                                    \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
