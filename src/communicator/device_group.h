// A group of calls on memory of a device, on its way through staging memory: pieces are copied in,
// run, and copied out, in every lane by itself.
//
// Tested by proxy_test.cc and enqueue_test.cc.

#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "communicator/device_staging.h"
#include "communicator/feed.h"

namespace tutti {

class StagedGroup final : public CallFeed {
 public:
  /// REQUIRES: validate() is OK for every call. The calls' counts must live as long.
  StagedGroup(Staging& staging, std::span<const StagedCall> calls, int rank);

  Result<std::optional<FedCall>> next() override;
  void ended(std::uint64_t number) override;
  bool complete() const override { return busy_.empty(); }

 private:
  enum class Stage : std::uint8_t { kFree, kFilling, kRunning, kEmptying };
  struct Slot {
    Stage stage = Stage::kFree;
    const Cutting* cutting = nullptr;
    Piece piece;
    bool on_device = false;  // in which memory of the slot
  };
  // Pieces take the slots in turn.
  struct Lane {
    int number = 0;
    std::deque<Cutting> calls;  // addresses stay
    std::size_t call = 0;       // the next piece to be copied in: of which call, and which one
    std::size_t piece = 0;
    std::uint64_t filled = 0;  // pieces so far
    std::uint64_t begun = 0;
    std::uint64_t freed = 0;
    std::vector<Slot> slots;

    Slot& slot(std::uint64_t piece_number) { return slots[piece_number % slots.size()]; }
    bool all_filled() const { return call == calls.size(); }
    bool done() const { return all_filled() && freed == filled; }
  };

  void add(const StagedCall& staged);
  void add_all_to_all_v(const Call& call);
  Lane& lane(int number);
  Status fill(Lane& lane);
  void free_slots(Lane& lane);
  std::optional<FedCall> begin(Lane& lane);
  bool copied(const Lane& lane, std::uint64_t piece_number) const {
    return staging_.copied(lane.number, static_cast<int>(piece_number % lane.slots.size()));
  }

  Staging& staging_;
  const int rank_;
  std::vector<Lane> lanes_;
  std::vector<int> busy_;  // of lanes_, those that are not done
  Status failure_;
};

}  // namespace tutti
