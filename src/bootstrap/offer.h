// A value on its way to other ranks of this process: its address travels through the bootstrap.
//
// An offer that some taker never takes, because the meeting that carries the address failed, is
// left behind: it leaks in a start that has failed, and never dangles. Tested by shm_test.cc.

#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/check.h"

namespace tutti {

/// Means something in the process that made it. Zero: nothing is offered.
struct OfferAddress {
  std::uintptr_t address = 0;
};

template <class T>
struct Offer {
  T value;
  std::atomic<int> takers = 0;
};

/// For so many calls of take().
template <class T>
OfferAddress offer(T value, int takers) {
  if (takers == 0) return {};
  auto* const offer = new Offer<T>{std::move(value)};
  // The address may travel through other processes, which order nothing as far as C++ knows: this
  // release pairs with the acquire in take().
  offer->takers.store(takers, std::memory_order_release);
  return {reinterpret_cast<std::uintptr_t>(offer)};
}

/// A copy of what was offered; the last taker frees the offer. REQUIRES: from offer<T>() in this
/// process, taken once by each.
template <class T>
T take(OfferAddress from) {
  auto* const offer = reinterpret_cast<Offer<T>*>(from.address);
  TUTTI_CHECK(offer->takers.load(std::memory_order_acquire) > 0);
  T value = offer->value;
  // acq_rel: every taker's copy is made before the last one deletes.
  if (offer->takers.fetch_sub(1, std::memory_order_acq_rel) == 1) delete offer;
  return value;
}

}  // namespace tutti
