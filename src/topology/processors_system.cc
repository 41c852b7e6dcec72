// Source: Documentation/admin-guide/cputopology.rst and ABI/stable/sysfs-devices-node of Linux.

#include <algorithm>
#include <charconv>

#include "base/texts.h"
#include "topology/number_list.h"
#include "topology/processors.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

// "node12" is 12; -1 for another name.
int number_in(const std::string& name, std::string_view prefix) {
  int number = -1;
  if (!name.starts_with(prefix)) return -1;
  const char* const end = name.data() + name.size();
  const auto read = std::from_chars(name.data() + prefix.size(), end, number);
  return read.ec == std::errc() && read.ptr == end ? number : -1;
}

int number_of(const fs::path& file) { return std::atoi(first_line(file).c_str()); }

std::vector<int> listed_in(const fs::path& file) {
  return from_list(first_line(file), kNumberLimit).value_or(std::vector<int>());
}

// "32768K"
std::size_t bytes_of(const std::string& text) {
  char* suffix = nullptr;
  const std::size_t number = std::strtoull(text.c_str(), &suffix, 10);
  return number << (*suffix == 'K' ? 10 : *suffix == 'M' ? 20 : *suffix == 'G' ? 30 : 0);
}

// "Node 0 MemTotal:       13628904 kB", or "MemTotal: …"
std::size_t memory_in(const fs::path& meminfo) {
  std::ifstream file(meminfo);
  for (std::string word; file >> word;) {
    std::size_t kilobytes = 0;
    if (word == "MemTotal:" && file >> kilobytes) return kilobytes << 10;
  }
  return 0;
}

std::vector<int> common(const std::vector<int>& a, const std::vector<int>& b) {
  std::vector<int> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

// Data and unified caches of a logical processor. Its own ones only: those that it shares with a
// smaller one among `cpus` have been listed there.
void add_caches(const fs::path& folder, int logical, Cpu& cpu) {
  for (const fs::path& index : entries_of(folder / "cache")) {
    if (number_in(index.filename(), "index") < 0) continue;
    if (first_line(index / "type") == "Instruction") continue;
    Cache cache{.level = number_of(index / "level"),
                .bytes = bytes_of(first_line(index / "size")),
                .cpus = common(listed_in(index / "shared_cpu_list"), cpu.cpus)};
    if (!cache.cpus.empty() && cache.cpus.front() == logical) cpu.caches.push_back(cache);
  }
}

class Reader {
 public:
  explicit Reader(const fs::path& root) : system_(root / "sys/devices/system") {
    for (const int logical : listed_in(system_ / "cpu/online")) {
      const auto core = std::make_pair(number_of(topology(logical) / "physical_package_id"),
                                       number_of(topology(logical) / "core_id"));
      core_of_[logical] = cores_.try_emplace(core, static_cast<int>(cores_.size())).first->second;
    }
  }

  bool knows_processors() const { return !core_of_.empty(); }

  std::vector<int> processors() const {
    std::vector<int> all;
    for (const auto& [logical, core] : core_of_) all.push_back(logical);
    return all;
  }

  /// NUMA nodes that have processors: others are memory only.
  std::map<int, std::vector<int>> nodes() const {
    std::map<int, std::vector<int>> found;
    for (const fs::path& node : entries_of(system_ / "node")) {
      const int number = number_in(node.filename(), "node");
      if (number < 0) continue;
      const std::vector<int> cpus = listed_in(node / "cpulist");
      if (!cpus.empty()) found[number] = cpus;
    }
    return found;
  }

  std::size_t memory_of(int node) const {
    return memory_in(system_ / ("node/node" + std::to_string(node)) / "meminfo");
  }

  void describe(Cpu& cpu) const {
    if (cpu.cpus.empty()) return;
    cpu.package = std::max(0, number_of(topology(cpu.cpus[0]) / "physical_package_id"));
    for (const int logical : cpu.cpus) {
      const auto core = core_of_.find(logical);
      cpu.cores.push_back(core == core_of_.end() ? 0 : core->second);
      add_caches(folder(logical), logical, cpu);
    }
    std::stable_sort(cpu.caches.begin(), cpu.caches.end(),
                     [](const Cache& a, const Cache& b) { return a.level > b.level; });
  }

 private:
  fs::path folder(int logical) const { return system_ / ("cpu/cpu" + std::to_string(logical)); }
  fs::path topology(int logical) const { return folder(logical) / "topology"; }

  const fs::path system_;
  std::map<std::pair<int, int>, int> cores_;  // by package and number there: its number on the host
  std::map<int, int> core_of_;                // by logical processor
};

}  // namespace

Processors processors_by_system(const fs::path& root) {
  Processors found;
  const Reader reader(root);
  const auto add = [&](int node, const std::vector<int>& cpus, std::size_t memory) {
    Cpu cpu = this_kind_of_processor();
    cpu.numa = node;
    cpu.cpus = cpus;
    cpu.memory_bytes = memory;
    reader.describe(cpu);
    found.cpus.push_back(cpu);
  };
  for (const auto& [node, cpus] : reader.nodes()) add(node, cpus, reader.memory_of(node));
  if (found.cpus.empty()) add(0, reader.processors(), memory_in(root / "proc/meminfo"));
  if (!reader.knows_processors()) {
    found.notes.push_back((root / "sys/devices/system/cpu/online").string() +
                          " cannot be read: processors are unknown");
  }
  return found;
}

}  // namespace tutti
