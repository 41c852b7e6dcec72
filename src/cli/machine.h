// What the measurements were made on.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tutti::cli {

struct Machine {
  std::string host;
  std::string cpu;     // "Intel(R) Xeon(R) …", or "" where the system does not say
  std::string kernel;  // "Linux 6.1.0"
  int cores = 0;       // logical ones, online
  std::uint64_t memory_bytes = 0;
};

Machine this_machine();

/// Bytes that programs can still take without swapping; 0 when the system does not say.
std::uint64_t available_memory();

/// The CPUs this thread may run on.
std::vector<int> allowed_cpus();

/// Binds the calling thread to one CPU; false when the system refuses.
bool bind_to(int cpu);

/// All allowed CPUs, one of each core before the second of any.
std::vector<int> cpus_by_core();

}  // namespace tutti::cli
