// all_reduce of few bytes: every rank sends its input to all, in packets that carry their own
// flags, and reduces what arrives, once all have said that they are in the same call. One way from
// rank to rank is all the waiting there is.
//
// Stands for one_shot of the catalog. A board has room for the packets of two calls, in turn. A
// rank that begins call k + 2 has had packets of call k + 1 from every rank, so each of them is
// done with call k, and its room is free. Flags are the number of the call, so nothing is ever
// cleared; a call that is as old as the number takes to come round again (2^32 calls) is taken for
// past.
//
// Tested by cuda_kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/combine.h"
#include "executor/cuda/flags.h"
#include "executor/cuda/kernels.h"
#include "executor/cuda/roll_call.h"
#include "executor/cuda/stretch.h"
#include "executor/cuda/waiting.h"

namespace tutti::cuda {

inline constexpr std::size_t kUnit = 8;  // bytes of payload in a packet

/// The number of the call after `number`. Never 0, which is what untouched memory holds; and one
/// that is odd after one that is even, always, because that is whose turn it is.
TUTTI_DEVICE std::uint32_t next_call(std::uint32_t number) {
  return number == ~std::uint32_t{0} ? 2 : number + 1;
}

/// Where packets of `sender` lie on a board.
TUTTI_DEVICE Packet* packets_of(Board* board, int ranks, std::uint32_t call, int sender) {
  const std::size_t turn = call % 2;
  const std::size_t slot =
      turn * static_cast<std::size_t>(ranks) + static_cast<std::size_t>(sender);
  std::byte* first = reinterpret_cast<std::byte*>(board) + sizeof(Board);
  return reinterpret_cast<Packet*>(first + slot * (kPacketBytes / kUnit) * sizeof(Packet));
}

/// The payload of one packet from or to a buffer that is aligned to elements of kSize only, and may
/// end before the packet does.
template <int kSize>
TUTTI_DEVICE Pack<kUnit> load_unit(const std::byte* from, std::size_t bytes) {
  if (bytes >= kUnit && reinterpret_cast<std::uintptr_t>(from) % kUnit == 0) {
    return load_pack<kUnit>(from);
  }
  Pack<kUnit> unit{};
  TUTTI_UNROLL
  for (int at = 0; at < static_cast<int>(kUnit); at += kSize) {
    if (static_cast<std::size_t>(at) >= bytes) break;
    const Pack<kSize> piece = load_pack<kSize>(from + at);
    TUTTI_UNROLL
    for (int w = 0; w < piece.kWords; ++w) unit.words[at / 4 + w] |= piece.words[w] << (at % 4 * 8);
  }
  return unit;
}

template <int kSize>
TUTTI_DEVICE void store_unit(std::byte* to, const Pack<kUnit>& unit, std::size_t bytes) {
  if (bytes >= kUnit && reinterpret_cast<std::uintptr_t>(to) % kUnit == 0) {
    return store_pack(to, unit);
  }
  TUTTI_UNROLL
  for (int at = 0; at < static_cast<int>(kUnit); at += kSize) {
    if (static_cast<std::size_t>(at) >= bytes) break;
    Pack<kSize> piece;
    TUTTI_UNROLL
    for (int w = 0; w < piece.kWords; ++w) piece.words[w] = unit.words[at / 4 + w] >> (at % 4 * 8);
    store_pack(to + at, piece);
  }
}

template <class Combine>
class OneShot {
 public:
  TUTTI_DEVICE OneShot(const Block& block, const FastCall& call)
      : block_(block),
        call_(call),
        team_(call.team),
        combine_(call.arithmetic),
        number_(next_call(counters()[block.index()].packets)) {}

  // Whatever comes of it, the counters go on: rooms are whose they are to all blocks.
  TUTTI_DEVICE void run() const {
    exchange();
    advance();
  }

 private:
  static constexpr int kSize = static_cast<int>(size_of(Combine::kElementType));
  static constexpr int kAtOnce = 8;  // ranks whose packets are asked for together
  using Unit = Elements<Combine::kElementType, static_cast<int>(kUnit)>;

  TUTTI_DEVICE void exchange() const {
    const std::size_t bytes = call_.count * kSize;
    const std::size_t units = (bytes + kUnit - 1) / kUnit;
    const Stretch part = part_of({0, units * kUnit}, block_.count(), block_.index());
    const std::size_t first = part.begin / kUnit, count = part.bytes / kUnit;
    const RollCall roll(block_, team_);
    block_.each(team_.ranks, [&](std::size_t peer) { roll.announce(static_cast<int>(peer)); });
    block_.each(count, [&](std::size_t i) { send(first + i, bytes); });
    if (!roll.await_all([](int) { return true; })) return;
    block_.each(count, [&](std::size_t i) { reduce(first + i, bytes); });
  }

