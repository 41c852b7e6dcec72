// A block of threads that works together: on a GPU what CUDA calls so, on the processor one thread
// that does it all in turn. Kernels are written in terms of it, and so compile for both: what they
// do is tested where there is no GPU.
//
// Tested by train_device_test.cc.

#pragma once

#include <algorithm>
#include <cstddef>

#include "train/element.h"

#ifdef __CUDACC__
#define TUTTI_ON_DEVICE __device__ __forceinline__
#else
#define TUTTI_ON_DEVICE inline
#endif

namespace tutti::train {

#ifdef __CUDACC__

class Block {
 public:
  TUTTI_ON_DEVICE long index() const { return blockIdx.x; }
  TUTTI_ON_DEVICE long count() const { return gridDim.x; }
  TUTTI_ON_DEVICE int thread() const { return static_cast<int>(threadIdx.x); }
  TUTTI_ON_DEVICE int threads() const { return static_cast<int>(blockDim.x); }

  /// f(i) for every i < count, by whichever thread of the block.
  template <class Function>
  TUTTI_ON_DEVICE void each(long count, Function f) const {
    for (long i = threadIdx.x; i < count; i += blockDim.x) f(i);
  }
  /// The same, shared by all blocks.
  template <class Function>
  TUTTI_ON_DEVICE void each_of_all(long count, Function f) const {
    const long step = static_cast<long>(gridDim.x) * blockDim.x;
    for (long i = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
      f(i);
    }
  }

  /// Every thread, at the same place: what any did before is done for all after.
  TUTTI_ON_DEVICE void meet() const { __syncthreads(); }

  /// Of all threads' values, in an order that is always the same; all threads meet.
  /// REQUIRES: threads() is a multiple of 32.
  TUTTI_ON_DEVICE float sum(float value) const {
    return together(value, [](float a, float b) { return a + b; });
  }
  TUTTI_ON_DEVICE float most(float value) const {
    return together(value, [](float a, float b) { return a > b ? a : b; });
  }

  /// The kernel's shared_bytes(), aligned to 16.
  template <class S>
  TUTTI_ON_DEVICE S* shared() const {
    extern __shared__ __align__(16) unsigned char memory[];
    return reinterpret_cast<S*>(memory);
  }

 private:
  template <class Combine>
  TUTTI_ON_DEVICE float together(float value, Combine combine) const {
    __shared__ float of_warps[32];
    const int warps = blockDim.x / 32;
    for (int apart = 16; apart > 0; apart /= 2) {
      value = combine(value, __shfl_xor_sync(0xffffffffu, value, apart));
    }
    __syncthreads();  // whoever still reads of an earlier time
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = value;
    __syncthreads();
    value = of_warps[0];
    for (int warp = 1; warp < warps; ++warp) value = combine(value, of_warps[warp]);
    return value;
  }
};

#else

class Block {
 public:
  Block(long index, long count, void* shared) : index_(index), count_(count), shared_(shared) {}
  long index() const { return index_; }
  long count() const { return count_; }
  int thread() const { return 0; }
  int threads() const { return 1; }

  template <class Function>
  void each(long count, Function f) const {
    for (long i = 0; i < count; ++i) f(i);
  }
  template <class Function>
  void each_of_all(long count, Function f) const {
    for (long i = index_ * count / count_; i < (index_ + 1) * count / count_; ++i) f(i);
  }
  void meet() const {}
  float sum(float value) const { return value; }
  float most(float value) const { return value; }
  template <class S>
  S* shared() const {
    return static_cast<S*>(shared_);
  }

 private:
  long index_;
  long count_;
  void* shared_;
};

#endif

}  // namespace tutti::train
