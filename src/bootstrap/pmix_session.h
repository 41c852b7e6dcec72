// The little of PMIx that a start needs: who am I, put a text, get a text. Every wait has a
// deadline.
//
// libpmix is loaded when a session opens; nothing links to it. It then stays until the process
// ends, with one idle thread of its own. Tested by launch_test.cc.

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
  virtual Result<int> number(const std::string& key, bool mine, Deadline deadline) = 0;

  /// Other ranks can look this up. REQUIRES: a key that this rank has not published.
  virtual Status publish(const std::string& key, const std::string& text) = 0;
  virtual bool has_published(const std::string& key, Deadline deadline) = 0;
  /// kPeerLost when PMIx answers that there is nothing (yet), kTimeout at the deadline.
  virtual Result<std::string> look_up(int rank, const std::string& key, Deadline deadline) = 0;
};

}  // namespace tutti
