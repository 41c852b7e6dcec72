// Tested by cli_command_test.py.

#include "cli/doctor_tour.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "cli/doctor_links.h"
#include "cli/hosts.h"

namespace tutti::cli::doctor {
namespace {

// What the first rank of a host tells, as it travels; other ranks tell nothing.
struct Entry {
  char host[65] = {};
  Severity worst = Severity::kGood;
  long speed = 0;
  std::size_t text_bytes = 0;
};

// A line, not a page.
std::string list(std::vector<std::string> names) {
  constexpr std::size_t kMost = 8;
  const std::size_t more = names.size() > kMost ? names.size() - kMost : 0;
  if (more > 0) names.resize(kMost);
  return fmt::format("{}{}", fmt::join(names, ", "),
                     more > 0 ? fmt::format(" and {} more", more) : "");
}

class Touring {
 public:
  Touring(Communicator& communicator, const Options& options)
      : communicator_(communicator), options_(options) {}

  Result<Tour> run() {
    const Result<std::vector<int>> hosts = host_of_ranks(communicator_, options_);
    if (!hosts.ok()) return hosts.status();
    first_ = first_ranks(*hosts);
    if (Status status = examine_hosts(*hosts); !status.ok()) return status;
    if (Status status = visit_links(); !status.ok()) return status;
    Severity worst = tour_.worst;
    const Status status = communicator_.broadcast(as_writable(worst), as_writable(worst), 0);
    if (!status.ok()) return status;
    tour_.worst = worst;
    return std::move(tour_);
  }

 private:
  template <class T>
  static std::span<std::byte> as_writable(T& value) {
    return std::as_writable_bytes(std::span(&value, 1));
  }

  void add(const std::vector<Finding>& findings) {
    tour_.text += render(findings);
    tour_.worst = std::max(tour_.worst, worst(findings));
  }

  Status examine_hosts(const std::vector<int>& hosts) {
    const int rank = communicator_.rank();
    const bool is_first = first_[static_cast<std::size_t>(hosts[rank])] == rank;
    HostReport mine;
    if (is_first) mine = examine_host(options_);
    Entry entry{{}, mine.worst, mine.speed, mine.text.size()};
    std::strncpy(entry.host, mine.host.c_str(), sizeof entry.host - 1);
    entries_.resize(static_cast<std::size_t>(communicator_.ranks()));
    if (Status status = communicator_.all_gather(as_writable(entry),
                                                 std::as_writable_bytes(std::span(entries_)));
        !status.ok()) {
      return status;
    }
    return collect_texts(mine.text, hosts);
  }

  // Hosts that are alike are described once.
  Status collect_texts(const std::string& mine, const std::vector<int>& hosts) {
    const Result<std::vector<std::string>> texts = gather(mine);
    if (!texts.ok()) return texts.status();
    std::vector<int> left = first_;
    while (!left.empty()) {
      const std::string& text = (*texts)[static_cast<std::size_t>(left[0])];
      std::vector<std::string> alike;
      std::erase_if(left, [&](int rank) {
        if ((*texts)[static_cast<std::size_t>(rank)] != text) return false;
        alike.push_back(title(rank, hosts));
        return true;
      });
      tour_.text += list(alike) + "\n" + text + "\n";
    }
    for (const Entry& entry : entries_) tour_.worst = std::max(tour_.worst, entry.worst);
    return {};
  }

  Result<std::vector<std::string>> gather(const std::string& mine) {
    std::vector<std::size_t> counts;
    for (const Entry& entry : entries_) counts.push_back(entry.text_bytes);
    std::string all(std::accumulate(counts.begin(), counts.end(), std::size_t{0}), ' ');
    const Status status = communicator_.run(
        all_gather_v(std::as_bytes(std::span(mine)),
                     std::as_writable_bytes(std::span(all.data(), all.size())), counts));
    if (!status.ok()) return status;
    std::vector<std::string> texts;
    std::size_t at = 0;
    for (const std::size_t count : counts) {
      texts.push_back(all.substr(at, count));
      at += count;
    }
    return texts;
  }

  // "host1 (2 of 3 ranks)"
  std::string title(int rank, const std::vector<int>& hosts) const {
    const auto beside =
        std::count(hosts.begin(), hosts.end(), hosts[static_cast<std::size_t>(rank)]);
    return fmt::format("{} ({} of {} ranks)", entries_[static_cast<std::size_t>(rank)].host, beside,
                       hosts.size());
  }

  Status visit_links() {
    tour_.text += "between hosts\n";
    if (first_.size() == 1) {
      add({{Severity::kNote, "all ranks are on one host: there was nothing to measure", "", ""}});
      return {};
    }
    for (std::size_t host = 1; host < first_.size(); ++host) {
      if (Status status = visit_link(first_[host]); !status.ok()) return status;
    }
    return {};
  }

  // Rank 0 is always the first of its host.
  Status visit_link(int peer) {
    if (communicator_.rank() != 0 && communicator_.rank() != peer) return {};
    const Result<LinkTimes> times = measure_link(communicator_, 0, peer);
    if (!times.ok()) return times.status();
    add(check_link({end(0), end(peer), times->latency_us, times->gb_per_s}));
    return {};
  }

  LinkEnd end(int rank) const {
    const Entry& entry = entries_[static_cast<std::size_t>(rank)];
    return {entry.host, rank, entry.speed};
  }

  Communicator& communicator_;
  const Options& options_;
  std::vector<int> first_;  // rank of each host
  std::vector<Entry> entries_;
  Tour tour_;
};

}  // namespace

Result<Tour> make_tour(Communicator& communicator, const Options& options) {
  return Touring(communicator, options).run();
}

}  // namespace tutti::cli::doctor
