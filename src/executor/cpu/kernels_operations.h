// The operations of reductions, on vectors W of `Lane`.
//
// first() is what the first source contributes; apply() takes in another.
// Tested by kernels_test.cc.

#pragma once

#include "executor/cpu/kernels_formats.h"

namespace tutti {

struct KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W first(W a) {
    return a;
  }
};

struct Sum : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    return a + b;
  }
};

struct Prod : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    return a * b;
  }
};

/// Of equal floats, or a NaN and anything, min is the OR of the bits: -0 | +0 is -0, and a NaN's
/// bits with more bits set are a NaN.
template <class W>
TUTTI_INLINE W float_min(W a, W b) {
  using Mask = decltype(a < b);
  return a < b ? a : (b < a ? b : (W)((Mask)a | (Mask)b));
}

struct Min : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    if constexpr (kIsFloat<Lane>) {
      return float_min(a, b);
    } else {
      return a < b ? a : b;
    }
  }
};

struct Max : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    if constexpr (kIsFloat<Lane>) {
      return -float_min(-a, -b);
    } else {
      return a > b ? a : b;
    }
  }
};

struct BitAnd : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    return a & b;
  }
};

struct BitOr : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    return a | b;
  }
};

struct BitXor : KeepFirst {
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    return a ^ b;
  }
};

/// Logical operations are bitwise ones on the truth of lanes; NaN is true.
template <class Bitwise>
struct Logical {
  template <class Lane, class W>
  TUTTI_INLINE W first(W a) {
    return a != W{} ? W{} + Lane{1} : W{};
  }
  template <class Lane, class W>
  TUTTI_INLINE W apply(W a, W b) {
    using Mask = decltype(a != b);
    const Mask truth = Bitwise::template apply<Lane>((Mask)(a != W{}), (Mask)(b != W{}));
    return truth ? W{} + Lane{1} : W{};
  }
};

}  // namespace tutti
