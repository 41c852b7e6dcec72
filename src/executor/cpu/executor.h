// The CPU executor of one communicator: runs tasks to their end in the calling thread, watches the
// peers while it waits, and gives up in an orderly way.
//
// Used by one thread at a time, except abort(). After the first failure every run() fails with it:
// ranks no longer agree on where they are.
//
// Tested by executor_test.cc and failure_test.cc.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "executor/cpu/feed.h"
#include "executor/cpu/task.h"
#include "transports/transport.h"

namespace tutti {

struct ExecutorSettings {
  std::chrono::milliseconds call_timeout{300'000};
  int spins = 2000;  // polls before the first yield; few when ranks share cores
};

class CpuExecutor {
 public:
  /// REQUIRES: the transport's windows have layout.total bytes.
  CpuExecutor(std::unique_ptr<Transport> transport, const WindowLayout& layout,
              const ExecutorSettings& settings);
  /// Marks this rank as departed, so that nobody takes its process's end for a failure.
  ~CpuExecutor();

  const Site& site() const { return site_; }
  Transport& transport() { return *transport_; }
  /// Calls on `alias.memory` find it in the window from now on. Not while a call runs.
  void add_alias(const Alias& alias) { site_.aliases.push_back(alias); }
  /// What was added with memory that begins at `data`, in the window; null if nothing was.
  std::byte* remove_alias(const std::byte* data);
  /// Memory of a device, laid out as windows are from `annex.first` on, for calls on such memory.
  /// On all ranks, before any of them makes one. REQUIRES: as Transport::add_annex(); what is far
  /// of a call is all of it.
  void add_annex(const Annex& annex, MemoryKind kind);
  /// The streams of calls. Messages: from this rank to a peer, and from a peer to this rank.
  Arena& collectives() { return collectives_; }
  Arena& outbox(int peer);
  Arena& inbox(int peer);

  /// Runs the tasks at once: those of one arena in order, those of different arenas interleaved.
  Status run(std::span<const std::unique_ptr<Task>> tasks);
  Status run(Task& task);
  /// Runs what is fed, as it is fed, until the feed is complete.
  Status run(TaskFeed& feed);
  /// Runs a job that has a flat program.
  Status run(Arena& arena, Job& job);

  /// Fails every call on every rank. From any thread; returns at once.
  void abort(const std::string& reason);

  /// What ended this communicator, or OK.
  Status failure();
  /// kPeerLost when a peer has ended without leaving, whether or not it is waited for.
  Status check_peers();

  /// Calls `use` while no call and no abort() uses the transport.
  void use_transport(const std::function<void(Transport&)>& use);

 private:
  using Clock = std::chrono::steady_clock;
  class TransportUse;

  // Gives up: peers are told why, so that they need not wait for a deadline.
  Status give_up(Status status);
  void tell_near_peers(Code code, const std::string& text);
  void tell_far_peers();
  void send_far_notices();
  void let_go();
  Status adopt_failure();
  Status told_by_far_peers() const;
  bool peers_gave_up() const {
    return site_.control().failure.load(std::memory_order_acquire) != 0;
  }
  Status step_all(TaskFeed& feed, std::vector<Task*>& waiting, bool& moved);
  Status look_around(const Entry& call);
  Status check_feed(const std::vector<Task*>& waiting);
  bool has_left(int peer);
  Status check_lives(const Entry& call);
  Status check_departed(const Entry& call);
  Status check_deadline(const Entry& call);
  Status explain_mismatch(const Entry& call) const;

  std::unique_ptr<Transport> transport_;
  ExecutorSettings settings_;
  Site site_;
  Arena collectives_;
  std::vector<std::unique_ptr<Arena>> outboxes_;
  std::vector<std::unique_ptr<Arena>> inboxes_;

  // abort() may come from another thread.
  std::mutex using_transport_;  // where some peer is not mapped
  std::mutex telling_;          // taken after the other one, if both are
  std::uint64_t untold_ = 0;    // the failure word that peers which are not mapped lack
  bool all_find_out_ = false;   // of the failure, by looking at lives themselves
  Status failure_;
  Clock::time_point waiting_since_{};
  Clock::time_point last_lives_{};
  std::vector<const Arena*> busy_;  // during step_all()
  int departed_ = kSelf;            // a rank waited for that had left when last looked at
};

}  // namespace tutti
