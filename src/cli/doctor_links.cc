// check_link() is tested by cli_doctor_test.cc, the rest by cli_command_test.py.

#include "cli/doctor_links.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace tutti::cli::doctor {
namespace {

constexpr int kPings = 50;
constexpr int kTransfers = 3;
constexpr std::size_t kTransferBytes = std::size_t{8} << 20;
constexpr double kNotableSkew = 1;       // s
constexpr double kFarUs = 1000;          // within a cluster it is a tenth of that
constexpr double kLeastShare = 0.5;      // of what the devices say that they can
constexpr double kMbitOfGbyte = 8000.0;  // Mbit/s of 1 GB/s

double us_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

double time_of_day() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// The same lines on both ends: one sends what the other receives.
class Pair {
 public:
  Pair(Communicator& communicator, int from, int to)
      : communicator_(communicator),
        is_from_(communicator.rank() == from),
        peer_(is_from_ ? to : from) {}

  // A message there, and a byte back; µs, or the failure.
  Result<double> round_trip(std::span<std::byte> message) {
    const auto start = std::chrono::steady_clock::now();
    Status status = pass(message, is_from_);
    if (status.ok()) status = pass(answer_, !is_from_);
    if (!status.ok()) return status;
    return us_since(start);
  }

  // The median of several, after one that does not count.
  Result<double> typical(std::span<std::byte> message, int times) {
    std::vector<double> all;
    for (int i = 0; i <= times; ++i) {
      const Result<double> time = round_trip(message);
      if (!time.ok()) return time.status();
      if (i > 0) all.push_back(*time);
    }
    std::nth_element(all.begin(), all.begin() + times / 2, all.end());
    return all[times / 2];
  }

  // Its time of day is between the two of here; that is as exact as the latency is small.
  Result<double> skew() {
    double theirs = 0;
    const double before = time_of_day();
    Status status = pass(answer_, is_from_);
    if (!is_from_) theirs = time_of_day();
    if (status.ok()) status = pass(std::as_writable_bytes(std::span(&theirs, 1)), !is_from_);
    if (!status.ok()) return status;
    return theirs - (before + time_of_day()) / 2;
  }

 private:
  Status pass(std::span<std::byte> bytes, bool sends) {
    return sends ? communicator_.send(bytes, peer_) : communicator_.receive(bytes, peer_);
  }

  Communicator& communicator_;
  const bool is_from_;
  const int peer_;
  std::vector<std::byte> answer_ = std::vector<std::byte>(1);
};

std::string name_of(const LinkEnd& end) { return fmt::format("{} (rank {})", end.host, end.rank); }

Finding far(const std::string& which, double latency_us) {
  return {Severity::kCosts, fmt::format("{}: the hosts are far apart", which),
          fmt::format("no call between them ends within {:.1f} ms", latency_us / 1e3),
          "choose hosts that are closer together; look for a slow router or VPN between them"};
}

Finding narrow(const std::string& which, double gb_per_s, long speed) {
  return {
      Severity::kCosts,
      fmt::format("{}: {:.0f} % of what the devices say they carry ({} Mbit/s)", which,
                  100 * gb_per_s * kMbitOfGbyte / static_cast<double>(speed), speed),
      "large calls take as long as this link needs",
      "look for a slower or busy switch, a limit set on the link, an MTU below 9000, a busy CPU"};
}

Finding other_time(const std::string& which, double skew_s) {
  return {Severity::kNote,
          fmt::format("{}: the time of day is {:.1f} s {}", which, std::abs(skew_s),
                      skew_s > 0 ? "later there" : "earlier there"),
          "nothing for Tutti, which measures time on one host; logs of several are hard to read",
          "chronyd or systemd-timesyncd on both"};
}

}  // namespace

Result<LinkTimes> measure_link(Communicator& communicator, int from, int to) {
  Pair pair(communicator, from, to);
  std::vector<std::byte> small(8), large(kTransferBytes);
  const Result<double> ping = pair.typical(small, kPings);
  if (!ping.ok()) return ping.status();
  const Result<double> transfer = pair.typical(large, kTransfers);
  if (!transfer.ok()) return transfer.status();
  const double there_us = std::max(*transfer - *ping / 2, 1.0);  // without the answer
  const Result<double> skew = pair.skew();
  if (!skew.ok()) return skew.status();
  return LinkTimes{*ping / 2, static_cast<double>(kTransferBytes) / there_us / 1e3, *skew};
}

std::vector<Finding> check_link(const Link& link) {
  const std::string which = fmt::format("{} to {}", name_of(link.from), name_of(link.to));
  std::vector<Finding> findings = {
      {Severity::kGood,
       fmt::format("{}: {:.1f} µs one way, {:.3g} GB/s", which, link.latency_us, link.gb_per_s), "",
       ""}};
  if (link.latency_us > kFarUs) findings.push_back(far(which, link.latency_us));
  if (std::abs(link.skew_s) > kNotableSkew) findings.push_back(other_time(which, link.skew_s));
  const long speed = std::min(link.from.speed, link.to.speed);  // 0 where either is not known
  if (link.gb_per_s * kMbitOfGbyte < kLeastShare * static_cast<double>(speed)) {
    findings.push_back(narrow(which, link.gb_per_s, speed));
  }
  return findings;
}

}  // namespace tutti::cli::doctor
