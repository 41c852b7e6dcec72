// Tested by cli_doctor_processors_test.cc.

#include "cli/doctor_clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

constexpr double kQuickNs = 200;  // without a system call it is 15 to 60, with one more than that

double ns_of_reading() {
  using Clock = std::chrono::steady_clock;
  constexpr int kBatches = 50, kReadings = 100;
  double least = 1e9;  // the batch that nothing interrupted
  for (int i = 0; i < kBatches; ++i) {
    const Clock::time_point start = Clock::now();
    Clock::time_point end = start;
    for (int k = 0; k < kReadings; ++k) end = Clock::now();
    least = std::min(least, std::chrono::duration<double, std::nano>(end - start).count());
  }
  return least / kReadings;
}

}  // namespace

ClockFacts read_clock(const std::filesystem::path& sys) {
  const auto folder = sys / "devices/system/clocksource/clocksource0";
  return {.source = first_line(folder / "current_clocksource"),
          .available = first_line(folder / "available_clocksource"),
          .read_ns = ns_of_reading()};
}

Findings check_clock(const ClockFacts& clock) {
  const std::string name = clock.source.empty() ? "unknown" : clock.source;
  if (clock.read_ns < kQuickNs) {
    return {good(fmt::format("clock source {}: read in less than {:.0f} ns", name, kQuickNs))};
  }
  const bool has_tsc = (" " + clock.available + " ").find(" tsc ") != std::string::npos;
  return {
      {Severity::kCosts, fmt::format("clock source {}: read in {:.0f} ns", name, clock.read_ns),
       fmt::format("ranks that wait read it between any two looks: a signal is seen up to {:.1f} "
                   "µs late",
                   clock.read_ns / 1e3),
       has_tsc && clock.source != "tsc"
           ? "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, if "
             "the kernel does not call it unstable (dmesg)"
           : "a virtual machine with an invariant TSC; boot with tsc=reliable where the "
             "hardware has one"}};
}

}  // namespace tutti::cli::doctor
