// Recursive halving and doubling: all-reduce, all-gather and reduce-scatter in log2 n exchanges.
//
// In each exchange a rank meets the one whose number differs in one bit. Doubling: both then have
// what either had. Halving: each keeps half of the chunks and gives away its sums of the others.
// All-reduce doubles whole buffers (small messages), or halves and then doubles (large ones).
//
//                                   steps      chunks sent    scratch chunks
//   all-reduce, doubling            log2 n     log2 n         1 + log2 n
//   all-reduce, halving, doubling   2 log2 n   2(n - 1)       n - 1
//   all-gather, doubling            log2 n     n - 1          0
//   reduce-scatter, halving         log2 n     n - 1          n - 1
//
// That is for powers of two. Otherwise there are 2^d members, 2^d < n, and as many guests as it
// takes: a guest leaves its input with the member before it, which works for both and brings the
// result; two more steps.
//
// Rabenseifner, "Optimization of collective reduction operations", ICCS 2004; Thakur, Rabenseifner
// and Gropp, IJHPCA 19 (2005). Tested by recursive_test.cc.

#include "algorithms/recursive.h"

#include <bit>

#include "algorithms/members.h"
#include "algorithms/peers.h"

namespace tutti {
namespace {

// A guest leaves all its input with its member.
void leave_input(Program& program, const Shares& shares, int guest) {
  for (int chunk = 0; chunk < shares.chunks(); ++chunk) {
    program.put(input(chunk), guest - 1, shares.left(chunk));
  }
}

// What a member begins with, by chunk: its input, or the sum of that and its guest's.
std::vector<Chunk> first_sums(Program& program, const Shares& shares, int rank) {
  std::vector<Chunk> sums;
  for (int chunk = 0; chunk < shares.chunks(); ++chunk) {
    sums.push_back(input(chunk));
    if (!shares.members.has_guest(rank)) continue;
    program.wait(rank + 1);
    sums.back() = shares.left(chunk);
    program.reduce({input(chunk), sums.back()}, sums.back());
  }
  return sums;
}

// Gives half of the chunks away until the member's own are left. The sum of the first of them goes
// to `result`, that of a second one to where it lands.
void halve(Program& program, const Shares& shares, int rank, Chunk result) {
  std::vector<Chunk> sums = first_sums(program, shares, rank);
  const int me = shares.members.member(rank);
  for (int bit = shares.members.count / 2; bit > 0; bit /= 2) {
    const int peer = shares.members.rank(me ^ bit);
    const Range sent = shares.block(me ^ bit, bit);
    for (int chunk = sent.begin; chunk < sent.end; ++chunk) {
      program.put(sums[chunk], peer, shares.landing(me ^ bit, bit, chunk));
    }
    const Range kept = shares.block(me, bit);
    for (int chunk = kept.begin; chunk < kept.end; ++chunk) {
      const Chunk landed = shares.landing(me, bit, chunk);
      const Chunk sum = bit == 1 && chunk == kept.begin ? result : landed;
      program.wait(peer);
      program.reduce({sums[chunk], landed}, sum);
      sums[chunk] = sum;
    }
  }
}

// Exchanges all finished chunks, first the member's own, until it has everybody's.
void double_up(Program& program, const Shares& shares, int rank) {
  const int me = shares.members.member(rank);
  for (int bit = 1; bit < shares.members.count; bit *= 2) {
    const int peer = shares.members.rank(me ^ bit);
    const Range sent = shares.block(me, bit);
    for (int chunk = sent.begin; chunk < sent.end; ++chunk) {
      program.put(output(chunk), peer, output(chunk));
    }
    const Range received = shares.block(me ^ bit, bit);
    for (int chunk = received.begin; chunk < received.end; ++chunk) program.wait(peer);
  }
}

// Exchanges and adds whole buffers, from scratch(0) on. Both sides add in the same order, so that
// they get the same bits.
void reduce_doubling(Program& program, const Members& members, int rank) {
  const int me = members.member(rank);
  for (int bit = 1, step = 0; bit < members.count; bit *= 2, ++step) {
    const int peer = members.rank(me ^ bit);
    const Chunk mine = scratch(step), theirs = scratch(step + 1);
    program.put(mine, peer, theirs);
    program.wait(peer);
    program.reduce(me & bit ? std::vector{theirs, mine} : std::vector{mine, theirs},
                   2 * bit == members.count ? output(0) : theirs);
  }
}

}  // namespace

Schedule recursive_doubling_all_reduce(const Group& group) {
  const int ranks = group.ranks;
  if (ranks == 1) return alone(Collective::kAllReduce);
  const Members members(ranks);
  Schedule schedule(Collective::kAllReduce, ranks, /*chunks=*/1, 1 + members.exchanges());
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    if (members.is_guest(rank)) {
      program.put(input(0), rank - 1, scratch(0));
      program.wait(rank - 1);
      continue;
    }
    if (members.has_guest(rank)) {
      program.wait(rank + 1);
      program.reduce({input(0), scratch(0)}, scratch(0));
    } else {
      // Puts from the input itself could still be reading it when the result, in place, is written.
      program.copy(input(0), scratch(0));
    }
    reduce_doubling(program, members, rank);
    if (members.has_guest(rank)) program.put(output(0), rank + 1, output(0));
  }
  return schedule;
}

