// SwiGLU: a = silu(g) u. Gate and up lie side by side in a row: [g | u], as one product makes them.
//
// Shazeer, "GLU Variants Improve Transformer", 2020. Tested by train_kernels_test.cc.

#pragma once

namespace tutti::train {

/// gate_up [tokens, 2 width], a [tokens, width].
template <class T>
void swiglu(long tokens, long width, const T* gate_up, T* a);
/// d_gate_up = what da makes of it; may be gate_up itself.
template <class T>
void swiglu_backward(long tokens, long width, const T* da, const T* gate_up, T* d_gate_up);

}  // namespace tutti::train
