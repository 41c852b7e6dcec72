#include "train/kernels/device/convolution.h"

namespace tutti::train {
namespace {

template <class S>
TokenRows<S> rows_of(const ConvolutionShape& s, const S* first, const S* halo, long stride) {
  return {first, halo, stride, s.tokens, s.channels, s.taps - 1};
}

template <class S, int kWide, bool kBackward>
void convolve_tiles(const ConvolutionShape& s, const TokenRows<S>& x, const S* w, const S* b,
                    S* y) {
  launch(ConvolutionTile<kWide>::count(s.tokens, s.channels),
         Convolve<S, kWide, kBackward>{{w, b, s.taps, s.channels}, x, y, s.output_stride});
}

template <class S, class... Addresses>
bool has_packs(const ConvolutionShape& s, const Addresses*... addresses) {
  return divides<S>(s.channels, s.input_stride, s.output_stride) && is_aligned(addresses...);
}

template <class S>
void forward(const ConvolutionShape& s, const S* x, const S* halo, const S* w, const S* b, S* y) {
  const TokenRows<S> rows = rows_of(s, x, halo, s.input_stride);
  by_packs<S>(has_packs<S>(s, x, halo, y),
              [&](auto wide) { convolve_tiles<S, wide, /*kBackward=*/false>(s, rows, w, b, y); });
}

template <class S>
void backward_input(const ConvolutionShape& s, const ConvolutionInput<OnDevice<S>>& in, S* dy,
                    S* dx, S* d_halo) {
  const S* const w = plain(in.w);
  const TokenRows<S> x = rows_of(s, plain(in.x), plain(in.halo), s.input_stride);
  by_packs<S>(has_packs<S>(s, x.first, x.halo, dy, dx, d_halo), [&](auto wide) {
    convolve_tiles<S, wide, /*kBackward=*/true>(s, x, w, plain(in.b), dy);
    const S* const no_halo = nullptr;
    const ConvolveBackward<S, wide> kernel{{w, nullptr, s.taps, s.channels},
                                           rows_of<S>(s, dy, no_halo, s.output_stride),
                                           dx,
                                           s.input_stride,
                                           d_halo};
    launch(ConvolutionTile<wide>::count(kernel.rows(), s.channels), kernel);
  });
}

template <class S>
void backward_weight(const ConvolutionShape& s, const S* dy, const S* x, const S* halo, float* dw,
                     float* db) {
  by_packs<S>(has_packs<S>(s, dy, x, halo), [&](auto wide) {
    using Kernel = ConvolutionWeightParts<S, wide>;
    const long tiles = Kernel::tiles(s.tokens);
    const long count = (s.taps + 1) * s.channels;
    auto* parts = static_cast<float*>(
        accelerator().room(static_cast<std::size_t>(tiles * count) * sizeof(float)));
    const Kernel kernel{rows_of(s, x, halo, s.input_stride), dy, s.output_stride, parts};
    launch(tiles * kernel.across(), kernel);
    launch(ceil_divide(count, AddConvolutionWeights::kThreads),
           AddConvolutionWeights{tiles, s.taps, s.channels, parts, dw, db});
  });
}

}  // namespace

#define TUTTI_ON_DEVICES(S)                                                                        \
  template <>                                                                                      \
  void convolve(const ConvolutionShape& s, const OnDevice<S>* x, const OnDevice<S>* halo,          \
                const OnDevice<S>* w, const OnDevice<S>* b, OnDevice<S>* y) {                      \
    forward(s, plain(x), plain(halo), plain(w), plain(b), plain(y));                               \
  }                                                                                                \
  template <>                                                                                      \
  void convolve_backward_input(const ConvolutionShape& s, const ConvolutionInput<OnDevice<S>>& in, \
                               OnDevice<S>* dy, OnDevice<S>* dx, OnDevice<S>* d_halo) {            \
    backward_input(s, in, plain(dy), plain(dx), plain(d_halo));                                    \
  }                                                                                                \
  template <>                                                                                      \
  void convolve_backward_weight(const ConvolutionShape& s, const OnDevice<S>* dy,                  \
                                const OnDevice<S>* x, const OnDevice<S>* halo,                     \
                                OnDevice<float>* dw, OnDevice<float>* db) {                        \
    backward_weight(s, plain(dy), plain(x), plain(halo), plain(dw), plain(db));                    \
  }
TUTTI_ON_DEVICES(float)
TUTTI_ON_DEVICES(Bf16)
#undef TUTTI_ON_DEVICES

}  // namespace tutti::train
