#include "communicator/device_staging.h"

#include <algorithm>
#include <utility>

#include "communicator/device_visits.h"
#include "communicator/shape.h"

namespace tutti {
namespace {

constexpr std::size_t kKilobyte = 1024;
constexpr std::size_t kCollectiveRoom = 2048 * kKilobyte;
constexpr std::size_t kCollectiveRoomOfRank = 16 * kKilobyte;  // at least
constexpr std::size_t kMessageMemory = 8192 * kKilobyte;       // of all lanes together
constexpr std::size_t kMostMessageRoom = 512 * kKilobyte;
constexpr std::size_t kLeastMessageRoom = 16 * kKilobyte;

}  // namespace

StagingLayout::StagingLayout(int ranks) : ranks(ranks) {
  const std::size_t n = static_cast<std::size_t>(ranks);
  collective_room = std::max(kCollectiveRoom, n * kCollectiveRoomOfRank);
  const std::size_t share = kMessageMemory / (2 * n * kMessageSlots) / kLeastMessageRoom;
  message_room = std::clamp(share * kLeastMessageRoom, kLeastMessageRoom, kMostMessageRoom);
}

std::size_t StagingLayout::input(int lane, int slot) const {
  if (lane == 0) return slot * 2 * collective_room;
  const std::size_t collectives = kCollectiveSlots * 2 * collective_room;
  return collectives + (static_cast<std::size_t>(lane - 1) * kMessageSlots + slot) * message_room;
}

// Messages have one buffer only.
std::size_t StagingLayout::output(int lane, int slot) const {
  return input(lane, slot) + (lane == 0 ? collective_room : 0);
}

std::size_t StagingLayout::word(int lane, int slot) const {
  if (lane == 0) return slot;
  return kCollectiveSlots + static_cast<std::size_t>(lane - 1) * kMessageSlots + slot;
}

bool DirectStaging::takes(const Call& call) const {
  if (memory == nullptr || reduces(call.collective)) return false;
  return call.collective == Collective::kSendRecv ? peers[call.peer] : collectives;
}

Result<std::unique_ptr<Staging>> Staging::create(Device& device, const StagingLayout& layout,
                                                 std::byte* memory, DeviceVisits& visits,
                                                 DirectStaging direct) {
  std::unique_ptr<Staging> staging(new Staging(device, layout, memory, std::move(direct)));
  Result<std::byte*> pinned = device.pin({memory, layout.bytes()});
  if (!pinned.ok()) return pinned.status();
  staging->on_device_ = *pinned;
  Status status = staging->in_.copier.open(device, visits.copier(kLineIn));
  if (status.ok()) status = staging->out_.copier.open(device, visits.copier(kLineOut));
  if (!status.ok()) return status;
  return staging;
}

Staging::~Staging() {
  for (Way* way : {&in_, &out_}) {
    if (!way->copier.finish()) return;
  }
  if (on_device_ != nullptr) device_.unpin(memory_);
}

Status Staging::Way::copy(std::byte* target, const std::byte* source, std::size_t bytes) {
  const Result<std::uint64_t> number = copier->copy(target, source, bytes);
  if (number.ok()) last = *number;
  return number.status();
}

Status Staging::copy_in(SlotAt at, const void* buffer, std::span<const Stretch> stretches) {
  std::byte* target = base(at, on_device_) + layout_.input(at.lane, at.slot);
  for (const Stretch& stretch : stretches) {
    const auto* source = static_cast<const std::byte*>(buffer) + stretch.at;
    if (Status status = in_.copy(target, source, stretch.bytes); !status.ok()) return status;
    target += stretch.bytes;
  }
  copies_[layout_.word(at.lane, at.slot)] = {in_.copier.get(), in_.last};
  return {};
}

Status Staging::copy_out(SlotAt at, void* buffer, std::span<const Stretch> stretches) {
  const std::byte* source = base(at, on_device_) + layout_.output(at.lane, at.slot);
  for (const Stretch& stretch : stretches) {
    auto* target = static_cast<std::byte*>(buffer) + stretch.at;
    if (Status status = out_.copy(target, source, stretch.bytes); !status.ok()) return status;
    source += stretch.bytes;
  }
  copies_[layout_.word(at.lane, at.slot)] = {out_.copier.get(), out_.last};
  return {};
}

bool Staging::copied(int lane, int slot) const {
  const Begun& begun = copies_[layout_.word(lane, slot)];
  return begun.copier == nullptr || begun.copier->copied(begun.number);
}

Status Staging::drain(std::chrono::milliseconds timeout) {
  for (const Way* way : {&in_, &out_}) {
    Status status = wait_for_copies(*way->copier.get(), way->last, timeout);
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace tutti
