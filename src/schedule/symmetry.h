// Ranks that do the same, so that one of them stands for all.
//
// A symmetry maps every rank to its representative, one of the first `stride` ranks, by a
// relabelling of all ranks under which the schedule and the machine stay the same: with ranks in
// blocks of `stride`, a rotation of blocks, or an exclusive or of their numbers. What a rank does
// with its peer is then what its representative does with the peer's image.
//
// Tested by symmetry_test.cc.

#pragma once

namespace tutti {

struct Symmetry {
  enum class Kind { kNone, kRotation, kExclusiveOr };

  Kind kind = Kind::kNone;
  int ranks = 1;
  int stride = 1;  // divides the ranks; for kExclusiveOr, into a power of two

  static Symmetry none(int ranks) { return {Kind::kNone, ranks, ranks}; }

  /// Ranks 0 … this - 1 are representatives.
  int representatives() const { return kind == Kind::kNone ? ranks : stride; }

  int representative(int rank) const { return kind == Kind::kNone ? rank : rank % stride; }

  /// What `peer` is called when `rank` is called by its representative.
  int image(int peer, int rank) const {
    const int moved = rank - representative(rank);
    switch (kind) {
      case Kind::kNone:
        return peer;
      case Kind::kRotation:
        return peer >= moved ? peer - moved : peer - moved + ranks;
      case Kind::kExclusiveOr:
        return (peer / stride ^ rank / stride) * stride + peer % stride;
    }
    return peer;
  }

  bool operator==(const Symmetry&) const = default;
};

}  // namespace tutti
