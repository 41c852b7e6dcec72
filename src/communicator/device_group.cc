#include "communicator/device_group.h"

namespace tutti {
namespace {

bool needs_copy(const std::vector<Stretch>& stretches) { return !stretches.empty(); }

}  // namespace

StagedGroup::StagedGroup(Staging& staging, std::span<const StagedCall> calls, int rank)
    : staging_(staging), rank_(rank), lanes_(staging.layout().lanes()) {
  for (const StagedCall& staged : calls) {
    if (staged.call.variable && staged.call.collective == Collective::kAllToAll) {
      add_all_to_all_v(staged.call);
    } else {
      add(staged);
    }
  }
}

StagedGroup::Lane& StagedGroup::lane(int number) {
  Lane& lane = lanes_[number];
  if (lane.slots.empty()) {
    lane.number = number;
    lane.slots.resize(StagingLayout::slots(number));
    busy_.push_back(number);
  }
  return lane;
}

void StagedGroup::add(const StagedCall& staged) {
  const Call& call = staged.call;
  const StagingLayout& layout = staging_.layout();
  int number = StagingLayout::lane_of_collectives();
  if (call.collective == Collective::kSendRecv) {
    number = call.sends ? layout.lane_to(call.peer) : layout.lane_from(call.peer);
  }
  lane(number).calls.emplace_back(staged, rank_, layout.ranks, layout.room(number));
}

// As communicators do on host memory: an announcement, and a message for each pair.
void StagedGroup::add_all_to_all_v(const Call& call) {
  Call announcement = call;
  announcement.input.count = announcement.output.count = 0;
  announcement.send_counts = announcement.receive_counts = {};
  add(announcement);
  const auto* in = static_cast<const std::byte*>(call.input.data);
  auto* out = static_cast<std::byte*>(call.output.data);
  for (int peer = 0; peer < staging_.layout().ranks; ++peer) {
    const ConstBuffer part(in, call.send_counts[peer], call.input.type);
    const Buffer room(out, call.receive_counts[peer], call.output.type);
    in += part.bytes();
    out += room.bytes();
    add(tutti::send(part, peer));
    add(tutti::receive(room, peer));
  }
}

Result<std::optional<FedCall>> StagedGroup::next() {
  if (!failure_.ok()) return failure_;
  std::erase_if(busy_, [this](int number) {
    free_slots(lanes_[number]);
    return lanes_[number].done();
  });
  for (const int number : busy_) {
    if (Status status = fill(lanes_[number]); !status.ok()) return status;
    if (std::optional<FedCall> call = begin(lanes_[number])) return call;
  }
  return std::optional<FedCall>();
}

void StagedGroup::free_slots(Lane& lane) {
  while (lane.freed < lane.begun) {
    Slot& slot = lane.slot(lane.freed);
    if (slot.stage == Stage::kEmptying && copied(lane, lane.freed)) slot.stage = Stage::kFree;
    if (slot.stage != Stage::kFree) return;
    ++lane.freed;
  }
}

Status StagedGroup::fill(Lane& lane) {
  while (!lane.all_filled() && lane.filled - lane.freed < lane.slots.size()) {
    Slot& slot = lane.slot(lane.filled);
    slot.cutting = &lane.calls[lane.call];
    slot.piece = slot.cutting->piece(lane.piece);
    slot.stage = Stage::kFilling;
    slot.on_device = staging_.direct().takes(slot.cutting->call());
    const int number = static_cast<int>(lane.filled++ % lane.slots.size());
    if (++lane.piece == slot.cutting->pieces()) {
      ++lane.call;
      lane.piece = 0;
    }
    if (!needs_copy(slot.piece.input)) continue;
    Status status = staging_.copy_in({lane.number, number, slot.on_device},
                                     slot.cutting->call().input.data, slot.piece.input);
    if (!status.ok()) return status;
  }
  return {};
}

std::optional<FedCall> StagedGroup::begin(Lane& lane) {
  if (lane.begun == lane.filled || !copied(lane, lane.begun)) return {};
  Slot& slot = lane.slot(lane.begun);
  const std::uint64_t number = lane.begun++ % lane.slots.size();
  slot.stage = Stage::kRunning;
  const SlotAt at{lane.number, static_cast<int>(number), slot.on_device};
  return FedCall{.call = slot.cutting->call_of(slot.piece, staging_.input(at), staging_.output(at)),
                 .whole = slot.cutting->whole(),
                 .number = number * lanes_.size() + lane.number};
}

void StagedGroup::ended(std::uint64_t number) {
  Lane& lane = lanes_[number % lanes_.size()];
  const int at = static_cast<int>(number / lanes_.size());
  Slot& slot = lane.slots[at];
  if (!needs_copy(slot.piece.output)) {
    slot.stage = Stage::kFree;
    return;
  }
  slot.stage = Stage::kEmptying;
  Status status = staging_.copy_out({lane.number, at, slot.on_device},
                                    slot.cutting->call().output.data, slot.piece.output);
  if (!status.ok()) failure_ = std::move(status);
}

}  // namespace tutti
