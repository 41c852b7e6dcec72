#include "train/kernels/device/selective_scan.h"

#include <algorithm>

#include "train/array.h"
#include "train/kernels/device/column_sums.h"
#include "train/kernels/device/room.h"
#include "train/kernels/device/selective_scan_backward.h"

namespace tutti::train {
namespace {

template <class S>
ScanData<S> data_of(const ScanShape& s, const ScanInput<OnDevice<S>>& in) {
  return {s, plain(in.x), plain(in.delta), plain(in.b), plain(in.c), plain(in.a_log), plain(in.d)};
}

template <class S, class... Addresses>
bool has_packs(const ScanData<S>& data, const Addresses*... addresses) {
  return divides<S>(data.shape.channels, data.shape.input_stride) &&
         is_aligned(data.x, data.delta, addresses...);
}

template <ScanPass kPass, class S>
void run_chunks(const ScanData<S>& data, float* states, float* sums, S* y) {
  by_packs<S>(has_packs(data, y), [&](auto wide) {
    using Kernel = ScanChunk<S, wide, kPass>;
    launch(data.shape.chunks() * Kernel::Piece::tiles(data.shape), Kernel{data, states, sums, y});
  });
}

template <class Kernel>
void launch_for_states(const ScanShape& s, const Kernel& kernel) {
  launch(ceil_divide(s.state_size(), Kernel::kThreads), kernel);
}

// What chunks make of zero, passed on from `from` (null: zeros): states [chunks + 1, D, N].
template <class S>
void pass_states(const ScanData<S>& data, const float* from, float* states, float* sums) {
  const ScanShape& s = data.shape;
  run_chunks<ScanPass::kParts, S>(data, states + s.state_size(), sums, nullptr);
  launch_for_states(s, PassScanStates<S>{data, s.chunks(), false, from, sums, states});
}
// The same of gradients, backwards.
template <class S>
void pass_gradients(const ScanData<S>& data, const S* dy, const float* from, float* states,
                    float* sums) {
  const ScanShape& s = data.shape;
  run_chunks<ScanPass::kBackwardParts, S>(data, states, sums, const_cast<S*>(dy));  // only read
  launch_for_states(s, PassScanStates<S>{data, s.chunks(), true, from, sums, states});
}

// Where states and the sums of chunks are meanwhile.
struct ChunkRoom {
  float* states;  // [chunks + 1, D, N]
  float* sums;    // [chunks, D]

