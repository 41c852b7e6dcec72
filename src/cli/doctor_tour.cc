// Tested by cli_command_test.py.

#include "cli/doctor_tour.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <bitset>
#include <numeric>
#include <thread>

#include "cli/doctor_host.h"
#include "cli/doctor_links.h"
#include "cli/doctor_pairs.h"
#include "cli/hosts.h"
#include "cli/machine.h"

namespace tutti::cli::doctor {
namespace {

// While the machine's load is watched.
constexpr std::chrono::milliseconds kSleep(300);

// Where a rank runs, as it travels.
struct Place {
  char machine[64] = {};
  std::bitset<CPU_SETSIZE> processors;
};

Place my_place(const Options& options) {
  Place place;
  const Result<std::string> identity = host_identity(options);
  // It begins with the kernel's.
  if (identity.ok()) {
    identity->substr(0, identity->find('/')).copy(place.machine, sizeof place.machine - 1);
  }
  for (const int processor : allowed_cpus())
    place.processors.set(static_cast<std::size_t>(processor));
  return place;
}

std::vector<int> list_of(const std::bitset<CPU_SETSIZE>& processors) {
  std::vector<int> list;
  for (std::size_t i = 0; i < processors.size(); ++i) {
    if (processors[i]) list.push_back(static_cast<int>(i));
  }
  return list;
}

Crew crew_around(std::size_t rank, const std::vector<Place>& places,
                 const std::vector<int>& hosts) {
  Crew crew;
  for (std::size_t other = 0; other < places.size(); ++other) {
    if (std::string_view(places[other].machine) != places[rank].machine) continue;
    crew.on_machine.push_back({static_cast<int>(other), list_of(places[other].processors)});
  }
  crew.on_host = static_cast<int>(std::count(hosts.begin(), hosts.end(), hosts[rank]));
  crew.ranks = static_cast<int>(places.size());
  crew.is_launched = true;
  return crew;
}

class Touring {
 public:
  Touring(Communicator& communicator, const Options& options)
      : communicator_(communicator), options_(options) {}

  Tour run() {
    tour_.status = visit_all();
    return std::move(tour_);
  }

 private:
  template <class T>
  static std::span<std::byte> bytes_of(T& value) {
    return std::as_writable_bytes(std::span(&value, 1));
  }

  template <class T>
  Result<std::vector<T>> all_gather(T mine) {
    std::vector<T> all(static_cast<std::size_t>(communicator_.ranks()));
    const Status status =
        communicator_.all_gather(bytes_of(mine), std::as_writable_bytes(std::span(all)));
    if (!status.ok()) return status;
    return all;
  }

  Status visit_all() {
    const Result<std::vector<int>> hosts = host_of_ranks(communicator_, options_);
    if (!hosts.ok()) return hosts.status();
    hosts_ = *hosts;
    first_ = first_ranks(hosts_);
    tour_.report.ranks = communicator_.ranks();
    tour_.report.between.title = "between hosts";
    if (Status status = examine_hosts(); !status.ok()) return status;
    if (Status status = visit_links(); !status.ok()) return status;
    if (Status status = visit_pairs(); !status.ok()) return status;
    tour_.worst = worst(tour_.report);
    return communicator_.broadcast(bytes_of(tour_.worst), bytes_of(tour_.worst), 0);
  }

  Status examine_hosts() {
    const auto places = all_gather(my_place(options_));
    if (!places.ok()) return places.status();
    if (Status status = communicator_.barrier(); !status.ok()) return status;
    if (!is_first()) std::this_thread::sleep_for(kSleep);
    std::string mine;
    if (is_first()) {
      const auto rank = static_cast<std::size_t>(communicator_.rank());
      HostReport report = examine_host(options_, crew_around(rank, *places, hosts_));
      for (std::size_t other = 0; other < hosts_.size(); ++other) {
        if (hosts_[other] == hosts_[rank]) report.ranks.push_back(static_cast<int>(other));
      }
      mine = pack(report);
    }
    return gather_reports(mine);
  }

  Status gather_reports(const std::string& mine) {
    const auto counts = all_gather(mine.size());
    if (!counts.ok()) return counts.status();
    std::string all(std::accumulate(counts->begin(), counts->end(), std::size_t{0}), ' ');
    const Status status = communicator_.run(
        all_gather_v(std::as_bytes(std::span(mine)),
                     std::as_writable_bytes(std::span(all.data(), all.size())), *counts));
    if (!status.ok()) return status;
    std::size_t at = 0;
    for (const std::size_t count : *counts) {
      if (count == 0) continue;
      Result<HostReport> report = unpack(all.substr(at, count));
      if (!report.ok()) return report.status();
      tour_.report.hosts.push_back(std::move(*report));
      at += count;
    }
    return {};
  }

  void add(Findings findings) { append(tour_.report.between.findings, std::move(findings)); }

  Status visit_links() {
    if (first_.size() == 1) {
      add({{Severity::kNote, "all ranks are on one host: there was nothing to measure"}});
    }
    for (int host = 1; host < static_cast<int>(first_.size()); ++host) {
      if (Status status = visit_link(host); !status.ok()) return status;
    }
    return {};
  }

  // Rank 0 is always the first of its host.
  Status visit_link(int host) {
    const int peer = first_[static_cast<std::size_t>(host)];
    if (communicator_.rank() != 0 && communicator_.rank() != peer) return {};
    const Result<LinkTimes> times = measure_link(communicator_, 0, peer);
    if (!times.ok()) return times.status();
    add(check_link({end(0), end(host), times->latency_us, times->gb_per_s, times->skew_s}));
    return {};
  }

  LinkEnd end(int host) const {
    const auto at = static_cast<std::size_t>(host);
    return {tour_.report.hosts[at].host, first_[at], tour_.report.hosts[at].speed};
  }

  // Each opens a connection that may never have been used before.
  Status visit_pairs() {
    const int count = static_cast<int>(first_.size());
    if (count < 3) return {};
    for (int round = 0; round < rounds_of(count) && is_first(); ++round) {
      const int partner = partner_of(my_host(), round, count);
      if (partner < 0) continue;
      if (Status status = exchange(first_[static_cast<std::size_t>(partner)]); !status.ok()) {
        return status;
      }
    }
    // Whoever met no one in vain comes here.
    if (Status status = communicator_.barrier(); !status.ok()) return status;
    add({good(fmt::format("all {} pairs of hosts reach each other", count * (count - 1) / 2))});
    return {};
  }

  Status exchange(int peer) {
    std::byte there{}, here{};
    const bool sends_first = communicator_.rank() < peer;
    Status status = sends_first ? communicator_.send(bytes_of(there), peer)
                                : communicator_.receive(bytes_of(here), peer);
    if (!status.ok()) return status;
    return sends_first ? communicator_.receive(bytes_of(here), peer)
                       : communicator_.send(bytes_of(there), peer);
  }

  int my_host() const { return hosts_[static_cast<std::size_t>(communicator_.rank())]; }
  bool is_first() const {
    return first_[static_cast<std::size_t>(my_host())] == communicator_.rank();
  }

  Communicator& communicator_;
  const Options& options_;
  std::vector<int> hosts_;  // of each rank
  std::vector<int> first_;  // rank of each host
  Tour tour_;
};

}  // namespace

Tour make_tour(Communicator& communicator, const Options& options) {
  return Touring(communicator, options).run();
}

}  // namespace tutti::cli::doctor
