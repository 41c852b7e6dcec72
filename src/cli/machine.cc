// Tested by cli_report_test.cc, as far as one can.

#include "cli/machine.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

namespace tutti::cli {
namespace {

// The text after "key :" in a file of such lines, or "".
std::string look_up(const char* file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const auto colon = line.find(':');
    const auto start =
        colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    if (start != std::string::npos) return line.substr(start);
  }
  return "";
}

std::uint64_t memory_figure(const char* key) {
  std::istringstream text(look_up("/proc/meminfo", key));
  std::uint64_t kibibytes = 0;
  text >> kibibytes;
  return kibibytes * 1024;
}

// What the kernel calls the core of a CPU: the list of its hyperthreads.
std::string siblings(int cpu) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                     "/topology/thread_siblings_list");
  std::string list;
  std::getline(file, list);
  return list.empty() ? std::to_string(cpu) : list;
}

}  // namespace

Machine this_machine() {
  Machine machine;
  utsname names = {};
  if (uname(&names) == 0) {
    machine.host = names.nodename;
    machine.kernel = std::string(names.sysname) + " " + names.release;
  }
  machine.cpu = look_up("/proc/cpuinfo", "model name");
  machine.cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  machine.memory_bytes = memory_figure("MemTotal");
  return machine;
}

std::uint64_t available_memory() {
  const std::uint64_t available = memory_figure("MemAvailable");
  std::uint64_t limit = 0;  // of a container; "max" where there is none
  std::ifstream("/sys/fs/cgroup/memory.max") >> limit;
  return limit == 0 ? available : std::min(available, limit);
}

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

bool bind_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

std::vector<int> cpus_by_core() {
  struct Place {
    int turn = 0;  // 0 for the first CPU of its core, 1 for the second …
    int cpu = 0;
    auto operator<=>(const Place&) const = default;
  };
  std::map<std::string, int> taken;
  std::vector<Place> places;
  for (const int cpu : allowed_cpus()) places.push_back({taken[siblings(cpu)]++, cpu});
  std::sort(places.begin(), places.end());
  std::vector<int> cpus;
  for (const Place& place : places) cpus.push_back(place.cpu);
  return cpus;
}

}  // namespace tutti::cli
