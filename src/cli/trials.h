// Measures every algorithm of collectives, to be compared with what is predicted.
//
// Tested by cli_command_test.py.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "tutti/tuning.h"

namespace tutti::cli {

struct TrialRequest {
  std::vector<Collective> collectives;
  std::vector<std::size_t> sizes;  // bytes
  DataType type = DataType::kFloat32;
  bool allocated = false;  // buffers from allocate()
  int iterations = 6;      // of each algorithm and size, in each round
  int rounds = 2;
};

/// A measurement of each algorithm that can run the call, in the way that the library would let it
/// run; sizes and collectives in order. Algorithms take turns, so that what disturbs the machine
/// disturbs all alike. All is measured in each round, and the best of the rounds' medians counts:
/// where others use a machine too, it is slow for seconds. The same on all ranks. Collective.
Result<std::vector<Measurement>> run_trials(
    Session& session, const Options& options, const TrialRequest& request,
    const std::function<void(const std::string& what, double share)>& progress);

/// What is asked about calls of these ranks.
AskedCall asked_on(const Communicator& communicator, Collective collective, DataType type,
                   std::size_t bytes, bool allocated);

}  // namespace tutti::cli
