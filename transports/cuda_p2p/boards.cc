// The memory of devices that the ranks of one host reach of each other: where the ranks meet.
//
// Every operation is made of parts that a rank does alone, and of meetings at which all learn what
// the others have done. A part that failed on one rank is known to all at the next meeting, and all
// stop there. Tested by cuda_p2p_test.cc.

#include "transports/cuda_p2p/boards.h"

#include <algorithm>

#include "base/check.h"
#include "bootstrap/exchange.h"
#include "transports/cuda_p2p/state.h"

namespace tutti {

using cuda_p2p::Card;
using cuda_p2p::Introduction;
using cuda_p2p::Members;
using cuda_p2p::Shown;

namespace {

// Values of all ranks, or one failure for all.
template <class T>
Result<std::vector<T>> meet(Bootstrap& bootstrap, const Result<T>& mine, Deadline deadline) {
  const auto results = exchange(bootstrap, mine, deadline);
  if (!results.ok()) return results.status();
  return all_values(*results);
}

Result<Members> introduce_all(const Device& device, Bootstrap& bootstrap, std::size_t scratch_bytes,
                              Deadline deadline) {
  const Result<Introduction> mine = cuda_p2p::introduce(device.facts(), scratch_bytes);
  auto all = meet(bootstrap, mine, deadline);
  if (!all.ok()) return all.status();
  return Members::make(std::move(*all));
}

}  // namespace

Boards::Boards(std::unique_ptr<State> state) : state_(std::move(state)) {}
Boards::~Boards() = default;

Result<std::unique_ptr<Boards>> Boards::create(std::shared_ptr<Device> device, Bootstrap& bootstrap,
                                               std::size_t scratch_bytes, Deadline deadline) {
  TUTTI_CHECK(device != nullptr);
  const Result<Members> members = introduce_all(*device, bootstrap, scratch_bytes, deadline);
  if (!members.ok()) return members.status();
  auto state =
      std::make_unique<State>(std::move(device), bootstrap.rank(), *members, scratch_bytes);

  const auto results = exchange(bootstrap, state->open(), deadline);
  if (!results.ok()) return results.status();
  state->take_offers(*results);
  const Result<std::vector<Card>> cards = all_values(*results);
  if (!cards.ok()) return cards.status();

  // Nobody goes on before all see all, so that no kernel meets a board that is not there yet.
  Status status = agree(bootstrap, state->see_boards(*cards, deadline), deadline);
  if (!status.ok()) return status;
  return std::unique_ptr<Boards>(new Boards(std::move(state)));
}

cuda::Team Boards::team() const {
  cuda::Team team;
  team.rank = state_->rank;
  team.ranks = state_->members.ranks();
  for (int rank = 0; rank < team.ranks; ++rank) {
    team.boards[rank] = reinterpret_cast<cuda::Board*>(state_->table->at(rank, cuda::kOwnBoard));
  }
  team.shared = state_->table->on_device();
  return team;
}

bool Boards::one_process() const { return state_->members.one_process(); }
bool Boards::kernels_take_turns() const { return state_->members.kernels_take_turns(); }
int Boards::ranks_per_device() const { return state_->members.ranks_per_device(); }

std::byte* Boards::scratch() const {
  return state_->own->data() + cuda::scratch_offset(state_->members.ranks());
}
std::size_t Boards::scratch_bytes() const { return state_->scratch_bytes; }

// Nobody binds memory, which would wait in the driver, before all have joined; and nobody uses it
// before all have bound theirs.
Status Boards::add_multicast(Bootstrap& bootstrap, Deadline deadline) {
  if (Status status = state_->members.multicast(); !status.ok()) return status;
  Device& device = *state_->device;
  const std::size_t bytes = std::max(state_->scratch_bytes, cuda::kLeastMulticastBytes);
  const bool makes = state_->rank == 0;
  const Result<SharedMemory> made =
      makes ? device.make_multicast(bytes, state_->members.ranks()) : SharedMemory();
  const Result<std::vector<SharedMemory>> shared = meet(bootstrap, made, deadline);
  Result<std::unique_ptr<DeviceMulticast>> mine(shared.status());
  Status status = shared.status();
  if (status.ok()) {
    mine = device.join_multicast(shared->front());
    status = agree(bootstrap, mine.status(), deadline);
  }
  if (makes && made.ok()) device.withdraw(*made);
  if (status.ok()) status = agree(bootstrap, (*mine)->bind(), deadline);
  if (status.ok()) state_->multicast = std::move(*mine);
  return status;
}

std::optional<MulticastMemory> Boards::multicast() const {
  if (!state_->multicast) return std::nullopt;
  return state_->multicast->memory();
}

std::optional<cuda::Place> Boards::place_of(const void* address, std::size_t bytes) const {
  const auto* const begin = static_cast<const std::byte*>(address);
  if (state_->own->holds(begin, bytes)) {
    return cuda::kOwnBoard << cuda::kPlaceShift |
           static_cast<std::uint64_t>(begin - state_->own->data());
  }
  return state_->place_in_allocation(begin, bytes);
}

std::byte* Boards::at(int peer, cuda::Place place) const {
  constexpr std::uint64_t kOffset = (std::uint64_t{1} << cuda::kPlaceShift) - 1;
  std::byte* const base = state_->table->at(peer, place >> cuda::kPlaceShift);
  return reinterpret_cast<std::byte*>(reinterpret_cast<std::uintptr_t>(base) + (place & kOffset));
}

Status Boards::share(Bootstrap& bootstrap, const Allocation& allocation, Deadline deadline) {
  if (state_->addresses_suffice()) return {};
  const Result<std::vector<Shown>> shown = meet(bootstrap, state_->show(allocation), deadline);
  if (!shown.ok()) {
    state_->hide(allocation);
    return shown.status();
  }
  Status status = agree(bootstrap, state_->see(*shown, deadline), deadline);
  if (status.ok()) {
    state_->use(allocation);
    return {};
  }
  std::vector<std::uint64_t> numbers;
  for (const Shown& theirs : *shown) numbers.push_back(theirs.number);
  // The owner may free the allocation only when no peer has it open.
  const Status closed = agree(bootstrap, state_->forget(numbers, deadline), deadline);
  if (closed.ok()) state_->hide(allocation);
  return status;
}

Status Boards::withdraw(Bootstrap& bootstrap, const Allocation& allocation, Deadline deadline) {
  if (state_->addresses_suffice()) return {};
  const Result<std::vector<std::uint64_t>> numbers =
      meet(bootstrap, state_->last_use(allocation), deadline);
  if (!numbers.ok()) return numbers.status();
  state_->end_use(allocation);
  Status status = agree(bootstrap, state_->forget(*numbers, deadline), deadline);
  if (status.ok()) state_->hide(allocation);
  return status;
}

}  // namespace tutti
