// How the tests of calls on memory of devices put up their ranks, and what these tell each other.

#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "device_communicators.h"
#include "executor/cuda/kernels_host.h"
#include "executor/cuda/plan_kernels_host.h"
#include "executor/cuda/visit_kernels.h"

namespace tutti::test {

inline bool contains(const Status& status, const std::string& words) {
  return status.message().find(words) != std::string::npos;
}

/// What rank `from` sends to rank `to`.
inline std::vector<int> message(int from, int to, std::size_t count) {
  std::vector<int> text(count);
  std::iota(text.begin(), text.end(), 1'000'000 * from + 100'000 * to);
  return text;
}

/// All that calls use but multicast.
inline std::vector<ThreadKernel> kernels_for_calls() {
  std::vector<ThreadKernel> all;
  for (const auto kernels :
       {cuda::fast_thread_kernels(), cuda::plan_thread_kernels(), cuda::visit_thread_kernels()}) {
    all.insert(all.end(), kernels.begin(), kernels.end());
  }
  return all;
}

inline RanksOnDevices with_kernels(const std::vector<int>& host_of) {
  return {.host_of = host_of, .kernels = kernels_for_calls()};
}
inline RanksOnDevices with_kernels(int ranks) { return with_kernels(std::vector<int>(ranks)); }

}  // namespace tutti::test
