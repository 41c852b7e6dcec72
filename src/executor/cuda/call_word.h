// A call in one word, as kernels tell it to each other: whatever ranks must agree on, so that it
// can be read back from a rank that called something else.
//
//   bits   0 - 39   count: check_call() allows 2^40 bytes of all ranks
//         40 - 43   type
//         44 - 47   collective
//         48 - 51   reduction
//         52 - 55   root, of kMostRanks at most
//         56        in place, of all_to_all
//         57 - 63   digest of the factor: of two that differ, one in 128 passes for the other
//
// Tested by cuda_mismatch_test.cc.

#pragma once

#include <cstdint>
#include <string>

#include "executor/cuda/executor.h"
#include "executor/signature.h"

namespace tutti::cuda {

/// REQUIRES: check_call() has passed it. What does not matter to the collective is left out.
std::uint64_t word_of(const DeviceCall& call, bool in_place);

/// Without the digest.
Signature signature_of(std::uint64_t word);

/// "rank 1 called broadcast #7 (float, 8, root 3), rank 0 called …", as executors of the CPU say
/// it.
struct Caller {
  int rank = 0;
  std::uint64_t word = 0;
};
std::string difference(const Caller& theirs, const Caller& ours, std::uint32_t call);

}  // namespace tutti::cuda
