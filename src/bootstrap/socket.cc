// Tested by bootstrap_test.cc.

#include "bootstrap/socket.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace tutti {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kBacklog = 4096;  // a whole job may come at once; the system lowers it if it must

void set_option(const Fd& fd, int level, int option, int value) {
  setsockopt(fd.get(), level, option, &value, sizeof value);
}

Result<Fd> bind_and_listen(Fd fd, const SocketAddress& address, std::uint16_t port) {
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (bind(fd.get(), address.get(), address.size) != 0) {
    return system_error("cannot listen on port " + std::to_string(port));
  }
  if (listen(fd.get(), kBacklog) != 0) return system_error("cannot listen");
  return fd;
}

Fd new_socket(int family) {
  return Fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Result<Fd> listen_on_all(std::uint16_t port) {
  if (Fd fd = new_socket(AF_INET6); fd.is_open()) {
    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    Result<Fd> listener = bind_and_listen(std::move(fd), socket_address(Address{}, port), port);
    if (listener.ok()) return listener;
  }
  // A kernel without IPv6, or with it switched off.
  Fd fd = new_socket(AF_INET);
  if (!fd.is_open()) return system_error("cannot open a socket");
  sockaddr_in any{};
  any.sin_family = AF_INET;
  return bind_and_listen(std::move(fd),
                         socket_address(address_of(reinterpret_cast<const sockaddr*>(&any)), port),
                         port);
}

Status late(const char* what) { return Status(Code::kTimeout, what); }

Status connect_error(int error) {
  const bool no_way = error == ENETUNREACH || error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
  // A host whose link has just come up is unreachable for a moment: that is no answer yet.
  const Code code = error == ECONNREFUSED   ? Code::kPeerLost
                    : error == EHOSTUNREACH ? Code::kTimeout
                    : no_way                ? Code::kNotSupported
                                            : Code::kSystem;
  return Status(code, std::strerror(error));
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

bool wait_for(const Fd& fd, short events, Deadline deadline) {
  pollfd descriptor = {fd.get(), events, 0};
  return tutti::wait_for({&descriptor, 1}, deadline);
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    Fd old(fd_);
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

int Fd::release() {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

Status system_error(const std::string& what) {
  return Status(Code::kSystem, what + ": " + std::strerror(errno));
}

Result<Fd> listen_on(const Address* address, std::uint16_t port) {
  if (address == nullptr) return listen_on_all(port);
  Fd fd = new_socket(address->is_ipv4() ? AF_INET : AF_INET6);
  if (!fd.is_open()) return system_error("cannot open a socket");
  return bind_and_listen(std::move(fd), socket_address(*address, port), port);
}

std::uint16_t port_of(const Fd& listener) {
  SocketAddress bound;
  bound.size = sizeof bound.storage;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.size);
  // Both families keep the port in the same place.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&bound.storage)->sin_port);
}

Result<Fd> connect_to(const Address& address, std::uint16_t port, Deadline deadline) {
  Fd fd = new_socket(address.is_ipv4() ? AF_INET : AF_INET6);
  if (!fd.is_open()) return connect_error(errno);
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  const SocketAddress target = socket_address(address, port);
  if (connect(fd.get(), target.get(), target.size) == 0) return fd;
  if (errno != EINPROGRESS) return connect_error(errno);
  if (!wait_for(fd, POLLOUT, deadline)) return late("no answer");
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) return fd;
  return connect_error(error);
}

bool wait_for(std::span<pollfd> descriptors, Deadline deadline) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    const int timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
    const int ready = poll(descriptors.data(), descriptors.size(), timeout);
    if (ready > 0) return true;
    if (ready == 0 && left <= 0) return false;
  }
}

Status send_exactly(const Fd& fd, std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (!would_block()) {
      return system_error("send");
    } else if (!wait_for(fd, POLLOUT, deadline)) {
      return late("the other side does not take what it is sent");
    }
  }
  return {};
}

Result<std::string> receive_exactly(const Fd& fd, std::size_t count, Deadline deadline) {
  std::string bytes(count, '\0');
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t received = recv(fd.get(), bytes.data() + filled, count - filled, 0);
    if (received > 0) {
      filled += static_cast<std::size_t>(received);
    } else if (received == 0) {
      return Status(Code::kPeerLost, "the other side closed the connection");
    } else if (!would_block()) {
      return system_error("receive");
    } else if (!wait_for(fd, POLLIN, deadline)) {
      return late("no answer");
    }
  }
  return bytes;
}

}  // namespace tutti
