// A worker's line to the coordinator: text lines over a unix socket. Waiting for one sleeps in
// read(2), so that an idle group takes no time from the group that is measured.

#pragma once

#include <optional>
#include <string>

namespace side_by_side {

/// Resource. Functions throw std::system_error.
class Channel {
 public:
  explicit Channel(const std::string& path);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  /// The next line without its end, or nothing when the coordinator has hung up.
  std::optional<std::string> receive();
  void send(const std::string& line);

 private:
  int socket_;
  std::string unread_;
};

}  // namespace side_by_side
