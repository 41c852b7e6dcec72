// How others reach a worker. A value that travels as bytes. Tested by ucx_test.cc.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bootstrap/wire.h"

namespace tutti::ucx {

struct Card {
  /// A rail's end.
  struct Way {
    std::string address;  // UCX's
    std::string network;  // see RailDevices

    bool operator==(const Way&) const = default;
  };

  std::uint64_t id = 0;  // of the worker; random
  std::string where;     // "host b, pid 812"
  std::vector<Way> ways;

  bool operator==(const Card&) const = default;
};

inline void write(Writer& writer, const Card& card) {
  writer.u64(card.id).text(card.where).u32(static_cast<std::uint32_t>(card.ways.size()));
  for (const Card::Way& way : card.ways) writer.text(way.address).text(way.network);
}

/// What write() wrote; the reader knows whether it was that.
inline Card read_card(Reader& reader) {
  Card card;
  card.id = reader.u64();
  card.where = reader.text();
  for (std::uint32_t ways = reader.u32(); ways != 0 && !reader.failed(); --ways) {
    Card::Way& way = card.ways.emplace_back();
    way.address = reader.text();
    way.network = reader.text();
  }
  return card;
}

}  // namespace tutti::ucx
