// Flags that ranks raise for each other in memory that they share, and packets, whose words carry
// their own flags.
//
// Between GPUs an access orders others only at system scope, so every access here is of that scope.
// On one GPU a narrower one would seem to work; scripts/check_kernels looks at the code instead.
//
// A packet is two words of 64 bits, each with 32 bits of payload and the flag. A word arrives
// whole, so who finds the flag in both has the payload: no order between words is needed.
//
// PTX ISA, "Memory Consistency Model". Tested by cuda_kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"
#include "transports/cuda_p2p/team.h"

#ifndef __CUDACC__
#include <atomic>
#endif

namespace tutti::cuda {

#ifdef __CUDACC__

/// What the thread did before, and what it has seen others do, is seen by who acquires `value`.
TUTTI_DEVICE void store_release(std::uint32_t* flag, std::uint32_t value) {
  asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(flag), "r"(value) : "memory");
}
/// Pairs with store_release().
TUTTI_DEVICE std::uint32_t load_acquire(const std::uint32_t* flag) {
  std::uint32_t value;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
  return value;
}
/// Orders nothing.
TUTTI_DEVICE std::uint32_t load_relaxed(const std::uint32_t* flag) {
  std::uint32_t value;
  asm volatile("ld.relaxed.sys.global.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
  return value;
}

/// True for the first who asks. Orders nothing.
TUTTI_DEVICE bool claim(std::uint32_t* claimed) {
  std::uint32_t before;
  asm volatile("atom.relaxed.sys.global.cas.b32 %0, [%1], 0, 1;"
               : "=r"(before)
               : "l"(claimed)
               : "memory");
  return before == 0;
}

/// The same, for what is given back by store_release() of 0, with which it pairs.
TUTTI_DEVICE bool take(std::uint32_t* taken) {
  std::uint32_t before;
  asm volatile("atom.acquire.sys.global.cas.b32 %0, [%1], 0, 1;"
               : "=r"(before)
               : "l"(taken)
               : "memory");
  return before == 0;
}

/// How far the counter was, which is now one further. Orders nothing.
TUTTI_DEVICE std::uint32_t count_up(std::uint32_t* counter) {
  std::uint32_t before;
  asm volatile("atom.relaxed.sys.global.add.u32 %0, [%1], 1;"
               : "=r"(before)
               : "l"(counter)
               : "memory");
  return before;
}

/// The same, of threads that end: who counts has seen what those before did.
TUTTI_DEVICE std::uint32_t count_end(std::uint32_t* counter) {
  std::uint32_t before;
  asm volatile("atom.acq_rel.sys.global.add.u32 %0, [%1], 1;"
               : "=r"(before)
               : "l"(counter)
               : "memory");
  return before;
}

/// Pairs with load_packet(): each word is whole, and that is all.
TUTTI_DEVICE void store_packet(Packet* to, const Packet& packet) {
  asm volatile("st.relaxed.sys.global.v2.u64 [%0], {%1, %2};" ::"l"(to), "l"(packet.words[0]),
               "l"(packet.words[1])
               : "memory");
}
TUTTI_DEVICE Packet load_packet(const Packet* from) {
  Packet packet;
  asm volatile("ld.relaxed.sys.global.v2.u64 {%0, %1}, [%2];"
               : "=l"(packet.words[0]), "=l"(packet.words[1])
               : "l"(from)
               : "memory");
  return packet;
}

#else

inline void store_release(std::uint32_t* flag, std::uint32_t value) {
  std::atomic_ref(*flag).store(value, std::memory_order_release);
}
// An atomic_ref wants memory that is not const, even to load from it.
inline std::uint32_t load_acquire(const std::uint32_t* flag) {
  return std::atomic_ref(*const_cast<std::uint32_t*>(flag)).load(std::memory_order_acquire);
}
inline std::uint32_t load_relaxed(const std::uint32_t* flag) {
  return std::atomic_ref(*const_cast<std::uint32_t*>(flag)).load(std::memory_order_relaxed);
}

inline bool claim(std::uint32_t* claimed) {
  std::uint32_t before = 0;
  return std::atomic_ref(*claimed).compare_exchange_strong(before, 1, std::memory_order_relaxed);
}

inline bool take(std::uint32_t* taken) {
  std::uint32_t before = 0;
  return std::atomic_ref(*taken).compare_exchange_strong(before, 1, std::memory_order_acquire);
}

inline std::uint32_t count_up(std::uint32_t* counter) {
  return std::atomic_ref(*counter).fetch_add(1, std::memory_order_relaxed);
}

inline std::uint32_t count_end(std::uint32_t* counter) {
  return std::atomic_ref(*counter).fetch_add(1, std::memory_order_acq_rel);
}

inline void store_packet(Packet* to, const Packet& packet) {
  for (int i = 0; i < 2; ++i) {
    std::atomic_ref(to->words[i]).store(packet.words[i], std::memory_order_relaxed);
  }
}
inline Packet load_packet(const Packet* from) {
  Packet packet;
  for (int i = 0; i < 2; ++i) {
    std::atomic_ref word(const_cast<Packet*>(from)->words[i]);
    packet.words[i] = word.load(std::memory_order_relaxed);
  }
  return packet;
}

#endif

TUTTI_DEVICE Packet make_packet(std::uint32_t first, std::uint32_t second, std::uint32_t flag) {
  const std::uint64_t upper = static_cast<std::uint64_t>(flag) << 32;
  return {{upper | first, upper | second}};
}
/// The payload of both words, as one.
TUTTI_DEVICE Packet make_packet(std::uint64_t payload, std::uint32_t flag) {
  return make_packet(static_cast<std::uint32_t>(payload), static_cast<std::uint32_t>(payload >> 32),
                     flag);
}
TUTTI_DEVICE std::uint64_t payload_of(const Packet& packet) {
  return packet.words[1] << 32 | (packet.words[0] & 0xFFFFFFFFu);
}
TUTTI_DEVICE bool has_flag(const Packet& packet, std::uint32_t flag) {
  return static_cast<std::uint32_t>(packet.words[0] >> 32) == flag &&
         static_cast<std::uint32_t>(packet.words[1] >> 32) == flag;
}

/// Whether a number that only grows, and wraps, has come as far as `wanted`.
TUTTI_DEVICE bool has_reached(std::uint32_t number, std::uint32_t wanted) {
  return static_cast<std::int32_t>(number - wanted) >= 0;
}

}  // namespace tutti::cuda
