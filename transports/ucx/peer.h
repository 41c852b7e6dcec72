// A connection to another worker: an endpoint per rail, made when it is first used.
//
// Everything but `state` is used under the worker's lock.

#pragma once

#include <ucp/api/ucp.h>

#include <atomic>
#include <string>
#include <vector>

#include "transports/ucx/card.h"

namespace tutti::ucx {

class Worker;

struct Peer {
  enum class State : std::uint8_t { kGood, kBroken, kDeparted };

  Peer(Worker& worker, const Card& card)
      : worker(worker), card(card), endpoints(card.ways.size(), nullptr) {}

  Worker& worker;
  const Card card;
  std::vector<ucp_ep_h> endpoints;  // per rail; null until used, and again once closed
  std::atomic<State> state{State::kGood};
  std::string why;       // broken; written before the state
  int under_way = 0;     // parcels that UCX has
  int answers_due = 0;   // to farewells
  std::size_t turn = 0;  // rails take turns
};

}  // namespace tutti::ucx
