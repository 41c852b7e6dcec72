// How the ranks of one host come to share a mapping.
//
// Rank 0 creates the memory. One rank of every process (its lowest) gets the file and maps it, and
// hands the mapping to the other ranks of its process, which are threads of it. Two all-gathers: of
// cards (who and where is everybody, and how to reach rank 0), and of outcomes.
// Tested by shm_test.cc.

#pragma once

#include <memory>
#include <vector>

#include "bootstrap/bootstrap.h"
#include "bootstrap/host.h"
#include "transports/shm/memory.h"
#include "transports/shm/process.h"

namespace tutti::shm {

struct Member {
  Host host;
  ProcessId process;
};

struct Group {
  // Shared by the ranks that are threads of this process; the last one to end unmaps.
  std::shared_ptr<const Mapping> mapping;
  std::vector<Member> members;  // by rank
};

/// Collective; fails on every rank when it fails on one.
Result<Group> join(Bootstrap& bootstrap, std::size_t window_bytes, Deadline deadline);

}  // namespace tutti::shm
