// Two processes prove to each other that they know a meeting's secret, without sending it.
//
//   guest -> door   "TUTTI/1\n", job, nonce
//   door  -> guest  "TUTTI/1\n", verdict, nonce, HMAC(secret, "door", job, both nonces)
//   guest -> door   HMAC(secret, "guest", job, both nonces)
//
// The nonces are random, so nothing can be replayed; the words differ, so nothing can be reflected.
// Whoever sits between the two can still cut or change what follows: that is TCP's to prevent.
// Tested by bootstrap_test.cc.

#pragma once

#include "bootstrap/meeting.h"
#include "bootstrap/socket.h"

namespace tutti {

/// The door's side: a connection that has proved nothing yet.
class Stranger {
 public:
  enum class Progress { kWaiting, kAdmitted, kRejected };

  Stranger(Fd fd, Deadline patience) : fd_(std::move(fd)), patience_(patience) {}

  int fd() const { return fd_.get(); }
  Deadline patience() const { return patience_; }
  Fd take() { return std::move(fd_); }

  /// Reads what has come and answers. Never blocks.
  Progress advance(const Meeting& meeting);

 private:
  Result<bool> receive(std::size_t expected);
  Progress answer_opening(const Meeting& meeting);

  Fd fd_;
  Deadline patience_;
  std::string received_;
  std::string nonces_;  // empty until the opening was answered
};

/// Goes to the addresses in turn, again and again, until a door of this meeting lets us in.
///
/// When all that can be reached say no and `retry_refusals` is false: kInvalidArgument if another
/// meeting is held at one of them, kPeerLost otherwise. kTimeout at the deadline. All say what
/// happened at each address.
Result<Fd> enter(const Endpoint& door, const Meeting& meeting, bool retry_refusals,
                 Deadline deadline);

}  // namespace tutti
