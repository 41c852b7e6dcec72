// The little of PMIx that a start needs: who am I, put a text, get a text. Every wait has a
// deadline.
//
// libpmix is loaded when a session opens; nothing links to it. Tested by launch_test.cc.

#pragma once

#include <memory>
#include <string>

#include "bootstrap/bootstrap.h"

namespace tutti {

class PmixSession {
 public:
  virtual ~PmixSession() = default;

  /// kNotSupported when there was no pmix.h at build time or is no libpmix.so.2 now; kSystem when
  /// no PMIx server answers.
  static Result<std::unique_ptr<PmixSession>> open();

  virtual int rank() const = 0;
  /// A number that the server has about the job ("pmix.job.size") or, with `mine`, about this rank.
  virtual Result<int> number(const char* key, bool mine, Deadline deadline) = 0;

  /// Other ranks can look this up. A later text replaces an earlier one.
  virtual Status publish(const char* key, const std::string& text) = 0;
  /// What the rank published last, as far as this host knows. kTimeout at the deadline; kPeerLost
  /// when PMIx answers that there is nothing (yet).
  virtual Result<std::string> look_up(int rank, const char* key, Deadline deadline) = 0;
};

}  // namespace tutti
