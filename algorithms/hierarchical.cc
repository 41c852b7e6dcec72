// All-reduce, all-gather, reduce-scatter, broadcast, reduce and barrier over hosts.
//
// Inside a host every rank talks to every other; between hosts only the owners of a rail talk to
// each other (rails.h), each rail about chunks of its own. So all ranks of a host drive the network
// at once, and together they send over it as little as can be. With h hosts:
//
//                     crossings, one after the other   buffers sent by a host, at most
//                     ring     binomial   direct       ring, direct; binomial where it differs
//   all-reduce        2(h-1)   2 log2 h   2            2(h-1)/h
//   all-gather        h - 1    log2 h     1            each chunk once to each host in all
//   reduce-scatter    h - 1    log2 h     1            each host a sum for each rank elsewhere
//   broadcast         h - 1    log2 h     1            1, h - 1; log2 h
//   reduce            h - 1    log2 h     1            1
//   peers elsewhere   2        2 log2 h   h - 1
//
//   all-reduce by exchange: doubling log2 h crossings and buffers; one shot 1 and h - 1
//   barrier: dissemination log2 h crossings; all pairs 1
//
// Logarithms are rounded up; with doubling, rounded down and two more where h is no power of two.
// Inside hosts there is one step more for all-gather and reduce-scatter, two for the others, log2
// of the ranks for the barrier. A rank that owns several rails has so many times more peers.
//
// Sums are of sums of hosts, so that the bits depend on which ranks share a host.
// Tested by hierarchical_test.cc and hierarchical_shapes_test.cc.

#include "algorithms/hierarchical.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "algorithms/alike.h"
#include "algorithms/compose.h"
#include "algorithms/direct.h"
#include "algorithms/dissemination.h"
#include "algorithms/rails.h"

namespace tutti {
namespace {

// By host; of those that are needed.
using Sums = std::map<int, Chunk>;

// A schedule for each root; where they are all one, turned, it is made once.
class RootedParts {
 public:
  RootedParts(Schedule (*make)(int ranks, int root), int ranks, bool turn)
      : make_(make), ranks_(ranks), turn_(turn) {}

  /// The part for a root, and who is its first member.
  std::pair<const Part&, int> at(int root) {
    const int made_for = turn_ ? 0 : root;
    auto known = parts_.find(made_for);
    if (known == parts_.end()) {
      known = parts_.try_emplace(made_for, make_(ranks_, made_for)).first;
    }
    return {known->second, root - made_for};
  }

 private:
  Schedule (*const make_)(int ranks, int root);
  const int ranks_;
  const bool turn_;
  std::map<int, Part> parts_;  // by root
};

// Steps inside hosts and between them, added to a schedule of all.
class Hierarchy {
 public:
  Hierarchy(Composer& whole, const Rails& rails) : whole_(whole), rails_(rails) {
    for (int host = 0; host < rails.host_count(); ++host) {
      if (needs(host)) hosts_.push_back(host);
    }
    for (int rail = 0; rail < rails.count; ++rail) {
      owners_.push_back(rails.owners(rail));
      const std::vector<int> once = owners_.back();
      owners_.back().insert(owners_.back().end(), once.begin(), once.end());
    }
  }

  /// Those of which anything is needed.
  const std::vector<int>& hosts() const { return hosts_; }

  bool needs(int host) const {
    const std::vector<int>& ranks = rails_.hosts[host];
    return std::any_of(ranks.begin(), ranks.end(), [this](int rank) { return whole_.needs(rank); });
  }

  // Adds `part` up on each host, at the rail's owner. Where the sum is then is sum_at(owner) but
  // for a rank that is alone.
  template <class SumAt>
  Sums reduce_in_hosts(int rail, Chunk part, const SumAt& sum_at) {
    Sums sums;
    for (const int host : hosts_) {
      const int size = rails_.size(host);
      const Chunk sum = size == 1 ? part : sum_at(rails_.owner(host, rail));
      sums.emplace(host, sum);
      if (size > 1) inside(direct_reduce, host, rail, places(part, sum));
    }
    return sums;
  }

  // Brings what the rail's owner has at `chunk` to the same place of the others on its host.
  void broadcast_in_host(int host, int rail, Chunk chunk) {
    inside(direct_broadcast, host, rail, places(chunk, chunk));
  }
  void broadcast_in_hosts(int rail, Chunk chunk) {
    for (const int host : hosts_) broadcast_in_host(host, rail, chunk);
  }

  // A schedule of a host's ranks with the rail's owner as its root.
  void inside(Schedule (*make)(int ranks, int root), int host, int rail,
              const Composer::Place& place) {
    const int size = rails_.size(host), root = rails_.place_of_owner(host, rail);
    auto known = inside_.find({make, size, root});
    if (known == inside_.end()) {
      known = inside_.try_emplace({make, size, root}, make(size, root)).first;
    }
    whole_.add(known->second, rails_.hosts[host], place);
  }

