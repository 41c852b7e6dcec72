// What `tutti perf` was asked to do. Options are named and meant as in nccl-tests where a CPU has
// them; the rest are refused with a reason.

#pragma once

#include <string>
#include <vector>

#include "cli/sizes.h"
#include "cli/statistics.h"
#include "tutti/status.h"
#include "tutti/types.h"

namespace tutti::cli {

/// Where a measurement's buffers come from.
enum class BufferMemory { kPlain, kAllocate, kRegister };

struct PerfOptions {
  std::vector<Collective> collectives = {Collective::kAllReduce};
  std::vector<DataType> types = {DataType::kFloat32};
  std::vector<Reduction> ops = {Reduction::kSum};
  SizeRange sizes;
  int root = 0;

  int iterations = 20;
  int warmup = 1;
  int aggregate = 1;  // calls in one group
  int batch = 0;      // groups timed together; 0: by size
  int cycles = 1;     // 0: for ever
  int checks = 1;     // checked iterations a size; 0: none
  bool blocking = true;
  double timeout_s = 0;  // 0: the library's
  bool out_of_place = true;
  bool in_place = true;

  int threads = 0;  // 0: ranks are the launcher's processes
  bool pin = true;
  bool on_gpus = false;  // --device cuda: buffers and calls on memory of devices
  bool graph = false;    // each round is one graph, which is replayed
  BufferMemory memory = BufferMemory::kPlain;
  int unalign = 0;  // elements that buffers begin after an aligned address

  std::string algorithm;  // as Options::algorithm
  bool each_algorithm = false;
  bool vs_mpi = false;

  OverRanks over_ranks = OverRanks::kMax;
  bool min_median_max = false;
  bool timestamps = false;
  bool json = false;      // only the document, on standard output
  std::string json_file;  // "" for none
};

/// Options, or the help text that was asked for instead.
struct PerfRequest {
  PerfOptions options;
  std::string help;
};

/// `arguments` are what follows `tutti perf`. kInvalidArgument is a sentence for the user.
Result<PerfRequest> parse_perf(std::vector<std::string> arguments);

std::string_view name(BufferMemory memory);

}  // namespace tutti::cli
