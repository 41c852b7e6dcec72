// Which ranks of a group still live, wherever they are.
//
// Every rank has a socket and a thread of its own, which tells a few other ranks several times a
// second that it lives, also while the program computes. A process that has ended or is stopped, a
// host that is gone and a link that is cut are all the same: silence. After `timeout` of it the
// rank is lost, and everybody knows within moments; a rank that only misses its neighbours, because
// it is cut off itself, learns that too. Loss is final: the ranks have to agree.
//
// Ranks say goodbye when their Heartbeat is destroyed, and are then not missed. Strangers change
// nothing: datagrams without the group's key are ignored. Tested by heartbeat_test.cc.

#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "bootstrap/bootstrap.h"
#include "tutti/status.h"

namespace tutti {

namespace heartbeat {
class Board;
class Pulse;
}  // namespace heartbeat

struct HeartbeatOptions {
  /// As BootstrapOptions::interface: heartbeats use this interface or address only. Empty: any.
  std::string interface;
  /// Silence after which a rank counts as lost: 20 ms to a day, the same on all ranks.
  std::chrono::milliseconds timeout{2000};
};

class Heartbeat {
 public:
  /// Collective; fails on every rank when it fails on one. Returns once every rank has heard all
  /// the ranks that it watches; otherwise kTimeout names one that was not heard, its host and the
  /// addresses that were tried.
  static Result<std::unique_ptr<Heartbeat>> start(Bootstrap& bootstrap,
                                                  const HeartbeatOptions& options,
                                                  Deadline deadline);
  /// Says goodbye, which takes up to about 150 ms.
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // Any thread may call these, at any time.

  /// OK, or kPeerLost: "rank 3 (host b, pid 812) is lost: nothing heard from it for 2.0 s (said by
  /// rank 1)". Cheap. A rank that the others count as lost finds all of them lost.
  Status check(int rank) const;
  /// The rank has said goodbye; it is never lost afterwards.
  bool departed(int rank) const;
  /// This rank knows by other means that `rank` is lost, as "its process has ended": tells
  /// everybody. Takes effect, also here, after a twentieth of the timeout, unless a goodbye of the
  /// rank comes until then. Of several reports about a rank the first counts.
  /// REQUIRES: another rank.
  void report(int rank, const std::string& why);

 private:
  Heartbeat(std::unique_ptr<heartbeat::Board> board, std::unique_ptr<heartbeat::Pulse> pulse);

  const std::unique_ptr<heartbeat::Board> board_;
  const std::unique_ptr<heartbeat::Pulse> pulse_;  // uses the board
};

}  // namespace tutti
