// What the control groups of this process let it have: what containers, Kubernetes and Slurm limit.
//
// Reads version 1 and 2, and mixtures; the narrowest limit of a group and the groups above it
// holds. In containers the path of a group may lead nowhere: then the top is looked at, which is
// the container's own. Tested by cli_doctor_limits_test.cc.

#pragma once

#include <filesystem>
#include <optional>

namespace tutti::cli::doctor {

struct Cgroup {
  double processors = 0;              // that may be used at a time; 0: no limit
  double period_ms = 0;               // in which that is counted
  double throttled_s = 0;             // so long threads stood still, so far
  std::optional<double> memory = {};  // bytes that may be used
  double memory_room = 0;             // of them, still free, or taken by the page cache
  std::optional<long> tasks = {};     // processes and threads that there may be
  long task_room = 0;                 // of them, still free

  bool operator==(const Cgroup&) const = default;
};

/// `root` is /, or a tree with proc/self/cgroup and sys/fs/cgroup.
Cgroup read_cgroup(const std::filesystem::path& root);

}  // namespace tutti::cli::doctor
