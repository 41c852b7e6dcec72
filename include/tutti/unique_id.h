// How the ranks of a job find each other: one process makes an id, every rank is given a copy.
//
//   Result<Invitation> invitation = make_unique_id({});     // in one process, often rank 0's
//   send invitation->id.to_string() to the others           // any way that suits: a file, a store
//   …                                                       // every rank makes its communicator
//
// Making an id starts a listener, in a thread of the calling process, where the ranks meet. It is
// the caller's: BootstrapRoot owns it, and the id is worth something only as long as the root
// lives. Keep it until this process knows that all ranks have met (as NCCL asks of the caller of
// ncclGetUniqueId); afterwards the ranks talk to each other and the root is of no more use. An id
// serves one start: the root stops listening when all have met.
//
// The id holds a secret. Every connection proves knowledge of it, both ways, without sending it;
// whoever can read the id can join the job. Connections are not encrypted.
//
// Tested by unique_id_test.cc and bootstrap_test.cc.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "tutti/api.h"
#include "tutti/status.h"

namespace tutti {

/// Where to meet, and the secret that lets a rank in. A value of 128 bytes, as ncclUniqueId: copy
/// it, store it, send it. Its format is the library's own (src/bootstrap/meeting.h).
struct UniqueId {
  std::array<std::byte, 128> bytes{};

  /// 256 hexadecimal digits, for files, variables and command lines.
  TUTTI_API std::string to_string() const;
  /// The inverse; white space at either end is ignored. kInvalidArgument says what is wrong with a
  /// text that is truncated, garbled or no id.
  TUTTI_API static Result<UniqueId> parse(std::string_view text);

  bool operator==(const UniqueId&) const = default;
};

/// Which of this host's addresses to use for meeting.
struct BootstrapOptions {
  /// The name of a network interface ("eth0"), or one of this host's addresses ("10.0.0.1",
  /// "fd00::1"). Empty: listen on all; ranks try this host's addresses in turn, loopback last.
  std::string interface;
  /// The root's port; 0 lets the system choose. Ranks always let the system choose theirs.
  int port = 0;
  /// After this time the root gives up and tells those who came; 0: the ranks' own deadlines
  /// decide, and the root waits as long as it lives.
  std::chrono::milliseconds start_timeout{0};
};

/// The place where ranks meet. A resource with one owner. Destroying it ends the meeting: ranks
/// that are still waiting there get an error.
class BootstrapRoot {
 public:
  virtual ~BootstrapRoot() = default;
};

/// An id and what keeps it valid.
struct Invitation {
  UniqueId id;
  std::unique_ptr<BootstrapRoot> root;
};

/// Opens a place to meet. kInvalidArgument names an interface that this host has not; kSystem a
/// port that is taken.
TUTTI_API Result<Invitation> make_unique_id(const BootstrapOptions& options);

}  // namespace tutti
