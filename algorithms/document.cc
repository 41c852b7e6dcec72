// Writes the catalog as a page. Tested by document_test.cc, which also keeps docs/algorithms.md.

#include "algorithms/document.h"

#include <algorithm>
#include <numeric>
#include <sstream>
#include <vector>

#include "algorithms/catalog.h"
#include "algorithms/crossing.h"
#include "base/check.h"
#include "schedule/cost.h"
#include "schedule/draw.h"

namespace tutti {
namespace {

constexpr int kSizes[] = {2, 4, 8};

struct Hosts {
  int count;
  int ranks;  // on each
};
constexpr Hosts kHosts[] = {{2, 2}, {2, 8}, {4, 2}, {8, 8}};

constexpr std::string_view kPreamble = R"(# Algorithms

This page is made from the catalog (`algorithms/catalog.cc`); `document_test` fails when it is out of
date, and says how to renew it.

Each algorithm is a function from the number of ranks to a schedule, which a test proves right for
every size up to 33 and every root. Those that are called hierarchical are functions of which ranks
share a host, and are proved right for all numbers of ranks on up to 6 hosts of up to 6. What one
costs is counted from its steps:

* **steps**: the longest chain of messages that wait for each other;
* **sent**, **received**: by the rank that sends or receives most, in terms of S, the larger of a
  rank's input and output; reading a peer's memory counts as receiving, being read as sending;
* **scratch**: memory of each rank beside input and output, in terms of S. Executors run a call in
  blocks, so that S is here the size of a block.

Words: *in place* — input and output may be the same memory; *mapped* — reads peers' memory, which
must be shared; *variable counts* — chunks may have different lengths; *rank order* — adds in the
order of ranks in one pass (scans: one rank after the other), so that all such algorithms give the
same bits.
)";

constexpr std::string_view kHierarchical = R"(
## Hierarchical algorithms

Where ranks share hosts, what crosses between hosts should be little, and carried by all. The buffer is
cut into rails, as many as the largest host has ranks. On each host a rank owns a rail, or several
where there are fewer ranks: it adds up or collects there what its host has, deals with the owners of
the rail on the other hosts, and passes the results on inside its host. The name says how owners deal
with each other. Instead of what a rank sends and receives, the tables then have

* **crossings**: the most messages between hosts in any chain of messages;
* **sent by a host**, by all its ranks together, to other hosts;
* **peers**: ranks of other hosts that a rank talks to, at most.

This is all_reduce by hierarchical_doubling, of ranks 0 and 1 on one host, 2 and 3 on another; a line
is a step of time, and what crosses is the put in line 4:

)";

// The text as a block of code.
std::string block(const std::string& text) { return "```\n" + text + "```\n"; }

std::string hierarchical_chapter() {
  const Algorithm* example = find_algorithm(Collective::kAllReduce, "hierarchical_doubling");
  TUTTI_CHECK(example != nullptr);
  return std::string(kHierarchical) +
         block(draw_text(example->make(Group::on_hosts({0, 0, 1, 1}), /*root=*/0)));
}

// A fraction of S in lowest terms: "7/4 S".
std::string part(int chunks, int whole) {
  if (chunks == 0) return "0";
  const int divisor = std::gcd(chunks, whole);
  const int above = chunks / divisor, below = whole / divisor;
  if (below == 1) return above == 1 ? "S" : std::to_string(above) + " S";
  return std::to_string(above) + "/" + std::to_string(below) + " S";
}

// How many chunks S is.
int whole_of(const Schedule& schedule) {
  int whole = 1;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    whole = std::max({whole, chunks_of(schedule, Space::kInput, rank),
                      chunks_of(schedule, Space::kOutput, rank)});
  }
  return whole;
}

std::string row(const Schedule& schedule) {
  const Cost counted = cost(schedule);
  const int whole = whole_of(schedule);
  std::ostringstream text;
  text << "| " << schedule.ranks << " | " << counted.steps << " | "
       << part(counted.chunks_sent, whole) << " | " << part(counted.chunks_received, whole) << " | "
       << part(counted.scratch_chunks, whole) << " |\n";
  return text.str();
}

bool reduces(Collective collective) {
  return collective == Collective::kAllReduce || collective == Collective::kReduceScatter ||
         collective == Collective::kReduce || is_scan(collective);
}

std::string properties(const Algorithm& algorithm) {
  std::string text = algorithm.in_place ? "in place" : "not in place";
  if (algorithm.pull) text += ", mapped";
  if (algorithm.variable_counts) text += ", variable counts";
  if (algorithm.rank_order && reduces(algorithm.collective)) text += ", rank order";
  return text;
}

std::string table_of_sizes(const Algorithm& algorithm) {
  std::ostringstream text;
  text << "\n| ranks | steps | sent | received | scratch |\n|--:|--:|--:|--:|--:|\n";
  for (const int ranks : kSizes) {
    if (allows(algorithm, ranks)) text << row(algorithm.make(ranks, /*root=*/0));
  }
  return text.str();
}

Group group_of(const Hosts& hosts) {
  std::vector<int> host_of;
  for (int rank = 0; rank < hosts.count * hosts.ranks; ++rank) {
    host_of.push_back(rank / hosts.ranks);
  }
  return Group::on_hosts(host_of);
}

std::string row(const Hosts& hosts, const Schedule& schedule) {
  const Cost counted = cost(schedule);
  const Crossing crossed = crossing(schedule, group_of(hosts));
  const auto most = [](const std::vector<int>& all) { return *std::ranges::max_element(all); };
  const int whole = whole_of(schedule);
  std::ostringstream text;
  text << "| " << hosts.count << " x " << hosts.ranks << " | " << counted.steps << " | "
       << crossed.steps << " | " << part(most(crossed.chunks_sent), whole) << " | "
       << most(crossed.peers) << " | " << part(counted.scratch_chunks, whole) << " |\n";
  return text.str();
}

std::string table_of_hosts(const Algorithm& algorithm) {
  std::ostringstream text;
  text << "\n| hosts x ranks | steps | crossings | sent by a host | peers | scratch |\n"
          "|--:|--:|--:|--:|--:|--:|\n";
  for (const Hosts& hosts : kHosts) text << row(hosts, algorithm.make(group_of(hosts), /*root=*/0));
  return text.str();
}

std::string section(const Algorithm& algorithm) {
  std::ostringstream text;
  text << "### " << algorithm.name << "\n\n" << algorithm.summary << "\n\n";
  text << "* Properties: " << properties(algorithm) << ".\n";
  if (!algorithm.source.empty()) text << "* Source: " << algorithm.source << ".\n";
  const bool needs_hosts = !allows(algorithm, 2);
  text << (needs_hosts ? table_of_hosts(algorithm) : table_of_sizes(algorithm));
  return text.str();
}

}  // namespace

std::string document_catalog() {
  std::ostringstream text;
  text << kPreamble << hierarchical_chapter();
  const Algorithm* last = nullptr;
  for (const Algorithm& algorithm : catalog()) {
    if (last == nullptr || last->collective != algorithm.collective) {
      text << "\n## " << name(algorithm.collective) << "\n";
    }
    text << "\n" << section(algorithm);
    last = &algorithm;
  }
  return text.str();
}

}  // namespace tutti
