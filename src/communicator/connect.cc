#include "communicator/connect.h"

#include <numeric>

#include "bootstrap/part_bootstrap.h"
#include "transports/joint/joint.h"
#include "transports/shm/shm.h"

namespace tutti {
namespace {

// The transport between the ranks of this host.
Result<std::unique_ptr<Transport>> connect_host(Bootstrap& whole, const std::vector<int>& members,
                                                std::size_t window_bytes, Deadline deadline) {
  PartBootstrap part(whole, members);
  Result<std::unique_ptr<Transport>> transport = make_shm_transport(part, window_bytes, deadline);
  if (Status status = part.finish(kShmAllGathers, deadline); !status.ok()) return status;
  return transport;
}

Result<UcxNetwork> open_network(const Options& options, const SharedNetwork& parent) {
  if (parent.ucx != nullptr) return parent.ucx;
  return open_ucx_network({options.interface, options.net_devices});
}

// REQUIRES: every rank has a working transport to all others. Collective where there is no parent.
Result<SharedNetwork> complete(Bootstrap& bootstrap, UcxNetwork ucx, const Options& options,
                               const SharedNetwork& parent, Deadline deadline) {
  if (parent.ucx != nullptr) return parent;
  Result<std::unique_ptr<Heartbeat>> heartbeat =
      Heartbeat::start(bootstrap, {options.interface, options.peer_timeout}, deadline);
  if (!heartbeat.ok()) return heartbeat.status();
  SharedNetwork network{std::move(*heartbeat), std::move(ucx), std::vector<int>(bootstrap.ranks())};
  std::iota(network.ranks.begin(), network.ranks.end(), 0);
  return network;
}

std::vector<int> places_in(const std::vector<int>& members, int ranks) {
  std::vector<int> places(ranks, -1);
  for (std::size_t i = 0; i < members.size(); ++i) places[members[i]] = static_cast<int>(i);
  return places;
}

}  // namespace

Result<Connection> connect(Bootstrap& bootstrap, const Group& group, std::size_t window_bytes,
                           const Options& options, const SharedNetwork& parent, Deadline deadline) {
  if (group.host_count() == 1) {
    Result<std::unique_ptr<Transport>> shm = make_shm_transport(bootstrap, window_bytes, deadline);
    if (!shm.ok()) return shm.status();
    return Connection{std::move(*shm), parent, "shm"};
  }
  const std::vector<int> members = group.by_host()[group.host_of(bootstrap.rank())];
  Result<std::unique_ptr<Transport>> near =
      connect_host(bootstrap, members, window_bytes, deadline);
  Result<UcxNetwork> ucx = near.ok() ? open_network(options, parent) : near.status();
  Result<std::unique_ptr<Transport>> far = make_ucx_transport(
      bootstrap, ucx, near.ok() ? (*near)->window() : std::span<std::byte>(), deadline);
  if (!far.ok()) return far.status();
  Result<SharedNetwork> network = complete(bootstrap, *ucx, options, parent, deadline);
  if (!network.ok()) return network.status();

  const std::string by_network = (*far)->path(bootstrap.rank());
  Connection connection;
  connection.description = group.host_count() == group.ranks ? by_network : "shm and " + by_network;
  connection.network = *network;
  connection.transport = make_joint_transport({.near = std::move(*near),
                                               .near_ranks = places_in(members, group.ranks),
                                               .far = std::move(*far),
                                               .heartbeat = network->heartbeat,
                                               .heartbeat_ranks = network->ranks});
  return connection;
}

}  // namespace tutti
