// The socket and the thread behind a heartbeat: brings what comes to a Watch, sends what the Watch
// wants to say, and writes up on a Board what it has learned.
//
// The thread sleeps in poll() and wakes a few times a period. Tested by heartbeat_test.cc.

#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bootstrap/socket.h"
#include "transports/heartbeat/board.h"
#include "transports/heartbeat/watch.h"

namespace tutti::heartbeat {

/// What a pulse needs to know.
struct Group {
  int rank = 0;
  std::vector<Endpoint> endpoints;  // in rank order
  std::string key;
  Duration timeout{0};
};

class Pulse {
 public:
  /// `board` must outlive it. The socket is one of open_datagram_socket().
  static Result<std::unique_ptr<Pulse>> start(Group group, Fd socket, Board& board);
  /// Says goodbye, if it has begun to judge.
  ~Pulse();
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;

  /// Waits until every neighbour was heard. Those that were not by the deadline, ascending.
  std::vector<int> wait_until_heard(Deadline deadline);
  /// From now on silence means something.
  void begin();
  void report(int rank, const std::string& why);

 private:
  struct Report {
    int rank;
    std::string why;
  };
  // What other threads want of this one.
  struct Orders {
    bool begin = false;
    bool depart = false;
    bool stop = false;  // without a goodbye
    std::vector<Report> reports;
  };

  Pulse(Group group, Fd socket, Fd bell, Board& board);
  void start_thread();
  void run();
  bool turn();
  Orders take_orders();
  void obey(const Orders& orders, Moment now);
  void listen(Moment now);
  void send(const Letter& letter);
  void publish();
  void ring();

  const Group group_;
  const Fd socket_;
  const Fd bell_;  // an eventfd that wakes the thread
  Board& board_;

  // The thread's own.
  Watch watch_;
  std::vector<std::optional<SocketAddress>> last_from_;  // by rank, where it was heard from
  std::size_t published_ = 0;                            // of the watch's ledger

  std::mutex mutex_;
  std::condition_variable all_heard_;
  Orders orders_;             // under the mutex
  std::vector<int> unheard_;  // likewise
  bool begun_ = false;        // the owner's
  std::thread thread_;        // last: it uses everything above
};

}  // namespace tutti::heartbeat
