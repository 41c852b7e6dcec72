// How calls are chosen, and what the choice rests on: a calibration of the machine, and a model of
// calls that runs their schedules on it. `tutti tune`, `tutti explain` print what this header says.
//
// Every communicator uses the calibration of its rank 0; see Options::calibration.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "tutti/api.h"
#include "tutti/options.h"
#include "tutti/status.h"
#include "tutti/types.h"

namespace tutti {

/// A call to ask about.
struct AskedCall {
  Collective collective = Collective::kAllReduce;
  DataType type = DataType::kFloat32;
  std::size_t bytes = 0;     // of the largest buffer: all ranks' parts together
  std::vector<int> host_of;  // by rank: a number for its host
  int cores = 0;             // of each host, for its ranks; 0: as many as they are
  bool allocated = false;    // buffers are from allocate()
  bool in_place = false;
};

/// One algorithm, in its best way.
struct CallCandidate {
  std::string algorithm;
  double seconds = 0;  // predicted; infinite where there is too much to look at
  std::size_t tile_bytes = 0;
  int lanes = 0;
  bool inlined = false;   // data travels in signals
  bool crowds = false;    // ranks talk to so many hosts that it must be twice as fast to be chosen
  std::string objection;  // "" or why it cannot run the call; nothing is predicted then

  bool operator==(const CallCandidate&) const = default;
};

/// What one call took.
struct Measurement {
  AskedCall call;
  std::string algorithm;  // and the rest as Explanation says
  bool inlined = false;
  std::size_t tile_bytes = 0;
  int lanes = 1;
  double seconds = 0;  // on the slowest rank, buffers freshly written; small calls in a row
};

/// What a machine costs: named numbers, as text. Empty: a first guess.
struct Calibration {
  std::string text;

  bool operator==(const Calibration&) const = default;
};

/// All algorithms for the call: the best first, those that cannot run it last. What runs is the
/// first, unless options or rules say otherwise. `options` gives scratch_bytes and reproducible.
TUTTI_API Result<std::vector<CallCandidate>> candidates(const AskedCall& call,
                                                        const Calibration& calibration,
                                                        const Options& options);

/// Bytes of memory that ranks use in windows, their own and those of peers, for calls that a group
/// of ranks of one host makes again and again: of the rank that uses most. Systems count them as
/// memory of each process that touches them. A send_recv is a message from rank 0 to rank 1.
TUTTI_API Result<double> window_bytes(std::span<const AskedCall> calls,
                                      const Calibration& calibration, const Options& options);

/// What the call that was measured is predicted to take.
TUTTI_API Result<double> predict(const Measurement& measured, const Calibration& calibration,
                                 const Options& options);

/// How well a calibration tells measurements.
struct CalibrationFit {
  Calibration calibration;
  std::vector<double> ratios;  // predicted by measured, of each measurement
};

/// The calibration that tells the measurements best, beginning from `start`. What they say nothing
/// about stays as it was. Deterministic. Takes seconds.
TUTTI_API Result<CalibrationFit> fit_calibration(std::span<const Measurement> measurements,
                                                 const Calibration& start, const Options& options);

/// A text that is equal on machines that one calibration will do for: processor and number of
/// cores.
TUTTI_API std::string machine_fingerprint();

/// Where the calibration of this machine is kept: below XDG_CACHE_HOME or ~/.cache; "" where
/// neither is known.
TUTTI_API std::string calibration_path();

/// As a communicator with these options reads it; empty where the default file does not exist.
TUTTI_API Result<Calibration> load_calibration(const Options& options);

/// Makes folders that are missing; the file appears whole or not at all.
TUTTI_API Status save_calibration(const Calibration& calibration, const std::string& path);

}  // namespace tutti
