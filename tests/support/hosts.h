// Ranks on several hosts that the test makes up: each says another Options::host.

#pragma once

#include <barrier>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "communicators.h"
#include "process_job.h"

namespace tutti::test {

/// The options of a rank of `host`.
inline Options on_host(Options options, int host) {
  options.host = static_cast<char>('a' + host);
  return options;
}

inline int host_count(const std::vector<int>& host_of) {
  return static_cast<int>(std::set<int>(host_of.begin(), host_of.end()).size());
}

/// Runs `body` on every rank at once, as threads; host_of[r] is rank r's host. A communicator lives
/// until every rank's body has ended.
inline void on_hosts(const std::vector<int>& host_of, const Options& options,
                     const std::function<void(Communicator&)>& body) {
  const int ranks = static_cast<int>(host_of.size());
  const Result<Invitation> invitation = make_unique_id({});
  ASSERT_OK(invitation.status());
  std::barrier all_ended(ranks);
  run_ranks_as_threads(ranks, [&](int rank) {
    Result<Communicator> comm =
        Communicator::create(invitation->id, rank, ranks, on_host(options, host_of[rank]));
    EXPECT_OK(comm.status());
    if (comm.ok()) body(*comm);
    all_ended.arrive_and_wait();
    return 0;
  });
}

inline void on_hosts(const std::vector<int>& host_of,
                     const std::function<void(Communicator&)>& body) {
  on_hosts(host_of, patient_options(), body);
}

/// A Job whose ranks are on these hosts.
inline Job::OptionsOf hosts_of_job(const Options& options, const std::vector<int>& host_of) {
  return [=](int rank) { return on_host(options, host_of[rank]); };
}

}  // namespace tutti::test
