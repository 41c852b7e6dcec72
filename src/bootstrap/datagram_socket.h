// A socket for datagrams. Nothing here blocks, and nothing here fails loudly: what cannot be sent
// is as good as lost on the way, which is what whoever uses datagrams has to live with anyway.
//
// Tested by heartbeat_test.cc.

#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "bootstrap/socket.h"

namespace tutti {

/// On a port that the system chooses, at `address`, or at all addresses of this host, of both
/// families, when it is null.
Result<Fd> open_datagram_socket(const Address* address);

void send_datagram(const Fd& fd, std::string_view bytes, const SocketAddress& to);

struct Datagram {
  std::string_view bytes;  // in the buffer
  SocketAddress from;
};
/// The next datagram that has come, cut to the buffer's size, or nothing.
std::optional<Datagram> receive_datagram(const Fd& fd, std::span<char> buffer);

}  // namespace tutti
