// Tutti: collectives between ranks that are processes or threads, on one machine or many.
//
//   auto comm = tutti::Communicator::from_environment();       // under mpirun, srun, torchrun
//   if (!comm.ok()) { … comm.status().message() … }
//   std::vector<float> gradient(n);
//   tutti::Status status = comm->all_reduce(gradient, gradient);  // in place, sum
//
// Meaning of the collectives: as in MPI and NCCL. n is the number of ranks; counts are elements.
// Every rank makes the same calls on a communicator in the same order, with the same type, counts,
// reduction and root; a difference is an error on all of them (kMismatch), never a hang. A
// communicator is used by one thread at a time.

#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tutti/api.h"
#include "tutti/buffer.h"
#include "tutti/options.h"
#include "tutti/status.h"
#include "tutti/types.h"
#include "tutti/unique_id.h"

namespace tutti {

/// One collective, as a value: what Communicator::run and start take, alone or in groups.
/// Made by the functions below. Holds no memory: buffers and counts must live until it has ended.
struct Call {
  Collective collective = Collective::kBarrier;
  ConstBuffer input;
  Buffer output;
  ReduceOp op;
  int root = 0;           // broadcast, reduce, gather, scatter
  int peer = 0;           // send_recv: the other rank
  bool sends = true;      // send_recv: whether this rank sends (input) or receives (output)
  bool variable = false;  // the _v forms
  Direction direction = Direction::kForward;    // scan, exclusive_scan
  std::span<const std::size_t> send_counts;     // all_to_all_v; reduce_scatter_v: per rank
  std::span<const std::size_t> receive_counts;  // all_to_all_v; all_gather_v: per rank
};

/// output[i] = input[i] of rank 0 op … op input[i] of rank n-1, on every rank. Both have c
/// elements; in place when they are the same memory.
TUTTI_API Call all_reduce(ConstBuffer input, Buffer output, ReduceOp op = {});
/// output (n*c) = the inputs (c) of all ranks, in rank order. In place: input is output + rank*c.
TUTTI_API Call all_gather(ConstBuffer input, Buffer output);
/// output (c) = part `rank` of the reduction of the inputs (n*c). In place: output is
/// input + rank*c.
TUTTI_API Call reduce_scatter(ConstBuffer input, Buffer output, ReduceOp op = {});
/// Part r of output (n*c) = part `rank` of rank r's input (n*c).
TUTTI_API Call all_to_all(ConstBuffer input, Buffer output);
/// output (c) = root's input (c). Only root's input is read.
TUTTI_API Call broadcast(ConstBuffer input, Buffer output, int root);
/// output (c) of root = the reduction of the inputs (c). Only root's output is written.
TUTTI_API Call reduce(ConstBuffer input, Buffer output, ReduceOp op, int root);
/// output (n*c) of root = the inputs (c) of all ranks, in rank order.
TUTTI_API Call gather(ConstBuffer input, Buffer output, int root);
/// output (c) = part `rank` of root's input (n*c).
TUTTI_API Call scatter(ConstBuffer input, Buffer output, int root);
/// output (c) of rank r = input (c) of rank 0 op input of rank 1 op … op input of rank r, in this
/// order whatever the schedule: op need not be commutative. kReverse: as if ranks were numbered
/// from the other end, input of rank n-1 op input of rank n-2 op … op input of rank r. In place
/// when both are the same memory. Host memory only.
///
/// op: a reduction other than kAvg; ReduceOp::user, which need not commute here; or
/// ReduceOp::ordered, on elements of any size, of which c counts those of the buffers' type:
///
///   std::vector<Affine> maps(n), prefix(n);
///   comm.scan(std::as_bytes(std::span(maps)), std::as_writable_bytes(std::span(prefix)),
///             ReduceOp::ordered<Affine, then>());
TUTTI_API Call scan(ConstBuffer input, Buffer output, ReduceOp op = {},
                    Direction direction = Direction::kForward);
/// The same without the rank's own input: output of rank r = input of rank 0 op … op input of rank
/// r-1; kReverse: input of rank n-1 op … op input of rank r+1. The rank that comes first (0;
/// kReverse: n-1) gets nothing: its output is left untouched, as by MPI_Exscan, and may be null.
TUTTI_API Call exclusive_scan(ConstBuffer input, Buffer output, ReduceOp op = {},
                              Direction direction = Direction::kForward);
/// No rank returns before every rank has called.
TUTTI_API Call barrier();
/// Sends input to `peer`, who receives it with receive(). Pairs match in the order of the calls.
TUTTI_API Call send(ConstBuffer input, int peer);
TUTTI_API Call receive(Buffer output, int peer);
/// all_gather with counts[r] elements from rank r, packed in rank order.
TUTTI_API Call all_gather_v(ConstBuffer input, Buffer output, std::span<const std::size_t> counts);
/// reduce_scatter with counts[r] elements for rank r, packed in rank order.
TUTTI_API Call reduce_scatter_v(ConstBuffer input, Buffer output,
                                std::span<const std::size_t> counts, ReduceOp op = {});
/// all_to_all with send_counts[r] elements for and receive_counts[r] elements from rank r, packed.
TUTTI_API Call all_to_all_v(ConstBuffer input, std::span<const std::size_t> send_counts,
                            Buffer output, std::span<const std::size_t> receive_counts);

/// A call on its way. Waiting is the owner's duty: the destructor waits too.
class TUTTI_API Request {
 public:
  Request();
  Request(Request&&) noexcept;
  Request& operator=(Request&&) noexcept;
  ~Request();

