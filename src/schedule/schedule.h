// A schedule as data: what moves between ranks, and nothing about how.
//
// A schedule holds one program per rank. A program is a list of steps that a rank takes in order.
// Buffers are input, output and scratch, cut into chunks of equal size; steps name chunks, never
// bytes, types or transports.
//
//   copy(src, dst)         dst = src. A peer's src is read where memory is mapped.
//   reduce(sources, dst)   dst = sources[0] op sources[1] op …, in that order, in one pass.
//                          dst may be one of the sources.
//   put(src, peer, dst)    copies src into the peer's dst, then signals the peer. The source may be
//                          read until the peer has taken the signal, so it must not change earlier.
//   signal(peer)           gives the peer one signal.
//   wait(peer)             takes one signal. Signals are taken in the order given, per
//                          (sender, receiver, channel).
//
// What a schedule may assume: at its start every rank's input is readable by every rank, and every
// rank's output and scratch may be written. What it must ensure: when a program ends, nobody will
// touch that rank's buffers any more (its caller may change or free them); only its own puts may
// still be reading, which executors wait for. Input is never written. verify() proves all this.
//
// What each collective means, with k = chunks, n = ranks, j < k:
//
//   all_reduce      input k, output k        output(j) = sum over ranks of input(j)
//   all_gather      input k, output n*k      output(r*k+j) = input(j) of rank r
//   reduce_scatter  input n*k, output k      output(j) = sum over ranks of input(rank*k+j)
//   all_to_all      input n*k, output n*k    output(r*k+j) = input(rank*k+j) of rank r
//   broadcast       input k (root), output k output(j) = input(j) of root
//   reduce          input k, output k (root) output(j) of root = sum over ranks of input(j)
//   gather          input k, output n*k (root)  output(r*k+j) of root = input(j) of rank r
//   scatter         input n*k (root), output k  output(j) = input(rank*k+j) of root
//   scan            input k, output k        output(j) = input(j) of the first rank op … of this
//   one exclusive_scan  input k, output k (all but the first)  the same up to the rank before this
//   one barrier         none                     no rank ends before every rank has begun send_recv
//   two ranks: input k (rank 0), output k (rank 1)
//
// The first rank of a scan is the root, 0 or n-1; others follow in order, or in reverse. Only scans
// have an order of operands: everywhere else reductions commute.
//
// A rank for which a buffer is not listed has no such buffer: it may use scratch only.

#pragma once

#include <string>
#include <vector>

#include "tutti/types.h"

namespace tutti {

enum class Space : std::uint8_t { kInput, kOutput, kScratch };

inline constexpr int kSelf = -1;

/// A chunk of this rank's buffers, or of a peer's when `rank` is not kSelf.
struct Chunk {
  Space space = Space::kInput;
  int index = 0;
  int rank = kSelf;

  bool operator==(const Chunk&) const = default;
};

inline Chunk input(int index) { return {Space::kInput, index}; }
inline Chunk output(int index) { return {Space::kOutput, index}; }
inline Chunk scratch(int index) { return {Space::kScratch, index}; }
/// The same chunk in a peer's memory: of(3, input(0)).
inline Chunk of(int rank, Chunk chunk) { return {chunk.space, chunk.index, rank}; }

enum class StepKind : std::uint8_t { kCopy, kReduce, kPut, kSignal, kWait };

struct Step {
  StepKind kind = StepKind::kCopy;
  std::vector<Chunk> sources;  // one for copy and put, one or more for reduce
  Chunk target;                // copy, reduce; for put it is a chunk of `peer`, with rank == peer
  int peer = kSelf;            // put, signal, wait
  int channel = 0;             // put, signal, wait

  bool operator==(const Step&) const = default;
};

/// One rank's steps, and the builder of them.
struct Program {
  std::vector<Step> steps;

  void copy(Chunk src, Chunk dst);
  void reduce(std::vector<Chunk> sources, Chunk dst);
  void put(Chunk src, int peer, Chunk dst, int channel = 0);
  void signal(int peer, int channel = 0);
  void wait(int peer, int channel = 0);

  bool operator==(const Program&) const = default;
};

struct Schedule {
  Collective collective = Collective::kBarrier;
  int ranks = 0;
  int root = 0;            // broadcast, reduce, gather, scatter; scans: who comes first
  int chunks = 1;          // k above
  int scratch_chunks = 0;  // of each rank
  std::vector<Program> programs;

  Schedule() = default;
  Schedule(Collective collective, int ranks, int chunks, int scratch_chunks, int root = 0)
      : collective(collective),
        ranks(ranks),
        root(root),
        chunks(chunks),
        scratch_chunks(scratch_chunks),
        programs(ranks) {}

  Program& at(int rank) { return programs[rank]; }
  const Program& at(int rank) const { return programs[rank]; }

  bool operator==(const Schedule&) const = default;
};

/// Whether the larger buffer has a part for each rank: n*k chunks in the table above.
bool has_parts(Collective collective);

/// scan and exclusive_scan: operands are combined in the order of ranks, from the root on.
bool is_scan(Collective collective);

/// How many chunks of a space a rank has, by the table above.
int chunks_of(const Schedule& schedule, Space space, int rank);

/// True when some step reads a peer's chunk: only mapped memory can do that.
bool needs_mapped(const Schedule& schedule);

/// The schedule as text, a line a step ("  put    output[1] -> 1:scratch[0]").
std::string dump(const Schedule& schedule);
std::string dump(const Program& program);
/// One step, for a sentence: "put output[1] -> 1:scratch[0]".
std::string dump(const Step& step);
std::string dump(const Chunk& chunk);

}  // namespace tutti