  // A schedule of the rail's owners; members are hosts to `place`.
  void between_hosts(const Part& part, int rail, const Composer::Place& place) {
    between_hosts({part, 0}, rail, place);
  }
  void between_hosts(std::pair<const Part&, int> part_and_first, int rail,
                     const Composer::Place& place) {
    const auto& [part, first] = part_and_first;
    const int hosts = rails_.host_count();
    whole_.add(part, std::span(owners_[rail]).subspan(first, hosts),
               [&, first = first](int member, Chunk chunk) {
                 return place((first + member) % hosts, chunk);
               });
  }

 private:
  using Inside = std::tuple<Schedule (*)(int ranks, int root), int, int>;  // size, root

  Composer& whole_;
  const Rails& rails_;
  std::vector<int> hosts_;
  std::vector<std::vector<int>> owners_;  // by rail and host, all hosts twice
  std::map<Inside, Part> inside_;
};

// Each host's input at a place of its own; all outputs at one.
Composer::Place from_each(const Sums& sums, Chunk out) {
  return [&sums, out](int host, Chunk chunk) {
    return chunk.space == Space::kInput ? sums.at(host) : out;
  };
}

// The root's chunk where it holds it; the others' at one place.
Composer::Place from_root(int root, Chunk held, Chunk out) {
  return [=](int member, Chunk) { return member == root ? held : out; };
}

// With the programs that are made where some are wanted: those of whole hosts, if hosts are alike;
// otherwise of all.
Group with_whole_hosts(Group group, const Symmetry& alike) {
  std::vector<bool> is_wanted(group.host_count(), false);
  for (const int rank : std::exchange(group.wanted, {})) is_wanted[group.host_of(rank)] = true;
  for (int rank = 0; rank < group.ranks && alike.kind != Symmetry::Kind::kNone; ++rank) {
    if (is_wanted[group.host_of(rank)]) group.wanted.push_back(rank);
  }
  return group;
}

}  // namespace

Schedule hierarchical_all_reduce(const Group& group, const BetweenHosts& between) {
  const Rails rails(group);
  const int hosts = rails.host_count(), chunks = rails.count * hosts;
  RootedParts reduce(between.reduce, hosts, between.turn);
  RootedParts broadcast(between.broadcast, hosts, between.turn);
  const Group made = with_whole_hosts(group, hosts_in_turn(group));
  return compose(Collective::kAllReduce, made, chunks, [&](Composer& whole) {
    Hierarchy steps(whole, rails);
    const auto for_each_chunk = [&](const auto& visit) {
      for (int chunk = 0; chunk < chunks; ++chunk) visit(chunk / hosts, chunk % hosts, chunk);
      whole.next_phase();
    };
    std::vector<Sums> sums;  // by chunk
    for_each_chunk([&](int rail, int, int chunk) {
      sums.push_back(steps.reduce_in_hosts(rail, input(chunk), [&](int) { return output(chunk); }));
    });
    for_each_chunk([&](int rail, int host, int chunk) {
      steps.between_hosts(reduce.at(host), rail, from_each(sums[chunk], output(chunk)));
    });
    for_each_chunk([&](int rail, int host, int chunk) {
      steps.between_hosts(broadcast.at(host), rail, places(output(chunk), output(chunk)));
    });
    for_each_chunk(
        [&](int rail, int, int chunk) { steps.broadcast_in_hosts(rail, output(chunk)); });
  });
}

Schedule hierarchical_exchange(const Group& group, Schedule (*between)(const Group& group)) {
  const Rails rails(group);
  const Part part = between(rails.host_count());
  const Group made = with_whole_hosts(group, hosts_by_bits(group));
  return compose(Collective::kAllReduce, made, /*chunks=*/rails.count, [&](Composer& whole) {
    Hierarchy steps(whole, rails);
    std::vector<Sums> sums;  // by rail
    for (int rail = 0; rail < rails.count; ++rail) {
      sums.push_back(steps.reduce_in_hosts(rail, input(rail), [&](int) { return output(rail); }));
    }
    whole.next_phase();
    for (int rail = 0; rail < rails.count; ++rail) {
      steps.between_hosts(part, rail, from_each(sums[rail], output(rail)));
    }
    whole.next_phase();
    for (int rail = 0; rail < rails.count; ++rail) steps.broadcast_in_hosts(rail, output(rail));
  });
}

Schedule hierarchical_all_gather(const Group& group, const BetweenHosts& between) {
  const Rails rails(group);
  RootedParts broadcast(between.broadcast, rails.host_count(), between.turn);
  const Group made = with_whole_hosts(group, hosts_in_turn(group));
  return compose(Collective::kAllGather, made, /*chunks=*/1, [&](Composer& whole) {
    Hierarchy steps(whole, rails);
    rails.for_each_rank([&](int host, int rail, int rank) {
      steps.between_hosts(broadcast.at(host), rail, places(input(0), output(rank)));
      // Those on the same host need not wait for the network.
      if (!steps.needs(host)) return;
      steps.inside(direct_broadcast, host, rail, from_root(rail, input(0), output(rank)));
    });
    whole.next_phase();
    rails.for_each_rank([&](int home, int rail, int rank) {
      for (const int host : steps.hosts()) {
        if (host != home) steps.broadcast_in_host(host, rail, output(rank));
      }
    });
  });
}

Schedule hierarchical_reduce_scatter(const Group& group, const BetweenHosts& between) {
  const Rails rails(group);
  RootedParts reduce(between.reduce, rails.host_count(), between.turn);
  const Group made = with_whole_hosts(group, hosts_in_turn(group));
  return compose(Collective::kReduceScatter, made, /*chunks=*/1, [&](Composer& whole) {
    Hierarchy steps(whole, rails);
    std::vector<Sums> sums(group.ranks);  // by rank whose part it is
    rails.for_each_rank([&](int, int rail, int rank) {
      sums[rank] = steps.reduce_in_hosts(rail, input(rank), [&](int owner) {
        return owner == rank ? output(0) : whole.reserve(owner);
      });
    });
    whole.next_phase();
    rails.for_each_rank([&](int host, int rail, int rank) {
      steps.between_hosts(reduce.at(host), rail, from_each(sums[rank], output(0)));
    });
  });
}

Schedule hierarchical_broadcast(const Group& group, const BetweenHosts& between, int root) {
  const Rails rails(group);
  const int home = group.host_of(root);
  const Part between_hosts = between.broadcast(rails.host_count(), home);
  Composer whole(Collective::kBroadcast, group.ranks, /*chunks=*/rails.count, root);
  Hierarchy steps(whole, rails);
  // The root's host: a chunk for the owner of each rail.
  for (int rail = 0; rail < rails.count; ++rail) {
    const int owner = rails.owner(home, rail);
    if (owner == root) continue;
    whole.add(direct_broadcast(2, 0), {root, owner}, from_root(0, input(rail), output(rail)));
  }
  whole.next_phase();
  for (int rail = 0; rail < rails.count; ++rail) {
    const int owner = rails.owner(home, rail);
    const Chunk held = owner == root ? input(rail) : output(rail);
    steps.between_hosts(between_hosts, rail, from_root(home, held, output(rail)));
    // Neither the root nor the owner needs it again.
    std::vector<int> ranks = {owner};
    for (const int rank : rails.hosts[home]) {
      if (rank != owner && rank != root) ranks.push_back(rank);
    }
    whole.add(direct_broadcast(static_cast<int>(ranks.size()), 0), ranks,
              from_root(0, held, output(rail)));
  }
  whole.next_phase();
  for (int rail = 0; rail < rails.count; ++rail) {
    for (int host = 0; host < rails.host_count(); ++host) {
      if (host != home) steps.broadcast_in_host(host, rail, output(rail));
    }
    whole.add(direct_broadcast(1, 0), {root}, places(input(rail), output(rail)));
  }
  return whole.finish();
}

Schedule hierarchical_reduce(const Group& group, const BetweenHosts& between, int root) {
  const Rails rails(group);
  const int home = group.host_of(root);
  const Part between_hosts = between.reduce(rails.host_count(), home);
  Composer whole(Collective::kReduce, group.ranks, /*chunks=*/rails.count, root);
  Hierarchy steps(whole, rails);
  std::vector<Sums> sums;  // by rail
  for (int rail = 0; rail < rails.count; ++rail) {
    sums.push_back(steps.reduce_in_hosts(rail, input(rail), [&](int owner) {
      return owner == root ? output(rail) : whole.reserve(owner);
    }));
  }
  whole.next_phase();
  for (int rail = 0; rail < rails.count; ++rail) {
    const Chunk total = rails.owner(home, rail) == root ? output(rail) : sums[rail].at(home);
    steps.between_hosts(between_hosts, rail, from_each(sums[rail], total));
  }
  whole.next_phase();
  for (int rail = 0; rail < rails.count; ++rail) {
    const int owner = rails.owner(home, rail);
    if (owner == root) continue;
    whole.add(direct_send_recv(2), {owner, root}, places(sums[rail].at(home), output(rail)));
  }
  return whole.finish();
}

Schedule hierarchical_barrier(const Group& group, Schedule (*between)(const Group& group)) {
  const Rails rails(group);
  const Part part = between(rails.host_count());
  const Group made = with_whole_hosts(group, hosts_in_turn(group));
  return compose(Collective::kBarrier, made, /*chunks=*/1, [&](Composer& whole) {
    Hierarchy steps(whole, rails);
    for (const int host : steps.hosts()) {
      whole.add(dissemination_barrier(rails.size(host)), rails.hosts[host],
                places(input(0), output(0)));
    }
    whole.next_phase();
    // Whoever has met its host speaks for it: every rank hears of all hosts on its own rail.
    for (int rail = 0; rail < rails.count; ++rail) {
      steps.between_hosts(part, rail, places(input(0), output(0)));
    }
  });
}

}  // namespace tutti
