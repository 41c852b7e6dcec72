// How streams of the caller's come to a thread of the host with groups of calls, and wait for it:
// by kernels, which graphs may hold, or where those must not wait, by the stream itself.
//
// Groups are numbers. The first cuda::kIssuedGroups are for calls that are made in the order in
// which they were issued, whichever stream comes first; the others for those that a graph holds,
// which are made when a stream comes to them.
//
// Tested by proxy_test.cc.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "bootstrap/bootstrap.h"
#include "communicator/device_copiers.h"
#include "device/device.h"
#include "executor/cuda/pinned_memory.h"
#include "executor/cuda/visits.h"

namespace tutti {

/// OK where streams of all ranks may wait in kernels; else why not: the same on all ranks. For
/// kernels of processes that take turns on a device would wait for each other's turns. Collective.
Status may_wait_in_kernels(Bootstrap& bootstrap, const Device& device, Deadline deadline);

class DeviceVisits final {
 public:
  /// `no_kernels`: why streams must come and wait themselves, or OK. The device outlives the
  /// visits. Kernels give up when keep_alive() is not called for as long as `patience`.
  static Result<std::unique_ptr<DeviceVisits>> create(Device& device, const Status& no_kernels,
                                                      std::chrono::nanoseconds patience);
  /// Whatever streams have not passed by some time soon keeps its memory.
  ~DeviceVisits();

  /// Whether a graph may hold visits: kNotSupported says why not.
  Status may_be_captured() const { return no_kernels_; }

  // Of the thread that issues, one at a time: come() and then wait() for a group.

  Status come(Stream stream, std::uint32_t group);
  Status wait(Stream stream, std::uint32_t group);
  /// Whether streams have passed all visits of the group, which was issued so often.
  bool passed(std::uint32_t group) const;

  // Of the thread that answers.

  /// The group to be made next, once a stream has come to it. `oldest`: of those that were issued
  /// and not answered, the first.
  std::optional<std::uint32_t> next(std::optional<std::uint32_t> oldest);
  /// A visit of the group, which need not have come yet, may pass. What was done before is seen.
  void answer(std::uint32_t group);
  void keep_alive();
  /// Who copies while streams wait, by kernels: null where streams wait themselves. The lines are
  /// apart from each other. The visits outlive it.
  DeviceCopier* copier(std::uint32_t line);
  /// Not OK once a kernel has given up, and its stream gone on without an answer.
  Status health() const;
  /// Nobody waits any longer. Any thread.
  void let_go();

 private:
  DeviceVisits(Device& device, const Status& no_kernels, std::chrono::nanoseconds patience,
               cuda::PinnedMemory<cuda::VisitBook> book)
      : device_(device),
        no_kernels_(no_kernels),
        patience_(patience),
        book_(std::move(book)),
        issued_(cuda::kIssuedGroups) {}

  cuda::Visit visit_of(std::uint32_t group) const;
  void read_arrivals();
  bool all_passed() const;

  Device& device_;
  const Status no_kernels_;
  const std::chrono::nanoseconds patience_;
  cuda::PinnedMemory<cuda::VisitBook> book_;
  cuda::VisitCounters* counters_ = nullptr;  // null: streams come and wait themselves
  std::vector<std::uint32_t> issued_;        // visits, by group
  std::deque<std::uint32_t> arrivals_;       // groups that kernels have come with
  std::deque<KernelCopier> copiers_;         // by line; none where streams wait themselves
};

}  // namespace tutti
