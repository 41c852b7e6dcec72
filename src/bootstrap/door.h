// A listener that lets in those who know the secret, and is not disturbed by those who do not.
//
// Strangers, port scans and garbage are dropped; the slow and the silent after a while, and the
// oldest of them when there are too many. A rank that was dropped so comes again.
// Tested by bootstrap_test.cc.

#pragma once

#include <list>
#include <span>
#include <vector>

#include "bootstrap/handshake.h"

struct epoll_event;

namespace tutti {

class Door {
 public:
  static constexpr std::size_t kMaxStrangers = 512;

  /// `meeting` gives the job and the secret. Ports as in BootstrapOptions.
  static Result<Door> open(const Meeting& meeting, const std::string& interface,
                           std::uint16_t port);

  /// Readable when admit() has something to do.
  int fd() const { return events_.get(); }
  /// Where others can reach this door.
  const Endpoint& endpoint() const { return endpoint_; }

  /// Those who have been let in since the last call. Never blocks. kSystem when this process can
  /// have no more connections.
  Result<std::vector<Fd>> admit();

  /// Nobody can come any more.
  void close();

 private:
  Door(Meeting meeting, Fd listener, Fd events, Endpoint endpoint);
  Status accept_all();
  std::vector<Fd> attend(std::span<const epoll_event> events);
  void watch(int fd, Stranger* stranger);
  void unwatch(const Stranger& stranger);

  Meeting meeting_;
  Fd listener_;
  Fd events_;
  Endpoint endpoint_;
  std::list<Stranger> strangers_;  // oldest first; nodes stay where they are
};

}  // namespace tutti
