// What has gone wrong in calls that were issued, found without waiting: kernels write it into
// memory of the host themselves; of streams that wait, the host sees that they do, and for how
// long.
//
// Tested by cuda_executor_test.cc.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "device/device.h"
#include "executor/cuda/engine.h"
#include "executor/cuda/pinned_memory.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda {

class TroubleWatch final {
 public:
  /// `numbers`: what ranks are called in messages; empty: by their own numbers.
  static Result<std::unique_ptr<TroubleWatch>> make(Device& device, int rank,
                                                    std::chrono::milliseconds patience,
                                                    const std::vector<int>& numbers = {});

  /// What kernels write to.
  Trouble* on_device() const { return trouble_.on_device(); }
  /// Streams that wait are watched too. `engine` lives as long.
  void watch(Engine& engine) { engine_ = &engine; }

  /// The next call's number, for messages. `word`: of call_word.h.
  std::uint32_t begin(std::uint64_t word);

  /// What a stream sets to the number of the last call that it has done.
  std::uint32_t* ended_on_device() const { return &trouble_.on_device()->ended; }
  std::uint32_t ended() const;

  /// The first failure. Any thread.
  Status look();
  /// Fails everything from now on, and ends what waits. Any thread.
  void abort(const std::string& reason);

 private:
  using Clock = std::chrono::steady_clock;

  TroubleWatch(PinnedMemory<Trouble> trouble, int rank, std::chrono::milliseconds patience,
               const std::vector<int>& numbers)
      : trouble_(std::move(trouble)),
        rank_(rank),
        patience_(patience),
        numbers_(numbers),
        calls_(kCallsKept) {}
  int number_of(int rank) const { return numbers_.empty() ? rank : numbers_[rank]; }

  Status look_at_kernels();
  Status look_at_streams();
  Status missed(std::uint32_t call, int peer) const;

  // Calls of which the words are kept; a graph may replay one that is older.
  static constexpr std::size_t kCallsKept = 4096;

  const PinnedMemory<Trouble> trouble_;
  const int rank_;
  const std::chrono::milliseconds patience_;
  const std::vector<int> numbers_;
  Engine* engine_ = nullptr;

  // Any thread may look, or abort.
  std::mutex mutex_;
  Status failure_;
  std::uint32_t newest_ = 0;
  std::vector<std::uint64_t> calls_;  // their words, by number
  std::optional<Engine::Wait> last_wait_;
  Clock::time_point waits_since_{};
};

}  // namespace tutti::cuda
