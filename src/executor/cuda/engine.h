// Runs a plan on a stream: nothing waits in a kernel.
//
// For processes whose kernels take turns on one device, where a kernel that waits for another
// process's would use up its turn waiting; and where no multiprocessor is to be taken from compute.
// A move from one source is copies, any other move a short kernel (local_pass.h); a signal is a
// number stored in the peer's board, a wait one of the stream's.
//
// The buffers lie in every rank's scratch, at the same offsets (pieces.h): addresses of user's
// buffers would have to be exchanged between hosts' threads, which nothing here may wait for.
//
// Ranks say in which call they are before they meet, and compare after (engine_roll_call.h). Where
// they differ, or a peer did not come, the stream goes on as it must, in scratch: what a call has
// made gets to its output only if all agreed.
//
// Not for streams that are captured: a graph would store the same numbers again.
//
// Tested by cuda_engine_test.cc.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "device/device.h"
#include "executor/cuda/kernels.h"
#include "executor/cuda/pieces.h"
#include "executor/cuda/pinned_memory.h"
#include "plan/plan.h"
#include "transports/cuda_p2p/boards.h"

namespace tutti::cuda {

struct EngineCall {
  const Plan* plan = nullptr;
  Staging staging;  // where every rank's buffers are, in its scratch
  Piece piece;      // the elements of each part that lie there
  Buffer output;    // the caller's, for the piece to be brought to
  DataType type = DataType::kUint8;
  Arithmetic arithmetic;
};

class Engine final {
 public:
  /// kNotSupported where streams do not wait on memory. `device` and `boards` must outlive it.
  static Result<std::unique_ptr<Engine>> create(Device& device, const Boards& boards);
  ~Engine();

  /// One thread at a time. Calls of all ranks are the same, in the same order, which is compared:
  /// `caller` has their numbers and words, and where to report.
  Status run(const EngineCall& call, const Team& caller, Stream stream);

  /// What the stream waits for, if it does: the call's number, the peer, and a mark that changes
  /// with every wait. Any thread.
  struct Wait {
    std::uint32_t call = 0;
    int peer = 0;
    std::uint32_t mark = 0;

    bool operator==(const Wait&) const = default;
  };
  std::optional<Wait> waiting() const;

  /// Lets the streams of this rank pass all waits that have been issued, without what they wait
  /// for. Signals that come late may close them again: to be called until nothing waits. Any
  /// thread.
  void release();

 private:
  // In memory of the host: the streams store in it where they are.
  struct Progress {
    std::uint32_t call = 0;
    std::uint32_t wait = 0;  // a mark, and in the lower bits the peer; 0: none
  };

  Engine(Device& device, const Boards& boards, PinnedMemory<Progress> progress, Stream stream);

  Status meet(const Team& caller, Stream stream);
  Status announce(std::uint64_t word, Stream stream);
  Status compare(const Team& caller, Stream stream);
  Status give(std::uint32_t* flag_of_peer, Stream stream);
  Status take(const std::uint32_t* flag, int peer, Stream stream);
  Status move(const EngineCall& call, const Instruction& instruction, Stream stream);
  Status copy(const EngineCall& call, const Instruction& move, std::size_t count, Stream stream);
  Status pass(const EngineCall& call, const Instruction& move, std::size_t count, Stream stream);
  Status bring_out(const EngineCall& call, Stream stream);
  Status bring_out(const EngineCall& call, std::size_t first, std::size_t part, std::size_t count,
                   Stream stream);

  Board& board_of(int rank) const { return *team_.boards[rank]; }
  Board& own_board() const { return board_of(team_.rank); }
  std::byte* scratch_of(int rank) const {
    return reinterpret_cast<std::byte*>(&board_of(rank)) + scratch_offset(team_.ranks);
  }
  std::byte* address(const EngineCall& call, const Chunk& chunk) const;
  std::size_t length(const EngineCall& call, const Chunk& chunk) const;

  Device& device_;
  const Team team_;
  const bool one_process_;
  const PinnedMemory<Progress> progress_;
  const Stream own_stream_;                // to release the others
  std::atomic<std::uint32_t> rounds_ = 0;  // begun; what flags are set to
  std::atomic<int> lines_ = 0;             // that any plan so far has had
  std::uint32_t waits_ = 0;
};

}  // namespace tutti::cuda
