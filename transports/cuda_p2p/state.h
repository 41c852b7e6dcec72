// A rank's part of the boards: what is its own, and what it sees of its peers.
//
// Nothing here waits for a peer: boards.cc lets the ranks meet between the parts of a collective
// operation. Tested by cuda_p2p_test.cc.

#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "bootstrap/offer.h"
#include "transports/cuda_p2p/board_memory.h"
#include "transports/cuda_p2p/boards.h"
#include "transports/cuda_p2p/imports.h"
#include "transports/cuda_p2p/members.h"
#include "transports/cuda_p2p/registry.h"
#include "transports/cuda_p2p/table.h"

namespace tutti {

namespace cuda_p2p {

/// An allocation of a rank's, as told to the others. A value that travels as bytes.
struct Shown {
  std::uint64_t number = 0;  // 0: nothing, or nothing new
  std::uint64_t base = 0;    // means something in the process of the rank
  bool by_address = false;   // other devices of the process reach it so
  SharedMemory shared;
};

/// A rank's board, as told to the others.
struct Card {
  Shown board;
  OfferAddress memory;  // of a std::shared_ptr<BoardMemory>, for the ranks of the same process
};

}  // namespace cuda_p2p

struct Boards::State {
  State(std::shared_ptr<Device> device, int rank, cuda_p2p::Members members,
        std::size_t scratch_bytes);
  ~State();

  bool addresses_suffice() const { return members.one_process() && members.one_device(); }

  /// Makes this rank's board and table.
  Result<cuda_p2p::Card> open();
  /// Takes the boards that are offered to it, whether or not another rank failed.
  void take_offers(const std::vector<Result<cuda_p2p::Card>>& cards);
  /// From here on the boards of all ranks are in the table.
  Status see_boards(const std::vector<cuda_p2p::Card>& cards, Deadline deadline);

  /// An allocation to be shared: what to tell the peers.
  Result<cuda_p2p::Shown> show(const Allocation& allocation);
  Status see(const std::vector<cuda_p2p::Shown>& shown, Deadline deadline);
  void use(const Allocation& allocation);
  /// The number that nobody uses any more once `allocation` has been withdrawn; 0: none.
  Result<std::uint64_t> last_use(const Allocation& allocation);
  void end_use(const Allocation& allocation);
  Status forget(const std::vector<std::uint64_t>& numbers, Deadline deadline);
  /// Takes what no peer sees back, unless it is still used.
  void hide(const Allocation& allocation);

  std::optional<cuda::Place> place_in_allocation(const std::byte* address, std::size_t bytes);

  const std::shared_ptr<Device> device;
  const int rank;
  const cuda_p2p::Members members;
  const std::size_t scratch_bytes;
  std::shared_ptr<cuda_p2p::BoardMemory> own;
  // Of the same process, by rank: a board lasts as long as somebody may use it.
  std::vector<std::shared_ptr<cuda_p2p::BoardMemory>> neighbours;
  std::unique_ptr<cuda_p2p::Table> table;
  cuda_p2p::Registry registry;
  cuda_p2p::Imports imports;
  std::unique_ptr<DeviceMulticast> multicast;

 private:
  bool by_address(int peer, const cuda_p2p::Shown& shown) const;
  Result<std::byte*> base_of(int peer, const cuda_p2p::Shown& shown);
};

}  // namespace tutti
