// Who the ranks of a set of boards are. Tested by cuda_p2p_test.cc.

#include "transports/cuda_p2p/members.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "transports/cuda_p2p/team.h"

namespace tutti::cuda_p2p {
namespace {

// 0 when the system gives none.
std::uint64_t random_number() {
  std::uint64_t number = 0;
  return getrandom(&number, sizeof(number), 0) == sizeof(number) ? number : 0;
}

Status check_alike(const std::vector<Introduction>& who) {
  for (int rank = 1; rank < static_cast<int>(who.size()); ++rank) {
    Status same_host = check_same_host(0, who[0].host, rank, who[rank].host);
    if (!same_host.ok()) return same_host;
    if (who[rank].scratch_bytes != who[0].scratch_bytes) {
      return {Code::kMismatch, "rank 0 asks for " + std::to_string(who[0].scratch_bytes) +
                                   " bytes of scratch, rank " + std::to_string(rank) + " for " +
                                   std::to_string(who[rank].scratch_bytes)};
    }
  }
  return {};
}

}  // namespace

Result<Process> process_here() {
  // One for the program's life. Processes forked from it differ in their number.
  static const std::uint64_t token = random_number();
  if (token == 0) return Status(Code::kSystem, "the system gives no random bytes");
  return Process{getpid(), token};
}

Result<Introduction> introduce(const DeviceFacts& device, std::size_t scratch_bytes) {
  const Result<Host> host = this_host();
  if (!host.ok()) return host.status();
  const Result<Process> process = process_here();
  if (!process.ok()) return process.status();
  return Introduction{
      *host, *process, device.uuid, device.shares_kernels, device.has_multicast, scratch_bytes};
}

bool kernels_take_turns(const std::vector<Introduction>& introductions) {
  for (const Introduction& a : introductions) {
    for (const Introduction& b : introductions) {
      const bool together = a.shares_kernels && b.shares_kernels;
      if (a.device == b.device && !(a.process == b.process) && !together) return true;
    }
  }
  return false;
}

Result<Members> Members::make(std::vector<Introduction> introductions) {
  if (introductions.size() > cuda::kMostRanks) {
    return Status(Code::kNotSupported,
                  std::to_string(introductions.size()) +
                      " ranks on one host: device memory is shared by at most " +
                      std::to_string(cuda::kMostRanks));
  }
  if (Status status = check_alike(introductions); !status.ok()) return status;
  return Members(std::move(introductions));
}

int Members::of_process(int rank) const {
  int count = 0;
  for (int other = 0; other < ranks(); ++other) count += same_process(rank, other);
  return count;
}

int Members::of_device(int rank) const {
  int count = 0;
  for (int other = 0; other < ranks(); ++other) count += same_device(rank, other);
  return count;
}

int Members::ranks_per_device() const {
  int most = 0;
  for (int rank = 0; rank < ranks(); ++rank) most = std::max(most, of_device(rank));
  return most;
}

Status Members::multicast() const {
  constexpr int kFewest = 4;
  const auto no = [](const std::string& why) { return Status(Code::kNotSupported, why); };
  for (int rank = 0; rank < ranks(); ++rank) {
    if (!who_[rank].has_multicast) {
      return no("the device of rank " + std::to_string(rank) +
                ", its driver or its kernels have no multicast");
    }
  }
  if (ranks_per_device() > 1) return no("ranks share a device");
  if (ranks() >= kFewest) return {};
  return no(std::to_string(ranks()) + " ranks gain nothing by it: expected at least " +
            std::to_string(kFewest));
}

}  // namespace tutti::cuda_p2p