  ChunkRoom(const ScanShape& s, Room& room)
      : states(room.take<float>((s.chunks() + 1) * s.state_size())),
        sums(room.take<float>(s.chunks() * s.channels)) {}
  static std::size_t bytes(const ScanShape& s) {
    return Room::bytes<float>((s.chunks() + 1) * s.state_size()) +
           Room::bytes<float>(s.chunks() * s.channels);
  }
};

template <class S>
void final_state(const ScanData<S>& data, OnDevice<float>* final, float* log_decay) {
  const ScanShape& s = data.shape;
  Room room(ChunkRoom::bytes(s));
  const ChunkRoom chunks(s, room);
  pass_states(data, nullptr, chunks.states, chunks.sums);
  accelerator().copy(final, chunks.states + s.chunks() * s.state_size(),
                     static_cast<std::size_t>(s.state_size()) * sizeof(float));
  launch_for_states(s, ScanDecays<S>{data, s.chunks(), chunks.sums, log_decay});
}

template <class S>
void forward(const ScanData<S>& data, const float* initial, S* y, float* states) {
  const ScanShape& s = data.shape;
  Room room(Room::bytes<float>(s.chunks() * s.channels));
  auto* const sums = room.take<float>(s.chunks() * s.channels);
  pass_states(data, initial, states, sums);
  run_chunks<ScanPass::kOutput>(data, states, nullptr, y);
}

template <class S>
void backward_state(const ScanData<S>& data, const S* dy, OnDevice<float>* d_initial) {
  const ScanShape& s = data.shape;
  Room room(ChunkRoom::bytes(s));
  const ChunkRoom chunks(s, room);
  pass_gradients(data, dy, nullptr, chunks.states, chunks.sums);
  accelerator().copy(d_initial, chunks.states,
                     static_cast<std::size_t>(s.state_size()) * sizeof(float));
}

// Enough blocks for any device.
long slices_of(const ScanShape& s) {
  constexpr long kBlocks = 1024;
  return std::clamp(kBlocks / s.chunks(), 1L, ScanPiece<32>::tiles(s));
}

template <class S>
void backward(const ScanData<S>& data, const ScanBackward<OnDevice<S>>& back,
              const ScanGradients<OnDevice<S>>& out, OnDevice<float>* d_initial) {
  const ScanShape& s = data.shape;
  const long slices = slices_of(s);
  const long of_matrices = slices * s.tokens * 2 * s.states;
  const long of_rates = s.chunks() * s.state_size();
  const long of_d = s.chunks() * s.channels;
  Room room(ChunkRoom::bytes(s) + Room::bytes<float>(of_matrices) + Room::bytes<float>(of_rates) +
            Room::bytes<float>(of_d));
  const ChunkRoom chunks(s, room);
  auto* const d_matrices = room.take<float>(of_matrices);
  auto* const d_rates = room.take<float>(of_rates);
  auto* const d_d = room.take<float>(of_d);
  const S* const dy = plain(back.dy);
  S* const dx = plain(out.x);
  float* const d_delta = plain(out.delta);
  pass_gradients(data, dy, plain(back.d_final), chunks.states, chunks.sums);
  accelerator().copy(d_initial, chunks.states,
                     static_cast<std::size_t>(s.state_size()) * sizeof(float));
  by_packs<S>(has_packs(data, dy), [&](auto wide) {
    launch(s.chunks() * slices,
           ScanBackwardChunk<S, wide>{data, slices, dy, plain(back.states), chunks.states, dx,
                                      d_delta, d_matrices, d_rates, d_d});
  });
  launch(ceil_divide(s.tokens * 2 * s.states, AddScanMatrices<S>::kThreads),
         AddScanMatrices<S>{s, slices, d_matrices, plain(out.b), plain(out.c)});
  launch_for_states(s, AddScanRates<S>{data, s.chunks(), d_rates, plain(out.a_log)});
  launch(ceil_divide(s.channels, AddParts::kThreads),
         AddParts{s.chunks(), s.channels, d_d, plain(out.d)});
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                                        \
  template <>                                                                                      \
  void scan_state(const ScanShape& s, const ScanInput<OnDevice<S>>& in, OnDevice<float>* final,    \
                  OnDevice<float>* log_decay) {                                                    \
    final_state(data_of(s, in), final, plain(log_decay));                                          \
  }                                                                                                \
  template <>                                                                                      \
  void scan(const ScanShape& s, const ScanInput<OnDevice<S>>& in, const OnDevice<float>* initial,  \
            OnDevice<S>* y, OnDevice<float>* states) {                                             \
    forward(data_of(s, in), plain(initial), plain(y), plain(states));                              \
  }                                                                                                \
  template <>                                                                                      \
  void scan_backward_state(const ScanShape& s, const ScanInput<OnDevice<S>>& in,                   \
                           const OnDevice<S>* dy, OnDevice<float>* d_initial) {                    \
    backward_state(data_of(s, in), plain(dy), d_initial);                                          \
  }                                                                                                \
  template <>                                                                                      \
  void scan_backward(const ScanShape& s, const ScanInput<OnDevice<S>>& in,                         \
                     const ScanBackward<OnDevice<S>>& back, const ScanGradients<OnDevice<S>>& out, \
                     OnDevice<float>* d_initial) {                                                 \
    backward(data_of(s, in), back, out, d_initial);                                                \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
