// Memory through which buffers of a device pass, and who copies (device_copiers.h): pinned memory
// of the host; for calls that only move, where the network reaches that, memory of the device laid
// out alike.
//
// Every stream of calls has a lane of its own, with slots for a few pieces each: the collectives,
// the messages to each rank, and those from each rank. So a lane that waits for its peer keeps no
// other from moving, whatever the ranks send each other in which order. No copy waits for a call.
// Used by one thread. Tested by proxy_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "communicator/device_copiers.h"
#include "communicator/device_pieces.h"
#include "device/device.h"

namespace tutti {

class DeviceVisits;

/// The same on all ranks.
struct StagingLayout {
  explicit StagingLayout(int ranks);

  // Of three pieces one is copied in, one is under way and one is copied out.
  static constexpr int kCollectiveSlots = 3;
  static constexpr int kMessageSlots = 2;

  static int lane_of_collectives() { return 0; }
  int lane_to(int peer) const { return 1 + peer; }
  int lane_from(int peer) const { return 1 + ranks + peer; }
  int lanes() const { return 1 + 2 * ranks; }
  static int slots(int lane) { return lane == 0 ? kCollectiveSlots : kMessageSlots; }
  /// Bytes of each buffer of a piece.
  std::size_t room(int lane) const { return lane == 0 ? collective_room : message_room; }

  std::size_t input(int lane, int slot) const;
  std::size_t output(int lane, int slot) const;
  /// Slots are numbered through.
  std::size_t word(int lane, int slot) const;
  std::size_t words() const { return word(lanes(), 0); }
  std::size_t bytes() const { return input(lanes(), 0); }

  int ranks = 1;
  std::size_t collective_room = 0;
  std::size_t message_room = 0;
};

/// A place in staging memory.
struct SlotAt {
  int lane = 0;
  int slot = 0;
  bool on_device = false;
};

/// Staging memory of the device, and what goes through it: all that only moves between ranks which
/// are reached from there.
struct DirectStaging {
  std::byte* memory = nullptr;   // null: none
  bool collectives = false;      // all ranks are
  std::vector<bool> peers = {};  // by rank; for messages

  bool takes(const Call& call) const;
};

class Staging final {
 public:
  /// `memory`: layout.bytes() that the host's calls reach; pinned here. All must outlive it, and so
  /// must `direct`'s. The visits' kernels copy, if there are any; they end before it, with all that
  /// they copy.
  static Result<std::unique_ptr<Staging>> create(Device& device, const StagingLayout& layout,
                                                 std::byte* memory, DeviceVisits& visits,
                                                 DirectStaging direct = {});
  ~Staging();
  Staging(const Staging&) = delete;

  const StagingLayout& layout() const { return layout_; }
  const DirectStaging& direct() const { return direct_; }
  /// As the host's calls reach them.
  std::byte* input(SlotAt at) const { return base(at, memory_) + layout_.input(at.lane, at.slot); }
  std::byte* output(SlotAt at) const {
    return base(at, memory_) + layout_.output(at.lane, at.slot);
  }

  /// Begins to copy the stretches of a buffer of the device into the slot, or out of it.
  Status copy_in(SlotAt at, const void* buffer, std::span<const Stretch> stretches);
  Status copy_out(SlotAt at, void* buffer, std::span<const Stretch> stretches);
  /// Whether what was begun for the slot is done.
  bool copied(int lane, int slot) const;
  /// Until nothing is being copied; kTimeout.
  Status drain(std::chrono::milliseconds timeout);

 private:
  Staging(Device& device, const StagingLayout& layout, std::byte* memory, DirectStaging direct)
      : device_(device),
        layout_(layout),
        memory_(memory),
        direct_(std::move(direct)),
        copies_(layout.words()) {}
  std::byte* base(SlotAt at, std::byte* pinned) const {
    return at.on_device ? direct_.memory : pinned;
  }
  // Who copies one way, and the last copy begun.
  struct Way {
    Status copy(std::byte* target, const std::byte* source, std::size_t bytes);

    ChosenCopier copier;
    std::uint64_t last = 0;
  };
  struct Begun {
    DeviceCopier* copier = nullptr;
    std::uint64_t number = 0;
  };

  Device& device_;
  const StagingLayout layout_;
  std::byte* const memory_;
  const DirectStaging direct_;
  std::byte* on_device_ = nullptr;  // the same memory; null: not pinned
  Way in_, out_;
  std::vector<Begun> copies_;  // by slot
};

}  // namespace tutti
