// Tested by heartbeat_test.cc.

#include "bootstrap/datagram_socket.h"

#include <cerrno>

namespace tutti {
namespace {

Result<Fd> open_and_bind(int family, const SocketAddress& address) {
  Fd fd(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return system_error("cannot open a socket for datagrams");
  const int off = 0;
  if (family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(fd.get(), address.get(), address.size) != 0) {
    return system_error("cannot bind a socket for datagrams");
  }
  return fd;
}

SocketAddress any_ipv4() {
  SocketAddress any;
  any.storage.ss_family = AF_INET;
  any.size = sizeof(sockaddr_in);
  return any;
}

}  // namespace

Result<Fd> open_datagram_socket(const Address* address) {
  if (address != nullptr) {
    return open_and_bind(address->is_ipv4() ? AF_INET : AF_INET6, socket_address(*address, 0));
  }
  Result<Fd> both = open_and_bind(AF_INET6, socket_address(Address{}, 0));
  if (both.ok()) return both;
  // A kernel without IPv6, or with it switched off.
  return open_and_bind(AF_INET, any_ipv4());
}

void send_datagram(const Fd& fd, std::string_view bytes, const SocketAddress& to) {
  (void)sendto(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL, to.get(), to.size);
}

std::optional<Datagram> receive_datagram(const Fd& fd, std::span<char> buffer) {
  Datagram datagram;
  sockaddr* const from = reinterpret_cast<sockaddr*>(&datagram.from.storage);
  while (true) {
    datagram.from.size = sizeof datagram.from.storage;
    const ssize_t size =
        recvfrom(fd.get(), buffer.data(), buffer.size(), 0, from, &datagram.from.size);
    if (size >= 0) {
      datagram.bytes = {buffer.data(), static_cast<std::size_t>(size)};
      return datagram;
    }
    if (errno != EINTR) return std::nullopt;
  }
}

}  // namespace tutti
