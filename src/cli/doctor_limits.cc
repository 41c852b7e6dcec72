// Tested by cli_doctor_limits_test.cc.

#include "cli/doctor_limits.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

// A rank's own, a thread for its network, one for heartbeats, and one or two of start and of UCX:
// counted among ranks of several hosts.
constexpr int kTasksOfRank = 5;

// Tried with ulimit -n: 2 to 24 ranks of one host, 2 to 8 hosts. A rank's own and its launcher's;
// of every rank, while rank 0 lets them meet; of those on other hosts, connections each way.
constexpr long kDescriptorsOfRank = 24;
constexpr long kDescriptorsOfPeer = 1;
constexpr long kDescriptorsOfFarPeer = kDescriptorsOfPeer + 2;

std::string so_far(double throttled_s) {
  return throttled_s < 0.1 ? "" : fmt::format(", {:.1f} s so far", throttled_s);
}

}  // namespace

Findings check_processor_quota(const Cgroup& group, int allowed, int wanting) {
  if (group.processors <= 0) return {good("no container limits the time of processors")};
  const std::string what =
      fmt::format("a container allows the time of {:.3g} processors", group.processors);
  if (group.processors >= allowed) return {good(what + ", which is all that are seen")};
  return {
      {Severity::kCosts,
       fmt::format("{}, and {} are seen, with {} on them", what, allowed,
                   count_text(wanting, "rank")),
       fmt::format("once it is used up, all ranks stand still until the next {:.0f} ms "
                   "begin{}; a rank that waits uses its processor too",
                   group.period_ms, so_far(group.throttled_s)),
       fmt::format("at most {} here, or a larger cpu.max (docker --cpus, Kubernetes limits.cpu)",
                   count_text(std::max(static_cast<long>(group.processors), 1L), "rank"))}};
}

Findings check_memory_limit(const Cgroup& group, double needed) {
  if (!group.memory) return {good("no container limits memory")};
  const std::string what = fmt::format("a container limits memory to {}, {} of it free",
                                       bytes_text(*group.memory), bytes_text(group.memory_room));
  return {
      {group.memory_room < needed ? Severity::kFails : Severity::kNote, what,
       group.memory_room < needed
           ? fmt::format("ranks need {} here beside their buffers, and who takes more than there "
                         "is gets killed (SIGKILL)",
                         bytes_text(needed))
           : "who takes more is killed (SIGKILL); shared memory counts for the rank that "
             "touches it first",
       "docker --memory, Kubernetes limits.memory, sbatch --mem, or a smaller TUTTI_SCRATCH"}};
}

Findings check_task_limit(const Cgroup& group, int ranks_on_host) {
  if (!group.tasks) return {};
  const long needed = long{ranks_on_host} * kTasksOfRank;
  if (group.task_room >= needed) return {};
  return {
      {Severity::kFails,
       fmt::format("a container lets {} more be started, of {}",
                   count_text(group.task_room, "thread"), *group.tasks),
       fmt::format("{} here may need {}: a start fails", count_text(ranks_on_host, "rank"), needed),
       "docker --pids-limit, Kubernetes podPidsLimit, or TasksMax= of the systemd unit"}};
}

std::optional<long> descriptor_limit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) return std::nullopt;
  return static_cast<long>(limit.rlim_max);
}

Findings check_descriptors(std::optional<long> limit, const Crew& crew) {
  if (!limit) return {good("files may be opened without limit")};
  const long here = kDescriptorsOfRank + kDescriptorsOfPeer * crew.on_host;
  const long needed = here + kDescriptorsOfFarPeer * (crew.ranks - crew.on_host);
  const long most = std::max((*limit - here) / kDescriptorsOfFarPeer, 0L);
  const std::string what = fmt::format("a process may open {} files (ulimit -Hn)", *limit);
  if (*limit >= needed) {
    return {good(fmt::format("{}: enough for {} on other hosts", what, count_text(most, "rank")))};
  }
  return {{Severity::kFails, fmt::format("{}, and {} of them may be needed", what, needed),
           "a start fails, or a connection that is made later",
           "ulimit -Hn 65536 where ranks start: \"* - nofile 65536\" in "
           "/etc/security/limits.conf, LimitNOFILE= for slurmd"}};
}

}  // namespace tutti::cli::doctor
