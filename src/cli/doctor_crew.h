// The ranks that a host is examined for. Alone: the one that would run where this process runs.

#pragma once

#include <vector>

namespace tutti::cli::doctor {

struct BoundRank {
  int rank = 0;
  std::vector<int> processors;  // on which it may run, ascending
};

struct Crew {
  // Ranks under this kernel, whatever hosts they are made to be.
  std::vector<BoundRank> on_machine = {};
  int on_host = 1;           // ranks of this host
  int ranks = 1;             // of all hosts
  bool is_launched = false;  // by a launcher, which has bound ranks or not
};

}  // namespace tutti::cli::doctor