  TUTTI_DEVICE Board::Counters* counters() const { return team_.boards[team_.rank]->counters; }

  // All blocks' counters go on together, also those of blocks that this call does without: whose
  // turn it is must be the same for all, for they share the room differently in every call. Each
  // is advanced by one block, and read in a kernel by the block that advances it.
  TUTTI_DEVICE void advance() const {
    block_.meet();  // all threads have read theirs
    const int blocks = block_.count();
    const int mine = (kMostBlocks - block_.index() + blocks - 1) / blocks;
    block_.each(static_cast<std::size_t>(mine), [&](std::size_t i) {
      counters()[block_.index() + static_cast<int>(i) * blocks].packets = number_;
    });
  }

  TUTTI_DEVICE Pack<kUnit> own(std::size_t unit, std::size_t bytes) const {
    const std::size_t at = unit * kUnit;
    return combine_.contribution(load_unit<kSize>(call_.input + at, bytes - at));
  }

  TUTTI_DEVICE void send(std::size_t unit, std::size_t bytes) const {
    const Pack<kUnit> payload = own(unit, bytes);
    const Packet packet = make_packet(payload.words[0], payload.words[1], number_);
    TUTTI_LOOP
    for (int i = 1; i < team_.ranks; ++i) {
      const int peer = team_.rank + i < team_.ranks ? team_.rank + i : team_.rank + i - team_.ranks;
      store_packet(packets_of(team_.boards[peer], team_.ranks, number_, team_.rank) + unit, packet);
    }
  }

  TUTTI_DEVICE void reduce(std::size_t unit, std::size_t bytes) const {
    const Pack<kUnit> mine = own(unit, bytes);
    Pack<kUnit> result = mine;
    if (team_.ranks > 1) {
      Unit total{};
      TUTTI_LOOP
      for (int first = 0; first < team_.ranks; first += kAtOnce) {
        if (!take(first, unit, mine, total)) return;
      }
      result = combine_.result(total);
    }
    store_unit<kSize>(call_.output + unit * kUnit, result, bytes - unit * kUnit);
  }

  // Takes in the ranks from `first`; false when one of them must not be waited for any longer.
  TUTTI_DEVICE bool take(int first, std::size_t unit, const Pack<kUnit>& mine, Unit& total) const {
    Packet packets[kAtOnce] = {};
    if (!wait_for(block_, team_, number_, [&] { return look(first, unit, packets); })) return false;
    TUTTI_UNROLL
    for (int i = 0; i < kAtOnce; ++i) {
      const int rank = first + i;
      if (rank >= team_.ranks) break;
      Pack<kUnit> pack = {{static_cast<std::uint32_t>(packets[i].words[0]),
                           static_cast<std::uint32_t>(packets[i].words[1])}};
      if (rank == team_.rank) pack = mine;
      if (rank == 0) {
        total = Unit::of(pack);
      } else {
        combine_.add(total, pack);
      }
    }
    return true;
  }

  // Who is missing among kAtOnce ranks; loads from all before it looks at any.
  TUTTI_DEVICE int look(int first, std::size_t unit, Packet (&packets)[kAtOnce]) const {
    TUTTI_UNROLL
    for (int i = 0; i < kAtOnce; ++i) {
      if (first + i < team_.ranks) packets[i] = load_packet(room(first + i) + unit);
    }
    int missing = kNobody;
    TUTTI_UNROLL
    for (int i = kAtOnce - 1; i >= 0; --i) {
      const int rank = first + i;
      if (rank >= team_.ranks || rank == team_.rank) continue;
      if (!has_flag(packets[i], number_)) missing = rank;
    }
    return missing;
  }

  TUTTI_DEVICE const Packet* room(int sender) const {
    return packets_of(team_.boards[team_.rank], team_.ranks, number_, sender);
  }

  const Block& block_;
  const FastCall& call_;
  const Team& team_;
  const Combine combine_;
  const std::uint32_t number_;
};

/// The kernel.
template <class Combine>
TUTTI_DEVICE void one_shot(const Block& block, const FastCall& call) {
  OneShot<Combine>(block, call).run();
}

}  // namespace tutti::cuda
