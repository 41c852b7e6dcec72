// All-to-all over hosts.
//
// What goes to another host goes first to the rank of the own host that owns the receiver's rail
// (rails.h), and from there to the receiver. So a rank talks to the owners of its rails only, one
// on each other host; the same bytes cross the network as if everybody talked to everybody, or with
// Bruck's algorithm as often as there are set bits in the distance between hosts.
//
//                        steps   crossings               scratch chunks
//   all-to-all           1 + c   c = 1; Bruck's log2 h   what a rank passes on for others
//   all-to-all, staged   2 + c   c = 1                   the same, and n for what comes and goes
//
// The schedule of a pair of ranks on each host runs on each rail as often as there are ranks on the
// largest host; what smaller hosts lack is left out.
// Tested by hierarchical_test.cc and hierarchical_shapes_test.cc.

#include "algorithms/hierarchical_all_to_all.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "algorithms/all_pairs.h"
#include "algorithms/compose.h"
#include "algorithms/direct.h"
#include "algorithms/rails.h"

namespace tutti {
namespace {

class Exchange {
 public:
  Exchange(const Group& group, Schedule (*between)(const Group& group))
      : rails_(group),
        between_(between),
        whole_(Collective::kAllToAll, group.ranks, /*chunks=*/1),
        held_(group.ranks, std::vector<std::optional<Chunk>>(group.ranks)) {}

  Schedule run() {
    collect(/*from_input=*/true);
    whole_.next_phase();
    cross([](int, int source) { return output(source); });
    exchange_in_hosts(all_pairs_all_to_all);
    return whole_.finish();
  }

  Schedule run_staged() {
    collect(/*from_input=*/false);
    whole_.next_phase();
    cross([this](int rank, int source) {
      std::optional<Chunk>& landing = landings_[{rank, source}];
      if (!landing) landing = whole_.reserve(rank);
      return *landing;
    });
    // Nobody writes its output before those on its host have all they need of its input.
    exchange_in_hosts(staged_all_to_all);
    whole_.next_phase();
    for (const auto& [ranks, landing] : landings_) {
      whole_.add(direct_broadcast(1, 0), {ranks.first}, places(*landing, output(ranks.second)));
    }
    return whole_.finish();
  }

 private:
  bool exists(int host, int rail) const { return rail < rails_.size(host); }

  // Brings what goes to other hosts to the owners of the receivers' rails; what is there already
  // stays in the input or not.
  void collect(bool from_input) {
    for (int home = 0; home < rails_.host_count(); ++home) {
      for (int host = 0; host < rails_.host_count(); ++host) {
        if (host == home) continue;
        for (int first = 0; first < rails_.size(host); first += rails_.size(home)) {
          collect(home, host, first, from_input);
        }
      }
    }
  }

  // For as many ranks of `host`, from its `first`, as there are at home.
  void collect(int home, int host, int first, bool from_input) {
    const std::vector<int>& ranks = rails_.hosts[home];
    whole_.add(all_pairs_all_to_all(rails_.size(home)), ranks,
               [&](int member, Chunk chunk) -> std::optional<Chunk> {
                 const bool is_input = chunk.space == Space::kInput;
                 const int sender = is_input ? member : chunk.index;
                 const int owner = is_input ? chunk.index : member;
                 if (!exists(host, first + owner)) return std::nullopt;
                 const Chunk from = input(rails_.hosts[host][first + owner]);
                 if (is_input) return from;
                 std::optional<Chunk>& held = held_[ranks[sender]][from.index];
                 if (!held) {
                   held = from_input && sender == owner ? from : whole_.reserve(ranks[owner]);
                 }
                 return held;
               });
  }

  // Between hosts: on each rail, a chunk from each host to each; as often as hosts have ranks.
  template <class Arrival>
  void cross(const Arrival& arrival) {
    for (int rail = 0; rail < rails_.count; ++rail) {
      for (int sender = 0; sender < rails_.count; ++sender) cross(rail, sender, arrival);
    }
  }

  // What the ranks numbered `sender` on their hosts send to those numbered `rail` on theirs.
  template <class Arrival>
  void cross(int rail, int sender, const Arrival& arrival) {
    whole_.add(between_(rails_.host_count()), rails_.owners(rail),
               [&](int member, Chunk chunk) -> std::optional<Chunk> {
                 const bool is_input = chunk.space == Space::kInput;
                 const int from = is_input ? member : chunk.index;
                 const int to = is_input ? chunk.index : member;
                 if (from == to || !exists(from, sender) || !exists(to, rail)) return std::nullopt;
                 const int source = rails_.hosts[from][sender], target = rails_.hosts[to][rail];
                 return is_input ? held_[source][target] : arrival(target, source);
               });
  }

  void exchange_in_hosts(Schedule (*inside)(const Group& group)) {
    for (const std::vector<int>& ranks : rails_.hosts) {
      whole_.add(inside(static_cast<int>(ranks.size())), ranks, [&](int, Chunk chunk) {
        return Chunk{chunk.space, ranks[chunk.index]};
      });
    }
  }

  const Rails rails_;
  Schedule (*const between_)(const Group& group);
  Composer whole_;
  // By sender and receiver: where the owner of the receiver's rail has the chunk.
  std::vector<std::vector<std::optional<Chunk>>> held_;
  // By receiver and sender: where the receiver keeps the chunk until it may write its output.
  std::map<std::pair<int, int>, std::optional<Chunk>> landings_;
};

}  // namespace

Schedule hierarchical_all_to_all(const Group& group, Schedule (*between)(const Group& group)) {
  return Exchange(group, between).run();
}

Schedule hierarchical_staged_all_to_all(const Group& group,
                                        Schedule (*between)(const Group& group)) {
  return Exchange(group, between).run_staged();
}

}  // namespace tutti
