// Reductions of buffers where they lie: all_reduce, reduce and reduce_scatter, in one kernel.
//
// A rank reads its part of every rank's input, reduces it in registers, in the order of ranks, and
// writes the result to every output that wants it. Each byte of input is read once, each of output
// written once: the least that there is. No part is read by one rank and written by another, so
// any input may be its rank's output.
//
//                    stands for (catalog)             a rank's part   goes to
//   all_reduce       two_shot_pull                    1/n             all ranks
//   reduce           reduce_scatter_gather_pull       1/n             the root
//   reduce_scatter   all_pairs_pull                   part `rank`     itself
//
// Tested by cuda_kernels_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "executor/cuda/block.h"
#include "executor/cuda/combine.h"
#include "executor/cuda/kernels.h"
#include "executor/cuda/meeting.h"
#include "executor/cuda/stretch.h"

namespace tutti::cuda {

/// Where a block reads and writes: its stretch in every input, and in the outputs that want it.
struct ReducePlaces {
  const std::byte* sources[kMostRanks];  // by rank
  std::byte* targets[kMostRanks];
};

/// What a rank has to do; a block does its part of it.
struct ReduceWork {
  Stretch in;                 // of every input
  std::size_t out_begin = 0;  // in outputs
  int first_target = 0;       // ranks [first, first + count) want the result
  int targets = 0;
};

TUTTI_DEVICE ReduceWork reduce_work(const FastCall& call, int block, int blocks) {
  const Team& team = call.team;
  const std::size_t bytes = call.count * static_cast<std::size_t>(call.element_bytes);
  if (call.collective == Collective::kReduceScatter) {
    const Stretch part = part_of({0, bytes}, blocks, block);
    return {{part.begin + bytes * static_cast<std::size_t>(team.rank), part.bytes},
            part.begin,
            team.rank,
            1};
  }
  const Stretch part = part_of(part_of({0, bytes}, team.ranks, team.rank), blocks, block);
  if (call.collective == Collective::kReduce) return {part, part.begin, call.root, 1};
  return {part, part.begin, 0, team.ranks};
}

/// Loads from all ranks before anything else, for as much as possible to be on its way.
template <class Combine, int kRanks>
struct ReduceFew {
  static constexpr int kTogether = 8 / kRanks;  // eight loads of a thread

  const Combine& combine;
  const std::byte* sources[kRanks];
  std::byte* targets[kRanks];
  int target_count;

  template <int kBytes, int kPacks>
  TUTTI_DEVICE void operator()(std::size_t at, std::size_t step) const {
    Pack<kBytes> packs[kPacks][kRanks];
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) {
      TUTTI_UNROLL
      for (int r = 0; r < kRanks; ++r) packs[p][r] = load_pack<kBytes>(sources[r] + at + p * step);
    }
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) {
      const Pack<kBytes> result = reduced(packs[p]);
      TUTTI_UNROLL
      for (int t = 0; t < kRanks; ++t) {
        if (t < target_count) store_pack(targets[t] + at + p * step, result);
      }
    }
  }

 private:
  template <int kBytes>
  TUTTI_DEVICE Pack<kBytes> reduced(const Pack<kBytes> (&packs)[kRanks]) const {
    auto total = Elements<Combine::kElementType, kBytes>::of(combine.contribution(packs[0]));
    TUTTI_UNROLL
    for (int r = 1; r < kRanks; ++r) combine.add(total, combine.contribution(packs[r]));
    return combine.result(total);
  }
};

/// Any number of ranks: one after the other, several packs at once.
template <class Combine>
struct ReduceMany {
  static constexpr int kTogether = Combine::kHot ? 4 : 2;  // what 128 registers hold

  const Combine& combine;
  const ReducePlaces& places;
  int ranks;
  int target_count;

