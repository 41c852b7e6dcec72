// Who the ranks of a set of boards are: which of them share a process, and which a device.
//
// Tested by cuda_p2p_test.cc.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bootstrap/host.h"
#include "device/device.h"
#include "tutti/status.h"

namespace tutti::cuda_p2p {

/// A process of a host, as long as it lives. A value that travels as bytes.
struct Process {
  std::int64_t pid = 0;
  std::uint64_t token = 0;  // random: made once a program, and inherited where processes are forked

  bool operator==(const Process&) const = default;
};
Result<Process> process_here();

/// What a rank tells the others of itself. A value that travels as bytes.
struct Introduction {
  Host host;
  Process process;
  std::array<std::uint8_t, 16> device = {};  // its uuid
  bool shares_kernels = false;
  bool has_multicast = false;
  std::uint64_t scratch_bytes = 0;
};

Result<Introduction> introduce(const DeviceFacts& device, std::size_t scratch_bytes);

/// Whether two ranks of different processes use one device and their kernels take turns, so that
/// kernels must not wait for each other. Ranks of any hosts.
bool kernels_take_turns(const std::vector<Introduction>& introductions);

/// By what every rank knows, so that all come to the same conclusions. A value.
class Members {
 public:
  /// kNotSupported for too many ranks or several hosts, kMismatch for different sizes of scratch.
  /// REQUIRES: every rank's introduction, by rank.
  static Result<Members> make(std::vector<Introduction> introductions);

  int ranks() const { return static_cast<int>(who_.size()); }
  bool same_process(int a, int b) const { return who_[a].process == who_[b].process; }
  bool same_device(int a, int b) const { return who_[a].device == who_[b].device; }
  /// How many ranks run in the rank's process, itself among them.
  int of_process(int rank) const;

  bool one_process() const { return of_process(0) == ranks(); }
  bool one_device() const { return of_device(0) == ranks(); }
  bool kernels_take_turns() const { return cuda_p2p::kernels_take_turns(who_); }
  int ranks_per_device() const;
  /// Whether sums may go through a switch; kNotSupported says why not: which rank's device cannot,
  /// who share one, or that they are so few that it gains nothing (executor/cuda/multicast.h).
  Status multicast() const;

 private:
  explicit Members(std::vector<Introduction> who) : who_(std::move(who)) {}
  int of_device(int rank) const;

  std::vector<Introduction> who_;
};

}  // namespace tutti::cuda_p2p