  /// Whether it has ended, well or not; makes no progress itself.
  bool test() const;
  /// Blocks until it has ended; its Status, again on every call.
  Status wait();
  /// When the library was at it: calls run one after the other, so not before those started earlier
  /// had ended. Both the same where nothing was to be done. REQUIRES: it has ended.
  struct Times {
    std::chrono::steady_clock::time_point begin;
    std::chrono::steady_clock::time_point end;
  };
  Times times() const;

  struct State;
  explicit Request(std::shared_ptr<State> state);

 private:
  // Shared with the thread that runs the call, which may outlive this handle.
  std::shared_ptr<State> state_;
};

/// Waits for all; the first failure, or OK.
TUTTI_API Status wait_all(std::span<Request> requests);

/// Memory that peers on this host can reach, so that calls on it copy nothing aside. Freed by the
/// destructor; must not outlive its communicator.
class TUTTI_API Memory {
 public:
  Memory();
  Memory(Memory&&) noexcept;
  Memory& operator=(Memory&&) noexcept;
  ~Memory();

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  /// REQUIRES: bytes() holds `count` elements.
  template <class T>
  std::span<T> as(std::size_t count) const {
    return {reinterpret_cast<T*>(data_), count};
  }

  struct Owner;
  Memory(std::byte* data, std::size_t bytes, Owner* owner);

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  Owner* owner_ = nullptr;
};

/// Who the ranks are to each other, as all of them see it.
struct Formation {
  std::vector<int> host_of;  // by rank: the number of its host
  int cores = 0;             // of a host, for its ranks; 0: each has one of its own
};

/// What ran last, for those who ask why it took so long.
struct Explanation {
  std::string algorithm;   // "two_shot"; of enqueued calls also "through host memory"
  std::string transports;  // "shm", "shm and ucx (tcp on eth0)", "cuda_p2p"
  bool mapped = false;     // buffers were used in place by peers
  bool inlined = false;    // data travelled in signals
  std::size_t tile_bytes = 0;
  int lanes = 0;
  int endpoints = 0;  // connections to ranks of other hosts that this rank has made so far
};

struct TopologyReport;  // of tutti/topology.h

class TUTTI_API Communicator {
 public:
  /// From the launcher's environment: mpirun or srun with PMIx, or torchrun. Options from the
  /// environment too.
  static Result<Communicator> from_environment();
  static Result<Communicator> from_environment(const Options& options);

  /// Every rank calls with the same id (see make_unique_id), its own rank and the same `ranks`.
  static Result<Communicator> create(const UniqueId& id, int rank, int ranks,
                                     const Options& options = {});

  /// `ranks` communicators for as many threads of this process.
  static Result<std::vector<Communicator>> threads(int ranks, const Options& options = {});

  /// An empty one, of no ranks: rank() is -1, ranks() 0, and every call kInvalidArgument.
  Communicator();
  Communicator(Communicator&&) noexcept;
  Communicator& operator=(Communicator&&) noexcept;
  ~Communicator();

  int rank() const;
  int ranks() const;
  Formation formation() const;

  /// Runs one call, or several at once as a group (sends and receives in a group cannot deadlock).
  /// Returns when this rank's part is done: its buffers may be used again.
  Status run(const Call& call);
  Status run(std::span<const Call> group);
  Status run(std::initializer_list<Call> group) {
    return run(std::span(group.begin(), group.size()));
  }

  /// The same without blocking. Calls on one communicator run in the order they were made.
  Result<Request> start(const Call& call);
  Result<Request> start(std::span<const Call> group);
  Result<Request> start(std::initializer_list<Call> group) {
    return start(std::span(group.begin(), group.size()));
  }

