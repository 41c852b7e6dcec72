#include "communicator/device_staging.h"

#include <algorithm>
#include <utility>

#include "communicator/shape.h"

namespace tutti {
namespace {

constexpr std::size_t kKilobyte = 1024;
constexpr std::size_t kCollectiveRoom = 2048 * kKilobyte;
constexpr std::size_t kCollectiveRoomOfRank = 16 * kKilobyte;  // at least
constexpr std::size_t kMessageMemory = 8192 * kKilobyte;       // of all lanes together
constexpr std::size_t kMostMessageRoom = 512 * kKilobyte;
constexpr std::size_t kLeastMessageRoom = 16 * kKilobyte;

// Before memory is taken from under copies that do not end.
constexpr std::chrono::seconds kDrain{10};

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
                                                 std::byte* memory, DirectStaging direct) {
  std::unique_ptr<Staging> staging(new Staging(device, layout, memory, std::move(direct)));
  Result<std::unique_ptr<PinnedWords>> words = PinnedWords::create(device, layout.words());
  if (!words.ok()) return words.status();
  staging->words_ = std::move(*words);
  Result<std::byte*> pinned = device.pin({memory, layout.bytes()});
  if (!pinned.ok()) return pinned.status();
  staging->on_device_ = *pinned;
  for (Stream* stream : {&staging->in_, &staging->out_}) {
    Result<Stream> made = device.make_stream();
    if (!made.ok()) return made.status();
    *stream = *made;
  }
  return staging;
}

Staging::~Staging() {
  if (!drain(kDrain).ok()) {  // the device has failed for good: what it may yet use is left to it
    words_->forget();
    return;
  }
  for (const Stream stream : {in_, out_}) {
    if (stream != nullptr) device_.end_stream(stream);
  }
  if (on_device_ != nullptr) device_.unpin(memory_);
}

Status Staging::copy_in(SlotAt at, const void* buffer, std::span<const Stretch> stretches) {
  std::byte* target = base(at, on_device_) + layout_.input(at.lane, at.slot);
  for (const Stretch& stretch : stretches) {
    const auto* source = static_cast<const std::byte*>(buffer) + stretch.at;
    if (Status status = device_.copy(in_, target, source, stretch.bytes); !status.ok()) {
      return status;
    }
    target += stretch.bytes;
  }
  return finish_copy(in_, at);
}

Status Staging::copy_out(SlotAt at, void* buffer, std::span<const Stretch> stretches) {
  const std::byte* source = base(at, on_device_) + layout_.output(at.lane, at.slot);
  for (const Stretch& stretch : stretches) {
    auto* target = static_cast<std::byte*>(buffer) + stretch.at;
    if (Status status = device_.copy(out_, target, source, stretch.bytes); !status.ok()) {
      return status;
    }
    source += stretch.bytes;
  }
  return finish_copy(out_, at);
}

Status Staging::finish_copy(Stream stream, SlotAt at) {
  const std::size_t word = layout_.word(at.lane, at.slot);
  return device_.set(stream, words_->on_device(word), ++copies_[word]);
}

bool Staging::copied(int lane, int slot) const {
  const std::size_t word = layout_.word(lane, slot);
  return words_->load(word) == copies_[word];
}

Status Staging::drain(std::chrono::milliseconds timeout) {
  for (const Stream stream : {in_, out_}) {
    if (stream == nullptr) continue;
    if (Status status = device_.synchronize(stream, timeout); !status.ok()) return status;
  }
  return {};
}

}  // namespace tutti
