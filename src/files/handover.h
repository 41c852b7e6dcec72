// Gives open files to other processes of the same user that are invited, and to nobody else.
//
// The door is a Unix socket in the abstract namespace: it has no file, a random name, and goes with
// its owner. A guest must run as the same user and show a random token; guest and owner learn name
// and token through the bootstrap. Strangers are turned away, or wait out a short deadline, while
// others are served. No process needs permission to trace another. Tested by shm_test.cc.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "files/descriptor.h"
#include "tutti/status.h"

namespace tutti {

class Handover {
 public:
  /// What a guest needs to know. A value that travels as bytes.
  struct Invitation {
    char name[32] = {};   // of the socket, without the leading zero byte
    char token[32] = {};  // random bytes

    bool operator==(const Invitation&) const = default;
  };
  using Time = std::chrono::steady_clock::time_point;
  /// The file that a guest asks for by number; an invalid one where there is none.
  using Find = std::function<Descriptor(std::uint64_t number)>;

  /// How long a guest may keep its connection without showing the token.
  static constexpr auto kPatience = std::chrono::milliseconds(500);

  static Result<std::unique_ptr<Handover>> open();
  /// Stops serving.
  ~Handover();
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  const Invitation& invitation() const { return invitation_; }

  /// Gives what `find` answers to whoever is invited, in a thread of its own, until destroyed.
  /// REQUIRES: called once.
  Status serve(Find find);

 private:
  struct Guest {
    Descriptor connection;
    Time deadline;
  };

  Handover(Descriptor listener, Descriptor stop, const Invitation& invitation)
      : listener_(std::move(listener)), stop_(std::move(stop)), invitation_(invitation) {}

  void run();
  void admit();
  bool done_with(const Guest& guest, bool readable) const;

  Descriptor listener_;
  Descriptor stop_;  // an eventfd: readable when run() shall return
  Invitation invitation_;
  Find find_;  // of the thread, as what follows
  std::vector<Guest> guests_;
  std::thread thread_;
};

/// What a guest wants, and of whom.
struct Wanted {
  std::string giver;         // for messages: "rank 0"
  std::int64_t process = 0;  // whose door it must be
  std::uint64_t number = 0;
};

/// The guest's side. Makes sure that it is the process wanted who gives.
Result<Descriptor> receive(const Handover::Invitation& invitation, const Wanted& wanted,
                           Handover::Time deadline);

}  // namespace tutti
