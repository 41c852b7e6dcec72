// Ranks that share cores: one runs until it can do nothing, then the next one that wants to.
//
// Tested by simulate_test.cc.

#pragma once

#include <algorithm>
#include <deque>
#include <vector>

#include "simulator/machine.h"

namespace tutti {

class Cores {
 public:
  /// Of ranks 0 … ranks - 1. Where every rank has a core of its own, nobody ever waits.
  Cores(const Machine& machine, int ranks) {
    if (machine.cores == 0) return;
    std::vector<int> on_host;
    for (int rank = 0; rank < ranks; ++rank) {
      const int host = machine.host(rank);
      if (host >= static_cast<int>(on_host.size())) on_host.resize(host + 1);
      core_of_.push_back(host * machine.cores + on_host[host]++ % machine.cores);
    }
    const int most = *std::max_element(on_host.begin(), on_host.end());
    if (most > machine.cores) cores_.resize(on_host.size() * machine.cores);
  }

  enum class Taken { kNo, kAgain, kFromAnother };

  /// The rank wants to run. kNo: its core is taken, and it queues for it.
  Taken take(int rank) {
    if (cores_.empty()) return Taken::kAgain;
    Core& core = cores_[core_of_[rank]];
    if (core.owner != rank && core.owner != kNobody) {
      const bool queues = std::find(core.queue.begin(), core.queue.end(), rank) != core.queue.end();
      if (!queues) core.queue.push_back(rank);
      return Taken::kNo;
    }
    const bool is_new = core.last != rank && core.last != kNobody;
    core.owner = core.last = rank;
    return is_new ? Taken::kFromAnother : Taken::kAgain;
  }

  static constexpr int kNobody = -1;

  /// The rank can do nothing. Who is next, or kNobody.
  int leave(int rank) {
    if (cores_.empty() || cores_[core_of_[rank]].owner != rank) return kNobody;
    Core& core = cores_[core_of_[rank]];
    core.owner = kNobody;
    if (core.queue.empty()) return kNobody;
    const int next = core.queue.front();
    core.queue.pop_front();
    return next;
  }

 private:
  struct Core {
    int owner = kNobody;
    int last = kNobody;
    std::deque<int> queue;
  };

  std::vector<Core> cores_;  // empty: ranks have cores of their own
  std::vector<int> core_of_;
};

}  // namespace tutti
