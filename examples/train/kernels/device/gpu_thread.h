// What a thread of a GPU does for tiles on tensor cores: instructions of PTX, which C++ has no
// words for. Addresses are of the block's shared memory, from its first byte. From PTX ISA, "mma",
// "ldmatrix", "cp.async"; tests/support/train/gpu_threads.h does the same on the processor.

#pragma once

#include "train/device/block.h"

#ifdef __CUDACC__

namespace tutti::train {

class GpuThread {
 public:
  TUTTI_ON_DEVICE GpuThread(const Block& block)  // NOLINT
      : block_(block),
        shared_(static_cast<unsigned>(__cvta_generic_to_shared(block.shared<char>()))) {}

  TUTTI_ON_DEVICE int thread() const { return block_.thread(); }
  TUTTI_ON_DEVICE void meet() const { block_.meet(); }
  TUTTI_ON_DEVICE const float* numbers(unsigned at) const {
    return reinterpret_cast<const float*>(block_.shared<char>() + at);
  }

  /// Begins to copy 16 bytes of global memory, aligned to as many, or zeros.
  TUTTI_ON_DEVICE void copy_16(unsigned to, const void* from, bool there) const {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_ + to),
                 "l"(__cvta_generic_to_global(from)), "r"(there ? 16 : 0)
                 : "memory");
  }
  TUTTI_ON_DEVICE void copy_4(unsigned to, const void* from, bool there) const {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_ + to),
                 "l"(__cvta_generic_to_global(from)), "r"(there ? 4 : 0)
                 : "memory");
  }
  /// What this thread began to copy is there.
  TUTTI_ON_DEVICE void arrive() const { asm volatile("cp.async.wait_all;" ::: "memory"); }

  /// Of four matrices of 8 x 8 Bf16: lane 8 m + r says where row r of matrix m is; a lane gets two
  /// numbers of each, those of row lane / 4 from column 2 (lane % 4) on.
  TUTTI_ON_DEVICE void load(unsigned from, unsigned (&to)[4]) const {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_ + from)
                 : "memory");
  }
  /// The same of the matrices transposed.
  TUTTI_ON_DEVICE void load_transposed(unsigned from, unsigned (&to)[4]) const {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_ + from)
                 : "memory");
  }

  /// c += a b: c 16 x 8, a 16 x 16, b 16 x 8. With g = lane / 4 and t = lane % 4, a lane holds
  ///   of c, rows g (c0, c1) and g + 8 (c2, c3), columns 2 t and 2 t + 1
  ///   of a, rows g (a0, a2) and g + 8 (a1, a3), columns 2 t (a0, a1) and 2 t + 8 (a2, a3) and next
  ///   of b, rows 2 t (b0) and 2 t + 8 (b1) and the next, column g
  TUTTI_ON_DEVICE void multiply(const unsigned (&a)[4], unsigned b0, unsigned b1, float& c0,
                                float& c1, float& c2, float& c3) const {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c0), "+f"(c1), "+f"(c2), "+f"(c3)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }

  /// Two Bf16, the first one in the lower half.
  TUTTI_ON_DEVICE unsigned pair(float first, float second) const {
    unsigned both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
    return both;
  }

  /// The lanes of the warp go on together, as load() and multiply() require.
  TUTTI_ON_DEVICE void converge() const { __syncwarp(); }

  /// The same number, but what is computed from it is not kept in registers for later.
  TUTTI_ON_DEVICE unsigned forget(unsigned number) const {
    asm volatile("" : "+r"(number));
    return number;
  }
  TUTTI_ON_DEVICE long forget(long number) const {
    asm volatile("" : "+l"(number));
    return number;
  }

  /// The value of the lane whose number differs in the bits of `apart`.
  TUTTI_ON_DEVICE float of_lane(float value, int apart) const {
    return __shfl_xor_sync(0xffffffffu, value, apart);
  }

 private:
  const Block& block_;
  const unsigned shared_;
};

}  // namespace tutti::train

#endif
