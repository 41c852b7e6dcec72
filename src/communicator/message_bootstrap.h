// How the ranks of a new communicator meet when they already share one: by messages on it.
//
// Tested by split_test.cc.

#pragma once

#include <vector>

#include "bootstrap/bootstrap.h"
#include "communicator/impl.h"

namespace tutti {

class MessageBootstrap final : public Bootstrap {
 public:
  /// `members` are ranks of `parent`, in the order of the new ranks; parent.rank() is one of them.
  MessageBootstrap(Communicator::Impl& parent, std::vector<int> members);

  int rank() const override { return rank_; }
  int ranks() const override { return static_cast<int>(members_.size()); }

  /// The first member collects and distributes. The parent's call timeout bounds it, not
  /// `deadline`.
  Result<std::vector<std::string>> all_gather(const std::string& mine, Deadline deadline) override;

 private:
  Status send(const std::string& text, int member);
  Result<std::string> receive(int member);

  Communicator::Impl& parent_;
  std::vector<int> members_;
  int rank_ = 0;
};

}  // namespace tutti
