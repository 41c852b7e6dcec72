// Tested by cli_command_test.py.

#include "cli/placement.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "cli/hosts.h"
#include "cli/machine.h"
#include "tutti/diagnostics.h"

namespace tutti::cli {
namespace {

// A RankPlace as it travels.
struct Entry {
  char host[256] = {};
  char machine[64] = {};
  int pid = 0;
  int cpu = -1;
};

Entry my_entry(const Options& options) {
  Entry entry;
  const Result<std::string> identity = host_identity(options);
  if (identity.ok()) {
    const std::string kernel = identity->substr(0, identity->find('/'));
    kernel.copy(entry.machine, sizeof entry.machine - 1);
  }
  gethostname(entry.host, sizeof entry.host - 1);
  entry.pid = getpid();
  const auto cpus = allowed_cpus();
  if (cpus.size() == 1) entry.cpu = cpus[0];
  return entry;
}

Result<std::vector<RankPlace>> gather(Session& session, const Options& options,
                                      const std::vector<int>& hosts) {
  const auto entries = session.all_gather(std::vector<Entry>{my_entry(options)});
  if (!entries.ok()) return entries.status();
  std::vector<RankPlace> places;
  for (std::size_t rank = 0; rank < hosts.size(); ++rank) {
    const Entry& entry = (*entries)[rank];
    places.push_back({entry.host, entry.pid, entry.cpu, hosts[rank], entry.machine});
  }
  return places;
}

void bind_among(const std::vector<RankPlace>& places, int rank) {
  const std::string& machine = places[static_cast<std::size_t>(rank)].machine;
  const auto cpus = cpus_by_core();
  const auto online = static_cast<std::size_t>(this_machine().cores);
  const auto beside = static_cast<std::size_t>(ranks_beside(places, rank));
  if (cpus.size() != online || beside > cpus.size()) return;
  const auto before =
      std::count_if(places.begin(), places.begin() + rank,
                    [&](const RankPlace& place) { return place.machine == machine; });
  bind_to(cpus[static_cast<std::size_t>(before)]);
}

}  // namespace

Result<std::vector<RankPlace>> place_ranks(Session& session, const Options& options, bool pin) {
  const auto hosts = host_of_ranks(session.control(), options);
  if (!hosts.ok()) return hosts.status();
  const auto places = gather(session, options, *hosts);
  if (!places.ok() || !pin) return places;
  bind_among(*places, session.rank());
  return gather(session, options, *hosts);
}

int ranks_beside(const std::vector<RankPlace>& ranks, int rank) {
  const std::string& machine = ranks[static_cast<std::size_t>(rank)].machine;
  return static_cast<int>(std::count_if(ranks.begin(), ranks.end(), [&](const RankPlace& place) {
    return place.machine == machine;
  }));
}

}  // namespace tutti::cli
