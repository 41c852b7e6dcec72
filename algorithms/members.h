// Groups of any size for algorithms that want a power of two. Tested by recursive_test.cc.

#pragma once

#include <bit>
#include <vector>

#include "schedule/schedule.h"

namespace tutti {

/// The ranks as members, numbered 0 … count - 1, and guests: of the first 2 * guests ranks, each
/// odd one is the guest of the even one before it.
struct Members {
  int count;
  int guests;

  explicit Members(int ranks)
      : count(static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks)))),
        guests(ranks - count) {}

  int exchanges() const { return std::countr_zero(static_cast<unsigned>(count)); }
  bool is_guest(int rank) const { return rank < 2 * guests && rank % 2 == 1; }
  bool has_guest(int rank) const { return rank < 2 * guests && rank % 2 == 0; }
  int member(int rank) const { return rank < 2 * guests ? rank / 2 : rank - guests; }
  int rank(int member) const { return member < guests ? 2 * member : member + guests; }
};

struct Range {
  int begin;
  int end;
};

/// Who is responsible for which chunks: member m for starts[m] … starts[m + 1] - 1.
struct Shares {
  Members members;
  std::vector<int> starts;

  int chunks() const { return starts.back(); }

  /// The chunks of the `bit` members that agree with this one in all bits from `bit` up.
  Range block(int member, int bit) const {
    const int first = member & -bit;
    return {starts[first], starts[first + bit]};
  }

  /// Where a halving lays the chunks of a block that it receives: each bit has scratch of its own.
  /// The first block of a size is the largest, since the first members have the guests.
  Chunk landing(int member, int bit, int chunk) const {
    int base = 0;
    for (int smaller = 1; smaller < bit; smaller *= 2) base += starts[smaller];
    return scratch(base + chunk - block(member, bit).begin);
  }

  /// How many chunks of scratch that takes; where a guest leaves a chunk of its input, behind them;
  /// and how many it takes with those.
  int landings() const { return landing(0, members.count, 0).index; }
  Chunk left(int chunk) const { return scratch(landings() + chunk); }
  int scratch_chunks() const { return landings() + (members.guests > 0 ? chunks() : 0); }
};

/// A chunk for each member.
inline Shares share_by_member(int ranks) {
  Shares shares{Members(ranks), {}};
  for (int i = 0; i <= shares.members.count; ++i) shares.starts.push_back(i);
  return shares;
}

/// A chunk for each rank; a member has its guest's too.
inline Shares share_by_rank(int ranks) {
  Shares shares{Members(ranks), {}};
  const Members& members = shares.members;
  for (int i = 0; i <= members.count; ++i) shares.starts.push_back(members.rank(i));
  return shares;
}

}  // namespace tutti
