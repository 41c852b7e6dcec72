// The places to meet that this process has opened: ncclGetUniqueId() gives an id away, and nobody
// says when it has served.
//
// Any number of threads. Tested by nccl_life_test.cc.

#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "tutti/nccl.h"
#include "tutti/options.h"
#include "tutti/unique_id.h"

namespace tutti::nccl {

UniqueId from_nccl(const ncclUniqueId& id);

class Meetings {
 public:
  /// Open until close(), or the end of the process.
  Result<ncclUniqueId> open(const Options& options);
  /// When a rank of this process has met the others there, or has failed to. Ids of other processes
  /// are ignored.
  void close(const UniqueId& id);

 private:
  std::mutex mutex_;
  std::map<std::array<std::byte, 128>, std::unique_ptr<BootstrapRoot>> roots_;
};

}  // namespace tutti::nccl