  template <int kBytes, int kPacks>
  TUTTI_DEVICE void operator()(std::size_t at, std::size_t step) const {
    Pack<kBytes> packs[kPacks];
    load(0, at, step, packs);
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) packs[p] = combine.contribution(packs[p]);
    if (ranks > 1) reduce(at, step, packs);
    TUTTI_LOOP
    for (int t = 0; t < target_count; ++t) {
      TUTTI_UNROLL
      for (int p = 0; p < kPacks; ++p) store_pack(places.targets[t] + at + p * step, packs[p]);
    }
  }

 private:
  template <int kBytes, int kPacks>
  TUTTI_DEVICE void load(int rank, std::size_t at, std::size_t step,
                         Pack<kBytes> (&packs)[kPacks]) const {
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) {
      packs[p] = load_pack<kBytes>(places.sources[rank] + at + p * step);
    }
  }

  /// Takes the other ranks' into what is there of the first.
  template <int kBytes, int kPacks>
  TUTTI_DEVICE void reduce(std::size_t at, std::size_t step, Pack<kBytes> (&packs)[kPacks]) const {
    Elements<Combine::kElementType, kBytes> totals[kPacks];
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) totals[p] = totals[p].of(packs[p]);
    TUTTI_LOOP
    for (int r = 1; r < ranks; ++r) {
      load(r, at, step, packs);
      TUTTI_UNROLL
      for (int p = 0; p < kPacks; ++p) combine.add(totals[p], combine.contribution(packs[p]));
    }
    TUTTI_UNROLL
    for (int p = 0; p < kPacks; ++p) packs[p] = combine.result(totals[p]);
  }
};

template <class Combine, int kRanks>
TUTTI_DEVICE void reduce_few(const Block& block, const Combine& combine, const ReducePlaces& places,
                             const ReduceWork& work, const Alignment& alignment) {
  ReduceFew<Combine, kRanks> few{combine, {}, {}, work.targets};
  TUTTI_UNROLL
  for (int r = 0; r < kRanks; ++r) {
    few.sources[r] = places.sources[r];
    few.targets[r] = places.targets[r];
  }
  constexpr int kSize = static_cast<int>(size_of(Combine::kElementType));
  walk<kSize, few.kTogether>(block, alignment, work.in.bytes, few);
}

template <class Combine>
TUTTI_DEVICE void reduce_many(const Block& block, const Combine& combine,
                              const ReducePlaces& places, const ReduceWork& work,
                              const Alignment& alignment, int ranks) {
  const ReduceMany<Combine> many{combine, places, ranks, work.targets};
  constexpr int kSize = static_cast<int>(size_of(Combine::kElementType));
  walk<kSize, many.kTogether>(block, alignment, work.in.bytes, many);
}

template <class Combine>
TUTTI_DEVICE void reduce_places(const Block& block, const Combine& combine,
                                const ReducePlaces& places, const ReduceWork& work, int ranks) {
  Alignment alignment(places.sources[0]);
  TUTTI_LOOP
  for (int r = 0; r < ranks; ++r) alignment.and_with(places.sources[r]);
  TUTTI_LOOP
  for (int t = 0; t < work.targets; ++t) alignment.and_with(places.targets[t]);
  if constexpr (Combine::kHot) {
    if (ranks == 2) return reduce_few<Combine, 2>(block, combine, places, work, alignment);
    if (ranks == 4) return reduce_few<Combine, 4>(block, combine, places, work, alignment);
    if (ranks == 8) return reduce_few<Combine, 8>(block, combine, places, work, alignment);
  }
  reduce_many(block, combine, places, work, alignment, ranks);
}

/// The kernel.
template <class Combine>
TUTTI_DEVICE void reduce(const Block& block, const FastCall& call) {
  Meetings meetings(block, call.team);
  if (!meetings.meet(call.places)) return;
  const ReduceWork work = reduce_work(call, block.index(), block.count());
  TUTTI_SHARED(ReducePlaces, places);
  block.each(static_cast<std::size_t>(call.team.ranks), [&](std::size_t rank) {
    places.sources[rank] = meetings.input_of(static_cast<int>(rank)) + work.in.begin;
  });
  block.each(static_cast<std::size_t>(work.targets), [&](std::size_t t) {
    const int rank = work.first_target + static_cast<int>(t);
    places.targets[t] = meetings.output_of(rank) + work.out_begin;
  });
  block.meet();
  reduce_places(block, Combine(call.arithmetic), places, work, call.team.ranks);
  meetings.meet();
}

}  // namespace tutti::cuda
