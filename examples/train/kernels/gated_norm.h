// The end of a Mamba block: v = y silu(z), and for Mamba-2 a norm of v, each group of columns by
// itself: o = v r w, r = (mean(v²) + epsilon)^(-1/2).
//
// Sums over a group stand apart from their use, so that ranks that have parts of a group can add
// them up in between. Tested by train_mamba_kernels_test.cc.

#pragma once

#include "train/element.h"

namespace tutti::train {

struct GateShape {
  long tokens = 0;
  long width = 0;
  long z_stride = 0;  // elements from a token's z (and dz) to the next token's
};

/// v [tokens, width] = y silu(z)
template <class T>
void gate(const GateShape& shape, const T* y, const T* z, T* v);
/// dy = …, dz = …; dy may be dv itself.
template <class T>
void gate_backward(const GateShape& shape, const T* dv, const T* y, const T* z, T* dy, T* dz);

struct GroupNormShape {
  long tokens = 0;
  long groups = 0;       // that this rank has, or has a part of
  long width = 0;        // of a group here
  long whole_width = 0;  // of a group on all ranks together
  double epsilon = 0;
};

/// squares [tokens, groups] = sums of v² of the columns here.
template <class T>
void group_norm_squares(const GroupNormShape& shape, const T* v, Precise<T>* squares);
/// o [tokens, groups, width]; `squares` of whole groups become r. w [groups, width].
template <class T>
void group_norm(const GroupNormShape& shape, const T* v, const T* w, Precise<T>* squares, T* o);

/// sums [tokens, groups] = sums of do w v of the columns here.
template <class T>
void group_norm_backward_sums(const GroupNormShape& shape, const T* d_o, const T* v, const T* w,
                              Precise<T>* sums);

/// As group_norm() took and left them, and `sums` of whole groups.
template <class T>
struct GroupNormBackward {
  const T* d_o = nullptr;
  const T* v = nullptr;
  const T* w = nullptr;
  const Precise<T>* r = nullptr;
  const Precise<T>* sums = nullptr;
};

/// dv = …; it may be d_o itself.
template <class T>
void group_norm_backward_input(const GroupNormShape& shape, const GroupNormBackward<T>& backward,
                               T* dv);
/// dw += …
template <class T>
void group_norm_backward_weight(const GroupNormShape& shape, const T* d_o, const T* v,
                                const Precise<T>* r, Precise<T>* dw);

}  // namespace tutti::train
