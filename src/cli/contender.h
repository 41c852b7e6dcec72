// A library under measurement: Tutti with some algorithm, or another one beside it.

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/perf_options.h"
#include "cli/shape.h"
#include "cli/vs.h"
#include "tutti/cuda.h"
#include "tutti/tutti.h"

namespace tutti::cli {

/// Where one call reads and writes.
struct Slot {
  const std::byte* input = nullptr;
  std::byte* output = nullptr;
};

/// The calls that are timed together.
struct Round {
  Problem problem;
  Placement placement = Placement::kOutOfPlace;
  std::vector<Slot> slots;  // a call each
  int aggregate = 1;        // calls in a group; divides slots.size()
  bool blocking = true;
};

class Contender {
 public:
  virtual ~Contender() = default;

  /// Makes run() about this round. kNotSupported when the library has no such call.
  virtual Status prepare(const Round& round) = 0;

  /// The timed part: makes all the calls.
  virtual Status run() = 0;

  /// Of the last run, where a device has measured it.
  virtual std::optional<double> device_time_us() const { return std::nullopt; }

  /// Whether the result lies where the call of this round says, so that it can be checked.
  virtual bool checkable() const = 0;

  /// Of the last run; empty strings where the library does not say.
  virtual Explanation explain() const = 0;

  /// Frees peers that wait for this rank, which will not come.
  virtual void abort(const std::string& reason) = 0;
};

/// The communicator outlives the contender.
std::unique_ptr<Contender> make_tutti_contender(Communicator& communicator);
/// The same on memory of the GPU, each round as a graph or call by call. Both outlive the
/// contender.
std::unique_ptr<Contender> make_gpu_contender(Communicator& communicator, GpuBench& gpu,
                                              const PerfOptions& options,
                                              std::chrono::milliseconds timeout);
/// The calls of a round, as their caller would write them.
std::vector<Call> calls_of(const Round& round, int rank);
/// The library outlives the contender.
std::unique_ptr<Contender> make_vs_contender(VsLibrary& library);

}  // namespace tutti::cli
