// A rank's part of the boards. Tested by cuda_p2p_test.cc.

#include "transports/cuda_p2p/state.h"

#include <string>

#include "base/check.h"

namespace tutti {

using cuda_p2p::BoardMemory;
using cuda_p2p::Card;
using cuda_p2p::Registry;
using cuda_p2p::Shown;
using cuda_p2p::Table;

namespace {

using Shared = std::shared_ptr<BoardMemory>;

std::uint64_t number_of(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }
std::byte* address_of(std::uint64_t number) { return reinterpret_cast<std::byte*>(number); }

bool is_empty(const Allocation& allocation) { return allocation == Allocation{}; }

cuda::Place place(std::uint64_t number, std::uint64_t offset) {
  return number << cuda::kPlaceShift | offset;
}

Status prefix(const std::string& what, const Status& status) {
  return {status.code(), what + ": " + status.message()};
}

}  // namespace

Boards::State::State(std::shared_ptr<Device> its_device, int its_rank, cuda_p2p::Members all,
                     std::size_t bytes)
    : device(std::move(its_device)),
      rank(its_rank),
      members(std::move(all)),
      scratch_bytes(bytes),
      neighbours(members.ranks()),
      imports(*device) {}

Boards::State::~State() {
  for (const auto& [key, entry] : registry.entries()) device->withdraw(entry.shared);
}

Result<Card> Boards::State::open() {
  Result<std::unique_ptr<Table>> made = Table::create(*device, members.ranks());
  if (!made.ok()) return made.status();
  table = std::move(*made);
  Result<Shared> memory =
      BoardMemory::create(device, cuda::scratch_offset(members.ranks()) + scratch_bytes);
  if (!memory.ok()) return memory.status();
  own = *memory;

  Card card;
  card.board = {cuda::kOwnBoard, number_of(own->data()), /*by_address=*/true, {}};
  if (!members.one_process()) {
    const Result<SharedMemory> shared = own->share();
    if (!shared.ok()) {
      return prefix("cannot share memory of " + device->facts().name, shared.status());
    }
    card.board.shared = *shared;
  }
  card.memory = offer(own, members.of_process(rank) - 1);
  return card;
}

void Boards::State::take_offers(const std::vector<Result<Card>>& cards) {
  for (int peer = 0; peer < members.ranks(); ++peer) {
    if (peer == rank || !members.same_process(rank, peer) || !cards[peer].ok()) continue;
    neighbours[peer] = take<Shared>(cards[peer]->memory);
  }
}

Status Boards::State::see_boards(const std::vector<Card>& cards, Deadline deadline) {
  std::vector<Shown> boards;
  for (const Card& card : cards) boards.push_back(card.board);
  for (const Shared& neighbour : neighbours) {
    if (!neighbour) continue;
    Status status = device->reach(neighbour->device().facts());
    if (!status.ok()) return status;
  }
  return see(boards, deadline);
}

bool Boards::State::by_address(int peer, const Shown& shown) const {
  if (!members.same_process(rank, peer)) return false;
  return members.same_device(rank, peer) || shown.by_address;
}

Result<std::byte*> Boards::State::base_of(int peer, const Shown& shown) {
  if (by_address(peer, shown)) return address_of(shown.base);
  const Result<std::byte*> base = imports.open(peer, shown.number, shown.shared);
  if (base.ok()) return base;
  return prefix("cannot reach device memory of rank " + std::to_string(peer), base.status());
}

Result<Shown> Boards::State::show(const Allocation& allocation) {
  if (is_empty(allocation)) return Shown{};
  const Registry::Entry* entry = registry.find(allocation);
  if (entry && entry->users > 0) return Shown{};
  if (!entry && registry.full()) {
    return Status(Code::kNotSupported, std::to_string(cuda::kMostShared) +
                                           " allocations are shared already: no more can be");
  }
  if (!entry) {
    const Result<SharedMemory> shared = device->share(allocation);
    if (!shared.ok()) return shared.status();
    entry = &registry.add(allocation, *shared);
  }
  return Shown{entry->number, number_of(allocation.base), allocation.by_address, entry->shared};
}

Status Boards::State::see(const std::vector<Shown>& shown, Deadline deadline) {
  for (int peer = 0; peer < members.ranks(); ++peer) {
    const Shown& theirs = shown[peer];
    if (theirs.number == 0) continue;
    TUTTI_CHECK(theirs.number < cuda::kMostShared);
    const Result<std::byte*> base = base_of(peer, theirs);
    if (!base.ok()) return base.status();
    table->set(peer, theirs.number, *base);
  }
  return table->publish(deadline);
}

void Boards::State::use(const Allocation& allocation) {
  if (!is_empty(allocation)) ++registry.find(allocation)->users;
}

Result<std::uint64_t> Boards::State::last_use(const Allocation& allocation) {
  if (is_empty(allocation)) return std::uint64_t{0};
  const Registry::Entry* const entry = registry.find(allocation);
  if (!entry || entry->users == 0) {
    return Status(Code::kInvalidArgument, "an allocation of " + std::to_string(allocation.bytes) +
                                              " bytes is withdrawn that was not shared");
  }
  return entry->users == 1 ? entry->number : std::uint64_t{0};
}

void Boards::State::end_use(const Allocation& allocation) {
  if (!is_empty(allocation)) --registry.find(allocation)->users;
}

Status Boards::State::forget(const std::vector<std::uint64_t>& numbers, Deadline deadline) {
  for (int peer = 0; peer < members.ranks(); ++peer) {
    if (numbers[peer] == 0) continue;
    TUTTI_CHECK(numbers[peer] < cuda::kMostShared);
    imports.close(peer, numbers[peer]);
    table->set(peer, numbers[peer], nullptr);
  }
  return table->publish(deadline);
}

void Boards::State::hide(const Allocation& allocation) {
  if (is_empty(allocation)) return;
  const Registry::Entry* const entry = registry.find(allocation);
  if (!entry || entry->users > 0) return;
  device->withdraw(entry->shared);
  registry.remove(allocation);
}

std::optional<cuda::Place> Boards::State::place_in_allocation(const std::byte* address,
                                                              std::size_t bytes) {
  const bool plain = number_of(address) >> cuda::kPlaceShift == 0;
  if (addresses_suffice() && plain) return place(cuda::kAddressSpace, number_of(address));
  const Result<Allocation> allocation = device->allocation_of(address);
  if (!allocation.ok()) return std::nullopt;
  const std::size_t offset = static_cast<std::size_t>(address - allocation->base);
  if (offset > allocation->bytes || bytes > allocation->bytes - offset) return std::nullopt;
  const Registry::Entry* const entry = registry.find(*allocation);
  if (entry && entry->users > 0) return place(entry->number, offset);
  if (plain && members.one_process() && allocation->by_address) {
    return place(cuda::kAddressSpace, number_of(address));
  }
  return std::nullopt;
}

}  // namespace tutti
