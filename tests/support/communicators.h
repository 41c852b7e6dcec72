// Ranks with a communicator of all of them: as threads of this process, or as processes.

#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "expect_ok.h"
#include "processes.h"
#include "tutti/tutti.h"

namespace tutti::test {

/// Options whose deadline is short enough for a test to end by itself.
inline Options patient_options() {
  Options options;
  options.start_timeout = options.call_timeout = std::chrono::seconds(20);
  options.heap_bytes = std::size_t{64} << 20;
  return options;
}

/// The same with a deadline for calls that are meant to fail by it.
inline Options impatient_options(std::chrono::milliseconds call_timeout) {
  Options options = patient_options();
  options.call_timeout = call_timeout;
  return options;
}

/// Runs `body` on every rank at once. A communicator lives until every rank's body has ended.
inline void on_ranks(int ranks, const Options& options,
                     const std::function<void(Communicator&)>& body) {
  Result<std::vector<Communicator>> made = Communicator::threads(ranks, options);
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  run_ranks_as_threads(ranks, [&](int rank) {
    body((*made)[rank]);
    return 0;
  });
}

inline void on_ranks(int ranks, const std::function<void(Communicator&)>& body) {
  on_ranks(ranks, patient_options(), body);
}

/// How ranks that are processes, forked from this one, find each other: rank 0 says where, in
/// memory that all share. Nothing of it runs in this process, which forks again.
class Rendezvous {
 public:
  Rendezvous()
      : shared_(static_cast<Shared*>(mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Rendezvous() { munmap(shared_, sizeof(Shared)); }
  Rendezvous(const Rendezvous&) = delete;

  Result<Communicator> meet(int rank, int ranks, const Options& options) {
    Result<Invitation> invitation = Invitation();  // lives until all have met
    if (rank == 0) {
      invitation = make_unique_id({});
      if (!invitation.ok()) return invitation.status();
      shared_->id = invitation->id;
      shared_->ready.store(true, std::memory_order_release);
    }
    while (!shared_->ready.load(std::memory_order_acquire)) std::this_thread::yield();
    return Communicator::create(shared_->id, rank, ranks, options);
  }

 private:
  struct Shared {
    std::atomic<bool> ready;
    UniqueId id;
  };
  Shared* shared_;
};

}  // namespace tutti::test
