// Does a process still live? Tested by shm_test.cc.

#include "transports/shm/process.h"

#include <poll.h>
#include <sys/syscall.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace tutti::shm {
namespace {

struct ProcessStat {
  char state = 0;
  std::uint64_t start = 0;
};

// proc(5): "pid (comm) state ppid …"; comm may hold anything, also spaces and parentheses.
std::optional<ProcessStat> parse_stat(const std::string& text) {
  constexpr int kStateField = 3;
  constexpr int kStartField = 22;
  const std::size_t end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(end_of_name + 1));
  ProcessStat stat;
  std::string skipped;
  rest >> stat.state;
  for (int field = kStateField + 1; field < kStartField; ++field) rest >> skipped;
  rest >> stat.start;
  if (!rest) return std::nullopt;
  return stat;
}

std::optional<ProcessStat> read_stat(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  return parse_stat(text);
}

// By /proc alone. A zombie is Z, a process being removed is X.
bool listed(const ProcessId& process) {
  const std::optional<ProcessStat> stat = read_stat(process.pid);
  return stat && stat->start == process.start && stat->state != 'Z' && stat->state != 'X';
}

}  // namespace

Result<ProcessId> this_process() {
  const std::int64_t pid = getpid();
  const std::optional<ProcessStat> stat = read_stat(pid);
  if (!stat) return Status(Code::kSystem, "cannot read /proc/" + std::to_string(pid) + "/stat");
  return ProcessId{pid, stat->start};
}

ProcessWatch::ProcessWatch(const ProcessId& process) : process_(process) {
  Descriptor pidfd(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(process.pid), 0)));
  // Only after opening can we know that it is not a later process with that number.
  if (pidfd.valid() && listed(process)) pidfd_ = std::move(pidfd);
}

bool ProcessWatch::alive() const {
  if (!pidfd_.valid()) return listed(process_);
  pollfd ended = {pidfd_.number(), POLLIN, 0};
  return poll(&ended, 1, 0) == 0;
}

}  // namespace tutti::shm