  // run(all_reduce(…)) and so on, for the common case.
  Status all_reduce(ConstBuffer input, Buffer output, ReduceOp op = {}) {
    return run(tutti::all_reduce(input, output, op));
  }
  Status all_gather(ConstBuffer input, Buffer output) {
    return run(tutti::all_gather(input, output));
  }
  Status reduce_scatter(ConstBuffer input, Buffer output, ReduceOp op = {}) {
    return run(tutti::reduce_scatter(input, output, op));
  }
  Status all_to_all(ConstBuffer input, Buffer output) {
    return run(tutti::all_to_all(input, output));
  }
  Status broadcast(ConstBuffer input, Buffer output, int root) {
    return run(tutti::broadcast(input, output, root));
  }
  Status reduce(ConstBuffer input, Buffer output, ReduceOp op, int root) {
    return run(tutti::reduce(input, output, op, root));
  }
  Status gather(ConstBuffer input, Buffer output, int root) {
    return run(tutti::gather(input, output, root));
  }
  Status scatter(ConstBuffer input, Buffer output, int root) {
    return run(tutti::scatter(input, output, root));
  }
  Status scan(ConstBuffer input, Buffer output, ReduceOp op = {},
              Direction direction = Direction::kForward) {
    return run(tutti::scan(input, output, op, direction));
  }
  Status exclusive_scan(ConstBuffer input, Buffer output, ReduceOp op = {},
                        Direction direction = Direction::kForward) {
    return run(tutti::exclusive_scan(input, output, op, direction));
  }
  Status barrier() { return run(tutti::barrier()); }
  Status send(ConstBuffer input, int peer) { return run(tutti::send(input, peer)); }
  Status receive(Buffer output, int peer) { return run(tutti::receive(output, peer)); }

  /// Memory for buffers that peers read and write directly. Collective; sizes may differ between
  /// ranks. When one rank gets none, no rank does.
  Result<Memory> allocate(std::size_t bytes);

  /// Makes memory that the caller has reachable by peers, as if from allocate(), keeping its
  /// address and contents, until the Memory returned is destroyed; it must last until then. A
  /// process forked meanwhile shares it. Collective, as allocate(); a rank without any gives none.
  /// REQUIRES: page-aligned address and size, anonymous private memory (malloc, mmap), not in use
  /// by another thread meanwhile.
  Result<Memory> register_memory(std::span<std::byte> memory);

  /// Issues calls on memory of the device (Options::device), in the order of a stream of it (a
  /// cudaStream_t or CUstream; nullptr is the default one): they begin after what was issued on the
  /// stream before, and what is issued on it afterwards begins when they have ended. Returns when
  /// they are issued, and never waits for peers.
  ///
  /// Otherwise as run(): the same calls in the same order on all ranks, whatever the streams (but
  /// for those in graphs: docs/gpu.md); a group is one call. Buffers are memory of the device, and
  /// live until the stream has passed.
  /// What runs on host memory at the same time (run, start) is apart: neither waits for the other.
  ///
  /// kInvalidArgument names the buffer that is not memory of the device, or says that the stream is
  /// another device's; kNotSupported without a device, and for what a graph that is being captured
  /// cannot hold where no kernel may wait (docs/gpu.md). A graph must not run once the communicator
  /// has ended. A failure on the way (a deadline, a lost peer) lets the streams go on, with outputs
  /// that mean nothing; health() and every later call tell it.
  Status enqueue(const Call& call, void* stream);
  Status enqueue(std::span<const Call> group, void* stream);
  Status enqueue(std::initializer_list<Call> group, void* stream) {
    return enqueue(std::span(group.begin(), group.size()), stream);
  }

  /// The first failure of a call that was enqueued, or OK. Does not block. Any thread.
  Status health() const;

  /// Memory of the device that peers on this host reach, so that enqueued calls on it copy nothing
  /// aside. Collective, as allocate(). The destructor waits for nothing: what was enqueued on it
  /// must have ended, on all ranks. Between processes the memory is given back when all ranks meet
  /// next in allocate_on_device(), or at the end.
  Result<Memory> allocate_on_device(std::size_t bytes);

  /// Makes memory of the device that the caller has reachable by peers, as if from
  /// allocate_on_device(), until the communicator ends; all of the allocation that holds
  /// `address`, which must last as long. Collective; a rank without any gives nullptr.
  /// kNotSupported, on all ranks, for memory of a kind that other processes cannot map.
  Status register_on_device(const void* address);

  /// A communicator of the ranks that gave the same color, ordered by (key, rank). Collective.
  /// A rank that gives a negative color takes part and gets an empty one.
  Result<Communicator> split(int color, int key = 0);
  bool empty() const { return impl_ == nullptr; }

  /// Ends every call on every rank with kAborted. Local, returns at once, always.
  void abort(const std::string& reason = "");

  /// After an error: a communicator of the ranks that live and call shrink() too within the start
  /// timeout, in their old order. Ranks that are known not to come need not be waited for: all that
  /// come must leave out the same ones.
  Result<Communicator> shrink(std::span<const int> without = {});

  /// The hosts of all ranks, with the ranks on their processors; the same on every rank.
  /// Collective.
  Result<TopologyReport> topology();

  /// About the last call that ended on this rank, or was enqueued. REQUIRES: no request is under
  /// way.
  Explanation explain() const;

  class Impl;
  explicit Communicator(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace tutti
