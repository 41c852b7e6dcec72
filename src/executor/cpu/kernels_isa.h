// The kernels of each instruction set, as kernels.cc chooses among them.
//
// Null means that the pair has no kernel. Only kernels_<isa>.cc files, which are compiled for their
// processor, are behind these; nothing here may be called on a lesser one.

#pragma once

#include <cstddef>

#include "executor/cpu/kernels.h"

namespace tutti {

/// target[i] = factor * source[i].
using ScaleKernel = void (*)(const std::byte* source, std::byte* target, std::size_t count,
                             double factor);

Kernel portable_kernel(DataType type, Reduction reduction);
ScaleKernel portable_scale(DataType type);

#if defined(__x86_64__)
Kernel avx2_kernel(DataType type, Reduction reduction);
ScaleKernel avx2_scale(DataType type);

Kernel avx512_kernel(DataType type, Reduction reduction);
ScaleKernel avx512_scale(DataType type);

/// For kBfloat16, on processors that also have AVX512_BF16.
Kernel avx512_bf16_kernel(Reduction reduction);
ScaleKernel avx512_bf16_scale();
#endif

}  // namespace tutti