Schedule halving_doubling_all_reduce(const Group& group) {
  const int ranks = group.ranks;
  if (ranks == 1) return alone(Collective::kAllReduce);
  const Shares shares = share_by_member(ranks);
  const Members& members = shares.members;
  Schedule schedule(Collective::kAllReduce, ranks, shares.chunks(), shares.scratch_chunks());
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    if (members.is_guest(rank)) {
      leave_input(program, shares, rank);
      for (int chunk = 0; chunk < shares.chunks(); ++chunk) program.wait(rank - 1);
      continue;
    }
    halve(program, shares, rank, output(members.member(rank)));
    double_up(program, shares, rank);
    if (!members.has_guest(rank)) continue;
    for (int chunk = 0; chunk < shares.chunks(); ++chunk) {
      program.put(output(chunk), rank + 1, output(chunk));
    }
  }
  return schedule;
}

Schedule recursive_doubling_all_gather(const Group& group) {
  const int ranks = group.ranks;
  const Shares shares = share_by_rank(ranks);
  const Members& members = shares.members;
  Schedule schedule(Collective::kAllGather, ranks, /*chunks=*/1, /*scratch_chunks=*/0);
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    program.copy(input(0), output(rank));
    if (members.is_guest(rank)) {
      program.put(input(0), rank - 1, output(rank));
      for (int chunk = 1; chunk < ranks; ++chunk) program.wait(rank - 1);
      continue;
    }
    if (members.has_guest(rank)) program.wait(rank + 1);
    double_up(program, shares, rank);
    if (!members.has_guest(rank)) continue;
    for (const int chunk : peers_after(rank + 1, ranks)) {
      program.put(output(chunk), rank + 1, output(chunk));
    }
  }
  return schedule;
}

Schedule recursive_halving_reduce_scatter(const Group& group) {
  const int ranks = group.ranks;
  if (ranks == 1) return alone(Collective::kReduceScatter);
  const Shares shares = share_by_rank(ranks);
  const Members& members = shares.members;
  Schedule schedule(Collective::kReduceScatter, ranks, /*chunks=*/1, shares.scratch_chunks());
  for (const int rank : group.wanted_ranks()) {
    Program& program = schedule.at(rank);
    if (members.is_guest(rank)) {
      leave_input(program, shares, rank);
      program.wait(rank - 1);
      continue;
    }
    halve(program, shares, rank, output(0));
    if (!members.has_guest(rank)) continue;
    program.put(shares.landing(members.member(rank), /*bit=*/1, rank + 1), rank + 1, output(0));
  }
  return schedule;
}

}  // namespace tutti
