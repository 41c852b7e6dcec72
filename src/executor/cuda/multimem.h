// Memory of several GPUs at once, through NVSwitch: a load answers the sum of what all of them hold
// at a place, a store writes to all of them.
//
// For packs of 16 bytes of the floats that the switch adds: fp32, and fp16 and bf16, added with the
// precision of fp32 and rounded once. In which order it adds is the switch's to choose; devices
// made of threads add in the order of their identifiers. Other instructions must not touch the
// address.
//
// The memory of a GPU is known by its own address too, to the GPU as another way (proxy) to the
// same place. What goes one way and then the other is ordered by fence_ways() between them, on top
// of whatever orders them for one way.
//
// PTX ISA, "multimem.ld_reduce, multimem.st, multimem.red", "Proxies" and "membar, fence".
// Tested by cuda_multicast_test.cc.

#pragma once

#include <cstddef>

#include "executor/cuda/block.h"
#include "executor/cuda/elements.h"
#include "executor/cuda/packs.h"
#include "tutti/types.h"

#ifndef __CUDACC__
#include "device/thread_multicast.h"
#endif

namespace tutti::cuda {

constexpr bool is_added_by_switch(DataType type) {
  return type == DataType::kFloat32 || type == DataType::kFloat16 || type == DataType::kBfloat16;
}

#ifdef __CUDACC__

// Orders nothing; meetings do (meeting.h).
template <DataType kType>
TUTTI_DEVICE Pack<16> load_sum(const std::byte* all, std::size_t at) {
  static_assert(is_added_by_switch(kType));
  Pack<16> sum;
  std::uint32_t(&w)[4] = sum.words;
  if constexpr (kType == DataType::kFloat32) {
    asm volatile("multimem.ld_reduce.relaxed.sys.global.add.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(w[0]), "=r"(w[1]), "=r"(w[2]), "=r"(w[3])
                 : "l"(all + at)
                 : "memory");
  } else if constexpr (kType == DataType::kFloat16) {
    asm volatile(
        "multimem.ld_reduce.relaxed.sys.global.add.acc::f32.v4.f16x2 {%0, %1, %2, %3}, [%4];"
        : "=r"(w[0]), "=r"(w[1]), "=r"(w[2]), "=r"(w[3])
        : "l"(all + at)
        : "memory");
  } else {
    asm volatile(
        "multimem.ld_reduce.relaxed.sys.global.add.acc::f32.v4.bf16x2 {%0, %1, %2, %3}, [%4];"
        : "=r"(w[0]), "=r"(w[1]), "=r"(w[2]), "=r"(w[3])
        : "l"(all + at)
        : "memory");
  }
  return sum;
}

// Of any type: bits are stored as they are.
TUTTI_DEVICE void store_to_all(std::byte* all, std::size_t at, const Pack<16>& pack) {
  const std::uint32_t(&w)[4] = pack.words;
  asm volatile("multimem.st.relaxed.sys.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(all + at),
               "r"(w[0]), "r"(w[1]), "r"(w[2]), "r"(w[3])
               : "memory");
}

TUTTI_DEVICE void fence_ways() { asm volatile("fence.proxy.alias;" ::: "memory"); }

#else

template <DataType kType>
Pack<16> load_sum(const std::byte* all, std::size_t at) {
  const auto& members = *reinterpret_cast<const ThreadMulticastMembers*>(all);
  auto total = Elements<kType, 16>::of(load_pack<16>(members.memory[0] + at));
  for (int member = 1; member < members.count; ++member) {
    const auto next = Elements<kType, 16>::of(load_pack<16>(members.memory[member] + at));
    for (int i = 0; i < next.kCount; ++i) total.values[i] += next.values[i];
  }
  return total.pack();
}

inline void store_to_all(std::byte* all, std::size_t at, const Pack<16>& pack) {
  const auto& members = *reinterpret_cast<const ThreadMulticastMembers*>(all);
  for (int member = 0; member < members.count; ++member) {
    store_pack(members.memory[member] + at, pack);
  }
}

inline void fence_ways() {}

#endif

}  // namespace tutti::cuda
