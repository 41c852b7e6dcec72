#include "channel.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace side_by_side {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Channel::Channel(const std::string& path)
    : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (socket_ < 0) fail("socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("path too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail("connect to the coordinator at " + path);
  }
}

Channel::~Channel() { close(socket_); }

std::optional<std::string> Channel::receive() {
  for (;;) {
    const std::size_t end = unread_.find('\n');
    if (end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    char piece[4096];
    const ssize_t got = read(socket_, piece, sizeof piece);
    if (got == 0) return std::nullopt;
    if (got < 0 && errno != EINTR) fail("read from the coordinator");
    if (got > 0) unread_.append(piece, static_cast<std::size_t>(got));
  }
}

void Channel::send(const std::string& line) {
  const std::string text = line + "\n";
  for (std::string_view left = text; !left.empty();) {
    const ssize_t sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) fail("send to the coordinator");
    if (sent > 0) left.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace side_by_side
