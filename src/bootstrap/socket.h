// Sockets that do not block, and waiting for them with a deadline.
//
// Every descriptor is closed on exec. Tested by bootstrap_test.cc.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bootstrap/address.h"
#include "bootstrap/bootstrap.h"

struct pollfd;

namespace tutti {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

/// kSystem: "what: reason from errno".
Status system_error(const std::string& what);

/// Listens on `address`, or on all addresses of this host, of both families, when it is null.
Result<Fd> listen_on(const Address* address, std::uint16_t port);
/// The port that a listener got.
std::uint16_t port_of(const Fd& listener);

/// kTimeout when there is no answer (yet); kPeerLost when the host says that nobody listens there;
/// kNotSupported when this host has no way there; kSystem otherwise.
Result<Fd> connect_to(const Address& address, std::uint16_t port, Deadline deadline);

/// Waits until one of the descriptors has something to report, or until the deadline.
/// False at the deadline. Interrupted waits go on.
bool wait_for(std::span<pollfd> descriptors, Deadline deadline);

/// Sends or receives exactly so many bytes by the deadline; for handshakes.
Status send_exactly(const Fd& fd, std::string_view bytes, Deadline deadline);
Result<std::string> receive_exactly(const Fd& fd, std::size_t count, Deadline deadline);

}  // namespace tutti
