#include "train/kernels/convolution.h"

#include <algorithm>
#include <vector>

#include "train/kernels/vectors.h"

namespace tutti::train {
namespace {

constexpr long kTile = 128;  // channels whose sums stay in the cache

// Rows of tokens; before the first those of the halo, and zeros where there are none.
template <class T>
class Rows {
 public:
  Rows(const ConvolutionShape& shape, const T* first, const T* halo, long stride)
      : shape_(shape), first_(first), halo_(halo), stride_(stride), zeros_(shape.channels) {}

  const T* at(long token) const {
    if (token >= 0 && token < shape_.tokens) return first_ + token * stride_;
    if (token >= 0 || halo_ == nullptr) return zeros_.data();
    return halo_ + (token + shape_.taps - 1) * shape_.channels;
  }

 private:
  const ConvolutionShape& shape_;
  const T* first_;
  const T* halo_;
  long stride_;
  std::vector<T> zeros_;
};

// Taps go four at a time, what is missing to a multiple of four with weights of zero.
constexpr long kTaps = 4;
long padded(long taps) { return (taps + kTaps - 1) / kTaps * kTaps; }

// [padded taps, channels], so that neighbours in memory are neighbours in a vector.
template <class T>
std::vector<T> turned(const ConvolutionShape& s, const T* w) {
  std::vector<T> turned(padded(s.taps) * s.channels);
  for (long c = 0; c < s.channels; ++c) {
    for (long k = 0; k < s.taps; ++k) turned[k * s.channels + c] = w[c * s.taps + k];
  }
  return turned;
}

// sums += w_0 row(first) + w_1 row(first + step) + …, of `count` channels; `w` turned.
template <class T>
TUTTI_INLINED void filter(const ConvolutionShape& s, const Rows<T>& rows, long first, long step,
                          long channel, long count, const T* w, T* sums) {
  for (long k = 0; k < s.taps; k += kTaps, w += kTaps * s.channels) {
    const auto row = [&](long tap) {
      return rows.at(first + step * std::min(k + tap, s.taps - 1)) + channel;
    };
    const auto weights = [&](long tap) { return w + tap * s.channels + channel; };
    const T *r0 = row(0), *r1 = row(1), *r2 = row(2), *r3 = row(3);
    const T *w0 = weights(0), *w1 = weights(1), *w2 = weights(2), *w3 = weights(3);
#pragma GCC ivdep
    for (long i = 0; i < count; ++i) {
      sums[i] += w0[i] * r0[i] + w1[i] * r1[i] + w2[i] * r2[i] + w3[i] * r3[i];
    }
  }
}

// What silu gets of a token: b + what some of its channels see.
template <class T>
TUTTI_INLINED void look_back(const ConvolutionShape& s, const Rows<T>& x, long token, long channel,
                             long count, const T* w, const T* b, T* sums) {
  for (long i = 0; i < count; ++i) sums[i] = b == nullptr ? T{0} : b[channel + i];
  filter(s, x, token - (s.taps - 1), 1, channel, count, w, sums);
}

template <class T>
TUTTI_INLINED void forward(const ConvolutionShape& s, const Rows<T>& x, const T* w, const T* b,
                           T* y) {
  T sums[kTile];
  for (long t = 0; t < s.tokens; ++t, y += s.output_stride) {
    for (long c = 0; c < s.channels; c += kTile) {
      const long count = std::min(kTile, s.channels - c);
      look_back(s, x, t, c, count, w, b, sums);
#pragma GCC ivdep
      for (long i = 0; i < count; ++i) y[c + i] = sums[i] / (1 + exponential(-sums[i]));
    }
  }
}

// A token's dy becomes the gradient before silu.
template <class T>
TUTTI_INLINED void back_through_silu(const ConvolutionShape& s, const Rows<T>& x, long token,
                                     const T* w, const T* b, T* dy) {
  T sums[kTile];
  for (long c = 0; c < s.channels; c += kTile) {
    const long count = std::min(kTile, s.channels - c);
    look_back(s, x, token, c, count, w, b, sums);
#pragma GCC ivdep
    for (long i = 0; i < count; ++i) {
      const T share = 1 / (1 + exponential(-sums[i]));
      dy[c + i] *= share * (1 + sums[i] * (1 - share));
    }
  }
}

// dx_s = sum_k w_k dy_{s+(K-1)-k}
template <class T>
TUTTI_INLINED void look_ahead(const ConvolutionShape& s, const Rows<T>& dy, long token, const T* w,
                              T* dx) {
  std::fill_n(dx, s.channels, T{0});
  filter(s, dy, token + (s.taps - 1), -1, 0, s.channels, w, dx);
}

// A row of dx is complete taps - 1 tokens later: everything is still in the cache then.
template <class T>
TUTTI_INLINED void backward_input(const ConvolutionShape& s, const Rows<T>& x, const T* w,
                                  const T* b, T* dy, T* dx, T* d_halo) {
  const long before = s.taps - 1;
  const Rows<T> gradients(s, dy, nullptr, s.output_stride);
  for (long t = 0; t < s.tokens + before; ++t) {
    if (t < s.tokens) back_through_silu(s, x, t, w, b, dy + t * s.output_stride);
    const long done = t - before;
    if (done >= 0) look_ahead(s, gradients, done, w, dx + done * s.input_stride);
  }
  if (d_halo == nullptr) return;
  for (long k = 0; k < before; ++k) {
    look_ahead(s, gradients, k - before, w, d_halo + k * s.channels);
  }
}

template <class T>
TUTTI_INLINED void backward_weight(const ConvolutionShape& s, const Rows<T>& x, const T* dy, T* dw,
                                   T* db) {
  std::vector<T> sums((s.taps + 1) * kTile);  // the last of db
  for (long c = 0; c < s.channels; c += kTile) {
    const long count = std::min(kTile, s.channels - c);
    std::fill(sums.begin(), sums.end(), T{0});
    for (long t = 0; t < s.tokens; ++t) {
      const T* gradient = dy + t * s.output_stride + c;
      for (long k = 0; k < s.taps; ++k) {
        const T* row = x.at(t - (s.taps - 1) + k) + c;
        T* sum = sums.data() + k * kTile;
#pragma GCC ivdep
        for (long i = 0; i < count; ++i) sum[i] += gradient[i] * row[i];
      }
      T* sum = sums.data() + s.taps * kTile;
#pragma GCC ivdep
      for (long i = 0; i < count; ++i) sum[i] += gradient[i];
    }
    for (long i = 0; i < count; ++i) {
      for (long k = 0; k < s.taps; ++k) dw[(c + i) * s.taps + k] += sums[k * kTile + i];
      if (db != nullptr) db[c + i] += sums[s.taps * kTile + i];
    }
  }
}

#define TUTTI_TRANSLATE(T)                                                                         \
  TUTTI_VECTORS void run_forward(const ConvolutionShape& s, const Rows<T>& x, const T* w,          \
                                 const T* b, T* y) {                                               \
    forward(s, x, w, b, y);                                                                        \
  }                                                                                                \
  TUTTI_VECTORS void run_backward_input(const ConvolutionShape& s, const Rows<T>& x, const T* w,   \
                                        const T* b, T* dy, T* dx, T* d_halo) {                     \
    backward_input(s, x, w, b, dy, dx, d_halo);                                                    \
  }                                                                                                \
  TUTTI_VECTORS void run_backward_weight(const ConvolutionShape& s, const Rows<T>& x, const T* dy, \
                                         T* dw, T* db) {                                           \
    backward_weight(s, x, dy, dw, db);                                                             \
  }
TUTTI_TRANSLATE(float)
TUTTI_TRANSLATE(double)
#undef TUTTI_TRANSLATE

}  // namespace

template <class T>
void convolve(const ConvolutionShape& s, const T* x, const T* halo, const T* w, const T* b, T* y) {
  run_forward(s, Rows<T>(s, x, halo, s.input_stride), turned(s, w).data(), b, y);
}

template <class T>
void convolve_backward_input(const ConvolutionShape& s, const ConvolutionInput<T>& input, T* dy,
                             T* dx, T* d_halo) {
  run_backward_input(s, Rows<T>(s, input.x, input.halo, s.input_stride), turned(s, input.w).data(),
                     input.b, dy, dx, d_halo);
}

template <class T>
void convolve_backward_weight(const ConvolutionShape& s, const T* dy, const T* x, const T* halo,
                              Precise<T>* dw, Precise<T>* db) {
  run_backward_weight(s, Rows<T>(s, x, halo, s.input_stride), dy, dw, db);
}

#define TUTTI_INSTANTIATE(T)                                                                     \
  template void convolve(const ConvolutionShape&, const T*, const T*, const T*, const T*, T*);   \
  template void convolve_backward_input(const ConvolutionShape&, const ConvolutionInput<T>&, T*, \
                                        T*, T*);                                                 \
  template void convolve_backward_weight(const ConvolutionShape&, const T*, const T*, const T*,  \
                                         T*, T*);
TUTTI_INSTANTIATE(float)
TUTTI_INSTANTIATE(double)
#undef TUTTI_INSTANTIATE

}  // namespace tutti::train
