// Tested by cli_doctor_processors_test.cc.

#include "cli/doctor_load.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <thread>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

constexpr std::chrono::milliseconds kWatch(250);
constexpr double kNotableLoad = 0.15;    // processors
constexpr double kNotableSteal = 0.005;  // of the time that was wanted
constexpr double kMuchSteal = 0.05;

double own_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

// "user nice system idle iowait irq softirq steal", in ticks.
ProcessorTimes read_processor_times(const std::filesystem::path& proc) {
  std::istringstream text(value_of(proc / "stat", "cpu"));
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, hard = 0, soft = 0, stolen = 0;
  if (!(text >> user >> nice >> system >> idle >> waiting >> hard >> soft >> stolen)) return {};
  const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  return {tick * (user + nice + system + hard + soft), tick * (idle + waiting), tick * stolen};
}

Load watch_load(const std::filesystem::path& proc) {
  Load load;
  const double own = own_seconds();
  load.before = read_processor_times(proc);
  std::this_thread::sleep_for(kWatch);
  load.after = read_processor_times(proc);
  load.own_s = own_seconds() - own;
  return load;
}

Findings check_load(const Load& load, int processors, int ranks_on_machine) {
  const double busy = load.after.busy - load.before.busy;
  const double all = busy + load.after.idle - load.before.idle;
  if (all <= 0) return {};
  const double used = std::max(busy - load.own_s, 0.0) / all * processors;
  if (used < kNotableLoad) return {good("no other program uses the processors")};
  const bool is_crowded = used + ranks_on_machine > processors + kNotableLoad;
  return {
      {is_crowded ? Severity::kCosts : Severity::kNote,
       fmt::format("other programs use {:.1f} of {}", used, count_text(processors, "processor")),
       is_crowded ? fmt::format("{} and they take turns: all ranks wait for the one that waits",
                                count_text(ranks_on_machine, "rank"))
                  : "",
       is_crowded ? "see top; keep a processor free for everything else" : ""}};
}

Findings check_steal(const ProcessorTimes& times) {
  const double wanted = times.busy + times.stolen;
  const double share = wanted > 0 ? times.stolen / wanted : 0;
  if (share < kNotableSteal) return {};
  return {{share < kMuchSteal ? Severity::kNote : Severity::kCosts,
           fmt::format("since this machine started {:.1f} % of the time that it wanted went to "
                       "other virtual machines (steal)",
                       100 * share),
           "a rank stands still for milliseconds at a time, and with it all that wait for it",
           "a virtual machine with processors of its own"}};
}

}  // namespace tutti::cli::doctor
