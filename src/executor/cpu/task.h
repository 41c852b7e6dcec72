// Runs one job, a little at a time, without ever blocking.
//
// The job's blocks are taken in order, several in flight (lanes). A block walks through the plan's
// instructions until a wait is not ready; then the next block has its turn. Before a block touches
// memory of peers, they must have finished the blocks that used that memory before (credits).
// Blocks are reported finished in order.
//
// Tested by executor_test.cc.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "executor/cpu/entry.h"
#include "transports/transport.h"

namespace tutti {

class Task : public Taker {
 public:
  /// REQUIRES: tasks on one arena begin (first step()) in the same order on all ranks, one after
  /// the other.
  Task(const Site& site, Arena& arena, Job& job) : site_(site), arena_(arena), job_(job) {}
  Task(const Task&) = delete;

  enum class State : std::uint8_t {
    kNew,
    kMeeting,
    kRunning,
    kFlushing,
    kDone,
    kMismatch,
    kFailed
  };

  /// Does what can be done now. True when something moved.
  bool step();

  /// Runs the instruction that data is for, if a block waits for just that.
  bool take(std::size_t offset, std::span<const std::byte> data, std::size_t line_offset,
            const Signal& signal) override;

  State state() const { return state_; }
  bool ended() const { return state_ >= State::kDone; }
  const Job& job() const { return job_; }
  const Arena& arena() const { return arena_; }
  const Variant& variant() const { return *variant_; }
  /// Its suspect is the rank whose signal showed another call (kMismatch), or that is waited for.
  const Entry& entry() const { return entry_; }
  /// Why the state is kFailed.
  const Status& failure() const { return failure_; }

 private:
  // A block in flight.
  struct Cursor {
    std::uint64_t block = 0;  // number in the arena
    std::size_t first = 0;    // element of every chunk at which the block begins
    std::size_t at = 0;       // next instruction
    std::uint64_t after = 0;  // credit needed
    std::size_t lines = 0;    // offsets in every window
    std::size_t scratch = 0;
    std::vector<std::uint64_t> puts;  // issued when it was finished, to each of far_receivers_
    std::uint64_t copies = 0;         // the last copy in the annex; 0: none that is under way
    bool admitted = false;
    bool finished = false;
  };

  bool meet();
  void start_running(const Variant& variant);
  bool puts_scratch() const;
  bool is_far(int peer) const { return site_.windows[peer] == nullptr; }
  bool run_blocks();
  void open_block();
  bool advance(Cursor& cursor);
  bool admit(Cursor& cursor);
  bool may_scale_inputs(const Cursor& cursor);
  std::uint64_t due() const;
  void grant(std::uint64_t least);
  bool has_credit(int receiver, std::uint64_t after);
  Cursor* waiting_for(const Signal& signal, std::size_t line_offset);
  bool take_signal(const Instruction& instruction, Cursor& cursor);
  void give(const Instruction& instruction, const Cursor& cursor);
  void move(const Instruction& instruction, Cursor& cursor);
  bool is_local(const Instruction& instruction) const;
  bool copied(Cursor& cursor);
  void copy_in_annex(const Instruction& instruction, Cursor& cursor, std::size_t length);
  void put_unmapped(const Instruction& instruction, const Cursor& cursor, std::size_t length);
  bool finish_block(Cursor& cursor);
  bool may_retire(const Cursor& cursor);
  void retire_blocks();
  void scale_inputs(const Cursor& cursor);
  void divide_outputs(const Cursor& cursor);
  void finish();
  bool flushed();
  bool has_flushed(int peer, std::uint64_t puts);
  void fail(Status status);

  int global(int plan_rank) const {
    if (plan_rank == kSelf) return site_.rank;
    return job_.is_message() ? job_.pair[plan_rank] : plan_rank;
  }
  std::size_t length(const Chunk& chunk, const Cursor& cursor) const;
  std::size_t length(const Instruction& instruction, const Cursor& cursor) const;
  std::byte* address(const Chunk& chunk, const Cursor& cursor);
  std::size_t scratch_offset(int index, const Cursor& cursor) const {
    return arena_.scratch_at + cursor.scratch + index * tile_stride_;
  }

  const Site& site_;
  Arena& arena_;
  Job& job_;
  const Variant* variant_ = nullptr;
  const Plan* plan_ = nullptr;

  State state_ = State::kNew;
  Entry entry_;
  Status failure_;

  std::size_t element_ = 1;
  std::size_t tile_stride_ = 0;     // bytes of a scratch chunk in a block
  std::vector<int> far_receivers_;  // peers that puts go to, of those that are not mapped
  bool lends_scratch_ = false;      // puts that are read late read scratch memory
  std::size_t opened_ = 0;          // blocks begun
  std::size_t retired_ = 0;         // blocks finished, in order
  std::uint64_t reach_ = 0;         // of the last block opened, back to that whose memory it takes
  std::array<Cursor, kMostLanes> cursors_;  // set by open_block()
  int next_to_meet_ = 0;
  // During take(): data that stands for a scratch chunk.
  const std::byte* landed_ = nullptr;
  int landed_chunk_ = -1;
};

}  // namespace tutti
