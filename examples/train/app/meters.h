// What a processor can and does do: its fastest product of matrices, memory in use, energy.
//
// Tested by train_step_log_test.cc.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tutti/tutti.h"

namespace tutti::train {

/// FLOP/s of this thread in the trainers' own product of square matrices of that size: the best of
/// what it does in that time. Call it on all ranks at once, for cores share what they have.
template <class T>
double measure_peak(long size = 512, double seconds = 0.5);

/// How much of a core, or GPU, a rank has, of those of its host: less than 1 where it has more
/// ranks. 0 parts: not known.
double share_of_rank(const Formation& formation, int rank, int parts);

/// Bytes of memory of this process now; 0 where the system does not tell.
double resident_bytes(const std::string& status_file = "/proc/self/status");

/// The processors' own count of energy (RAPL), where it may be read.
class EnergyMeter {
 public:
  explicit EnergyMeter(const std::string& folder = "/sys/class/powercap");

  bool works() const { return !packages_.empty(); }
  /// Since the last call, or since it was made. Nothing if it does not work.
  std::optional<double> take_joules();

 private:
  struct Package {
    std::string file;
    std::uint64_t wraps_at = 0;  // microjoules
    std::uint64_t last = 0;
  };
  std::vector<Package> packages_;
};

}  // namespace tutti::train
