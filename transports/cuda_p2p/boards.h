// The memory of devices that the ranks of one host reach of each other: a board of every rank
// (team.h), and further allocations that ranks choose to share.
//
// Ranks that are threads of one process use each other's addresses as they are, and need to share
// nothing further. Between processes, allocations are exported and imported, once each; the table
// of where this rank sees them lies in the device's memory, for kernels to look up.
//
// Tested by cuda_p2p_test.cc.

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bootstrap/bootstrap.h"
#include "device/device.h"
#include "transports/cuda_p2p/team.h"

namespace tutti {

class Boards final {
 public:
  /// Collective over the bootstrap; the outcome is the same on all ranks, an error naming the rank
  /// and the reason (another host, no way to share memory, devices that do not reach each other).
  /// The device is owned together with the boards of other ranks of this process: what a rank's
  /// peers in the process reach of it lasts until they have ended too.
  static Result<std::unique_ptr<Boards>> create(std::shared_ptr<Device> device,
                                                Bootstrap& bootstrap, std::size_t scratch_bytes,
                                                Deadline deadline);
  /// Not collective: peers may go on longer, or have ended.
  /// REQUIRES: nothing that this rank has issued is still running.
  ~Boards();

  /// For kernels of this rank; trouble, patience and call are the caller's to fill in.
  cuda::Team team() const;

  /// Whether all ranks are threads of this process.
  bool one_process() const;
  /// Whether two ranks of different processes use one device and their kernels take turns, so that
  /// kernels must not wait for each other.
  bool kernels_take_turns() const;
  /// The most ranks that use the device of any rank, this process's and others'.
  int ranks_per_device() const;

  /// This rank's own scratch, which peers reach.
  std::byte* scratch() const;
  std::size_t scratch_bytes() const;

  /// Gives all ranks memory that a switch reads and writes together, as long as the boards live.
  /// Collective; fails alike on all ranks, telling why they must do without.
  Status add_multicast(Bootstrap& bootstrap, Deadline deadline);
  /// Nothing where that failed, or was not asked for.
  std::optional<MulticastMemory> multicast() const;

  /// Where peers find a buffer of this rank; nothing when they cannot reach it.
  std::optional<cuda::Place> place_of(const void* address, std::size_t bytes) const;
  /// Where this rank sees that place of the peer.
  std::byte* at(int peer, cuda::Place place) const;

  /// Lets peers reach what the allocation holds. Collective; a rank without any gives an empty one.
  /// Fails alike on all ranks. Sharing the same allocation again is cheap.
  Status share(Bootstrap& bootstrap, const Allocation& allocation, Deadline deadline);
  /// Collective. REQUIRES: no call uses it any more.
  Status withdraw(Bootstrap& bootstrap, const Allocation& allocation, Deadline deadline);

 private:
  struct State;
  explicit Boards(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tutti
