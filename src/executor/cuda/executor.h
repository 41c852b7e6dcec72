// Runs collectives on memory of a device, in the order of a stream, between ranks of one host whose
// devices reach each other. Never blocks the host, allocates nothing, and may be recorded in a
// graph.
//
// A call is one kernel where a fast one knows it (one_shot.h, two_shot.h, multicast.h, moves.h),
// copies between two meetings (copies.h), and otherwise the interpreter of schedules
// (interpreter.h). Where kernels of several processes take turns on one device, nothing waits in a
// kernel: the plan's steps become copies, short kernels and waits of the stream (engine.h). What
// cannot be reached by peers goes through the board's scratch, piece by piece.
//
// Tested by cuda_executor_test.cc.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "schedule/schedule.h"
#include "transports/cuda_p2p/boards.h"
#include "tutti/types.h"

namespace tutti {

/// A call on memory of the device. What the buffers hold: as in tutti.h.
struct DeviceCall {
  Collective collective = Collective::kBarrier;
  DataType type = DataType::kUint8;
  ReduceOp op;            // not kUser
  int root = 0;           // broadcast, reduce, gather, scatter
  std::size_t count = 0;  // elements of the smaller buffer: c of tutti.h
  const std::byte* input = nullptr;
  std::byte* output = nullptr;
};

class CudaExecutor final {
 public:
  /// The schedule of the algorithm of that name among all ranks of the boards, if there is one. An
  /// executor does not know algorithms; schedule_of() of the catalog does.
  using FindSchedule = std::function<std::optional<Schedule>(Collective collective,
                                                             std::string_view algorithm, int root)>;

  struct Settings {
    std::chrono::milliseconds call_timeout{300'000};
    int blocks = 16;             // of a kernel, at most
    int threads = 512;           // of a block
    std::string algorithm = {};  // forced: the name of a fast path ("one_shot", "two_shot") or of
                                 // an algorithm of the catalog, for the interpreter; "": chosen
    bool engine = false;         // no waiting in kernels even where they could
    std::optional<std::size_t> copies_from = {};  // bytes of input; none: see is_for_copies()
    FindSchedule find_schedule = {};
    std::vector<int> numbers = {};  // what ranks are called in messages; empty: their own numbers
  };

  /// Everything that calls need is allocated and loaded here. Not collective, but all ranks of the
  /// boards must make one, with the same settings. `device` and `boards` must outlive it.
  static Result<std::unique_ptr<CudaExecutor>> create(Device& device, Boards& boards,
                                                      const Settings& settings);
  /// As finish(). What streams may yet use is left to the process where that is false.
  /// REQUIRES: no graph that holds a call runs any more.
  ~CudaExecutor();

  /// Waits until streams have done all that was issued: kernels look at memory of the host, and at
  /// the boards, to their end, after abort() too. False when they have not for longer than a call
  /// may take. Nothing is issued afterwards.
  bool finish();

  /// Issues the call. All ranks of the boards issue the same calls in the same order, and an
  /// all_to_all in place on all ranks or on none. One thread at a time. A call runs after the ones
  /// before, whatever their streams; where the device's streams cannot wait for memory, and where
  /// graphs hold calls, the caller puts streams in that order. A call of no elements issues
  /// nothing. kNotSupported for what no path can do; kInvalidArgument names the argument. After a
  /// failure of an earlier call: that failure.
  Status enqueue(const DeviceCall& call, Stream stream);

  /// The first failure of a call that was issued, once it is known: kTimeout names the rank that
  /// did not come and the call; kMismatch, soon and on all ranks, what two ranks called that is not
  /// the same; kAborted. Does not block.
  Status health() const;
  /// Ends whatever waits, on this rank's device. At once, any thread.
  void abort(const std::string& reason);

  /// What the last call ran: "two_shot", "two_shot by multicast", "all_pairs_pull by copies", "ring
  /// by interpreter", "ring by engine".
  std::string last_path() const;

 private:
  struct State;
  explicit CudaExecutor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tutti
