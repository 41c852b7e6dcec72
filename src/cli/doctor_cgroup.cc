// Files as in Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of Linux. Tested by
// cli_doctor_limits_test.cc.

#include "cli/doctor_cgroup.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

namespace fs = std::filesystem;

constexpr double kNoLimit = 1e18;  // version 1 writes a large number

bool lists(const std::string& controllers, const std::string& controller) {
  return ("," + controllers + ",").find("," + controller + ",") != std::string::npos;
}

// This process's group of a controller, "" for version 2: lines are "number:controllers:path".
std::string path_of(const fs::path& root, const std::string& controller) {
  for (const std::string& line : lines_of(root / "proc/self/cgroup")) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : lists(controllers, controller)) {
      return line.substr(second + 1);
    }
  }
  return "/";
}

// The folders of a group and of those above it, as far as they are there.
std::vector<fs::path> levels(const fs::path& top, const std::string& path) {
  std::vector<fs::path> all = {top};
  for (const fs::path& part : fs::path(path).relative_path()) {
    std::error_code none;
    if (!fs::is_directory(all.back() / part, none)) break;
    all.push_back(all.back() / part);
  }
  return all;
}

struct Quota {
  double used = 0, period = 0;  // microseconds; 0 without a limit
};

// "150000 100000" or "max 100000"
Quota quota_of_version_2(const fs::path& folder) {
  std::ifstream text(folder / "cpu.max");
  Quota quota;
  return text >> quota.used >> quota.period ? quota : Quota();
}

Quota quota_of_version_1(const fs::path& folder) {
  const double used = static_cast<double>(number_in(folder / "cpu.cfs_quota_us").value_or(0));
  return {used, static_cast<double>(number_in(folder / "cpu.cfs_period_us").value_or(0))};
}

void narrow_processors(Cgroup& group, const Quota& quota, double throttled_s) {
  if (quota.used <= 0 || quota.period <= 0) return;
  const double processors = quota.used / quota.period;
  if (group.processors > 0 && group.processors <= processors) return;
  group.processors = processors;
  group.period_ms = quota.period / 1e3;
  group.throttled_s = throttled_s;
}

double figure(const fs::path& file, const char* key) {
  return std::strtod(value_of(file, key).c_str(), nullptr);
}

// What only keeps copies of files is given up when memory is needed.
void narrow_memory(Cgroup& group, std::optional<long> limit, std::optional<long> used,
                   double page_cache) {
  const double bytes = static_cast<double>(limit.value_or(0));
  if (bytes <= 0 || bytes > kNoLimit) return;
  const double room = std::max(bytes - static_cast<double>(used.value_or(0)) + page_cache, 0.0);
  if (group.memory && group.memory_room <= room) return;
  group.memory = bytes;
  group.memory_room = room;
}

void narrow_tasks(Cgroup& group, const fs::path& folder) {
  const auto limit = number_in(folder / "pids.max");
  if (!limit) return;
  const long room = std::max(*limit - number_in(folder / "pids.current").value_or(0), 0L);
  if (group.tasks && group.task_room <= room) return;
  group.tasks = limit;
  group.task_room = room;
}

void read_version_2(Cgroup& group, const fs::path& folder) {
  narrow_processors(group, quota_of_version_2(folder),
                    figure(folder / "cpu.stat", "throttled_usec") / 1e6);
  narrow_memory(group, number_in(folder / "memory.max"), number_in(folder / "memory.current"),
                figure(folder / "memory.stat", "inactive_file"));
  narrow_tasks(group, folder);
}

void read_version_1(Cgroup& group, const fs::path& top, const fs::path& root) {
  for (const fs::path& folder : levels(top / "cpu", path_of(root, "cpu"))) {
    narrow_processors(group, quota_of_version_1(folder),
                      figure(folder / "cpu.stat", "throttled_time") / 1e9);
  }
  for (const fs::path& folder : levels(top / "memory", path_of(root, "memory"))) {
    narrow_memory(group, number_in(folder / "memory.limit_in_bytes"),
                  number_in(folder / "memory.usage_in_bytes"),
                  figure(folder / "memory.stat", "total_inactive_file"));
  }
  for (const fs::path& folder : levels(top / "pids", path_of(root, "pids"))) {
    narrow_tasks(group, folder);
  }
}

}  // namespace

Cgroup read_cgroup(const fs::path& root) {
  const fs::path top = root / "sys/fs/cgroup";
  std::error_code none;
  const bool is_version_2 = fs::exists(top / "cgroup.controllers", none);
  Cgroup group;
  for (const fs::path& folder : levels(is_version_2 ? top : top / "unified", path_of(root, ""))) {
    read_version_2(group, folder);
  }
  if (!is_version_2) read_version_1(group, top, root);
  return group;
}

}  // namespace tutti::cli::doctor
