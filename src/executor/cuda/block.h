// A block of threads that works together: on a GPU what CUDA calls so, on the CPU one thread.
//
// Kernels are written in terms of a block: what is done for each element, what is done once, where
// all threads meet. The same lines are compiled by nvcc for GPUs, and by the C++ compiler for
// ThreadDevice, where a block is a thread that does it all in turn: there the step logic and the
// flags between ranks run under the tests and ThreadSanitizer.
//
// Tested by cuda_kernels_test.cc.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

#ifdef __CUDACC__
#define TUTTI_DEVICE __device__ __forceinline__
// A variable of the block: one for all its threads.
#define TUTTI_SHARED(type, name) __shared__ type name
// The loop that follows becomes straight lines, so that what it indexes lies in registers.
#define TUTTI_UNROLL _Pragma("unroll")
// The loop that follows stays one: left to itself, nvcc writes everything four times.
#define TUTTI_LOOP _Pragma("unroll 1")
#else
#define TUTTI_DEVICE inline
#define TUTTI_SHARED(type, name) type name = {}
#define TUTTI_UNROLL
#define TUTTI_LOOP
#endif

namespace tutti::cuda {

#ifdef __CUDACC__

class Block {
 public:
  TUTTI_DEVICE int index() const { return static_cast<int>(blockIdx.x); }
  TUTTI_DEVICE int count() const { return static_cast<int>(gridDim.x); }
  /// Which of the block's threads this is, and how many there are.
  TUTTI_DEVICE std::size_t thread() const { return threadIdx.x; }
  TUTTI_DEVICE std::size_t threads() const { return blockDim.x; }

  /// f(i) for every i < count, by whichever thread.
  template <class Function>
  TUTTI_DEVICE void each(std::size_t count, Function f) const {
    TUTTI_LOOP
    for (std::size_t i = threadIdx.x; i < count; i += blockDim.x) f(i);
  }

  /// Every thread, at the same place: what any did before is done for all after.
  TUTTI_DEVICE void meet() const { __syncthreads(); }

  /// Whether f(i) was true for every i < count. All threads meet. REQUIRES: count <= threads.
  template <class Function>
  TUTTI_DEVICE bool all(int count, Function f) const {
    const int i = static_cast<int>(threadIdx.x);
    return __syncthreads_and(i >= count || f(i));
  }

  /// Nanoseconds of a clock that only goes forward.
  TUTTI_DEVICE std::uint64_t now() const {
    std::uint64_t now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    return now;
  }
  /// While waiting.
  TUTTI_DEVICE void pause() const {}
};

#else

class Block {
 public:
  Block(int index, int count) : index_(index), count_(count) {}
  int index() const { return index_; }
  int count() const { return count_; }
  std::size_t thread() const { return 0; }
  std::size_t threads() const { return 1; }

  template <class Function>
  void each(std::size_t count, Function f) const {
    for (std::size_t i = 0; i < count; ++i) f(i);
  }

  void meet() const {}

  template <class Function>
  bool all(int count, Function f) const {
    bool all = true;
    for (int i = 0; i < count; ++i) all = f(i) && all;
    return all;
  }

  std::uint64_t now() const {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
  }
  void pause() const { std::this_thread::yield(); }

 private:
  int index_;
  int count_;
};

#endif

}  // namespace tutti::cuda
