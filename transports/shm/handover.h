// Hands a file descriptor from one process to others of the same user, and to nobody else.
//
// The door is a Unix socket in the abstract namespace: it has no file, a random name, and goes with
// its owner. A guest must run as the same user and show a random token; guest and owner learn name
// and token through the bootstrap. Strangers are turned away, or wait out a short deadline, while
// others are served. Tested by shm_test.cc.

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bootstrap/bootstrap.h"
#include "transports/shm/fd.h"
#include "transports/shm/process.h"

namespace tutti::shm {

/// What a guest needs to know. A value that travels as bytes.
struct Invitation {
  char name[32] = {};   // of the socket, without the leading zero byte
  char token[32] = {};  // random bytes
};

class Handover {
 public:
  /// How long a guest may keep its connection without showing the token.
  static constexpr auto kPatience = std::chrono::milliseconds(500);

  static Result<std::unique_ptr<Handover>> open();
  /// Stops serving.
  ~Handover();
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  const Invitation& invitation() const { return invitation_; }

  /// Gives `file` to whoever is invited, in a thread of its own, until destroyed.
  /// REQUIRES: `file` stays open until then; called once.
  Status serve(const Fd& file);

 private:
  struct Guest {
    Fd connection;
    Deadline deadline;
  };

  Handover(Fd listener, Fd stop, const Invitation& invitation)
      : listener_(std::move(listener)), stop_(std::move(stop)), invitation_(invitation) {}

  void run(int file);
  void admit();
  bool done_with(const Guest& guest, bool readable, int file) const;

  Fd listener_;
  Fd stop_;  // an eventfd: readable when run() shall return
  Invitation invitation_;
  std::vector<Guest> guests_;  // of the thread
  std::thread thread_;
};

/// The guest's side. Makes sure that it is `owner` who gives.
Result<Fd> receive(const Invitation& invitation, const ProcessId& owner, Deadline deadline);

}  // namespace tutti::shm
