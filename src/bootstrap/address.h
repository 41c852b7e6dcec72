// Network addresses of this host and of others: values, without sockets.
//
// Tested by bootstrap_test.cc.

#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/status.h"

namespace tutti {

/// An IPv6 address, or an IPv4 one in its mapped form (::ffff:10.0.0.1).
struct Address {
  std::array<std::uint8_t, 16> ip{};

  bool is_ipv4() const;
  bool is_loopback() const;
  std::string to_string() const;
  bool operator==(const Address&) const = default;
};

/// Addresses of one listener, in the order to try them.
struct Endpoint {
  std::vector<Address> addresses;
  std::uint16_t port = 0;

  /// "10.0.0.1:4000 or [fd00::1]:4000"
  std::string to_string() const;
};

/// An address and a port as the system wants them.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
SocketAddress socket_address(const Address& address, std::uint16_t port);
Address address_of(const sockaddr* address);

/// This host's addresses, best first: those of hardware, of bridges for containers, loopback.
/// Link-local IPv6 addresses are left out: they mean nothing on another host.
/// `interface` picks those of one interface or a single address, as in BootstrapOptions.
Result<std::vector<Address>> local_addresses(const std::string& interface);

/// The interfaces that have those addresses, of the best kind that there is only: no bridges beside
/// hardware, and loopback only where there is nothing else or it was asked for.
Result<std::vector<std::string>> local_interfaces(const std::string& interface);

/// What the name service says about a host's name or numeric address.
Result<std::vector<Address>> resolve(const std::string& host);

}  // namespace tutti
