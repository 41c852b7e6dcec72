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

#include "algorithms/compose.h"
#include "algorithms/direct.h"
#include "algorithms/dissemination.h"
#include "algorithms/rails.h"

namespace tutti {
namespace {

// A schedule of ranks that are joined by rails, in the making.
class Hierarchy {
 public:
  Hierarchy(Collective collective, const Rails& rails, int chunks, int root = 0)
      : whole(collective, rails.ranks, chunks, root), rails_(rails) {}

  Composer whole;

  // Adds `part` up on each host, at the rail's owner. By host: where the sum is then, which is
  // sum_at(owner) but for a rank that is alone.
  template <class SumAt>
  std::vector<Chunk> reduce_in_hosts(int rail, Chunk part, const SumAt& sum_at) {
    std::vector<Chunk> sums;
    for (int host = 0; host < rails_.host_count(); ++host) {
      const int size = rails_.size(host);
      sums.push_back(size == 1 ? part : sum_at(rails_.owner(host, rail)));
      if (size == 1) continue;
      whole.add(direct_reduce(size, rails_.place_of_owner(host, rail)), rails_.hosts[host],
                places(part, sums.back()));
    }
    return sums;
  }

  // Brings what the rail's owner has at `chunk` to the same place of the others on its host.
  void broadcast_in_host(int host, int rail, Chunk chunk) {
    whole.add(direct_broadcast(rails_.size(host), rails_.place_of_owner(host, rail)),
              rails_.hosts[host], places(chunk, chunk));
  }
  void broadcast_in_hosts(int rail, Chunk chunk) {
    for (int host = 0; host < rails_.host_count(); ++host) broadcast_in_host(host, rail, chunk);
  }

  // A schedule of the rail's owners.
  void between_hosts(const Schedule& part, int rail, const Composer::Place& place) {
    whole.add(part, rails_.owners(rail), place);
  }

 private:
  const Rails& rails_;
};

// Each host's input at a place of its own; all outputs at one.
Composer::Place from_each(const std::vector<Chunk>& sums, Chunk out) {
  return [=](int host, Chunk chunk) { return chunk.space == Space::kInput ? sums[host] : out; };
}

// The root's chunk where it holds it; the others' at one place.
Composer::Place from_root(int root, Chunk held, Chunk out) {
  return [=](int member, Chunk) { return member == root ? held : out; };
}

}  // namespace

Schedule hierarchical_all_reduce(const Group& group, const BetweenHosts& between) {
  const Rails rails(group);
  const int hosts = rails.host_count();
  Hierarchy steps(Collective::kAllReduce, rails, /*chunks=*/rails.count * hosts);
  const auto for_each_chunk = [&](const auto& visit) {
    for (int chunk = 0; chunk < rails.count * hosts; ++chunk)
      visit(chunk / hosts, chunk % hosts, chunk);
    steps.whole.next_phase();
  };
  std::vector<std::vector<Chunk>> sums;  // by chunk and host
  for_each_chunk([&](int rail, int, int chunk) {
    sums.push_back(steps.reduce_in_hosts(rail, input(chunk), [&](int) { return output(chunk); }));
  });
  for_each_chunk([&](int rail, int host, int chunk) {
    steps.between_hosts(between.reduce(hosts, host), rail, from_each(sums[chunk], output(chunk)));
  });
  for_each_chunk([&](int rail, int host, int chunk) {
    steps.between_hosts(between.broadcast(hosts, host), rail, places(output(chunk), output(chunk)));
  });
  for_each_chunk([&](int rail, int, int chunk) { steps.broadcast_in_hosts(rail, output(chunk)); });
  return steps.whole.finish();
}

Schedule hierarchical_exchange(const Group& group, Schedule (*between)(int ranks)) {
  const Rails rails(group);
  Hierarchy steps(Collective::kAllReduce, rails, /*chunks=*/rails.count);
  std::vector<std::vector<Chunk>> sums;  // by rail and host
  for (int rail = 0; rail < rails.count; ++rail) {
    sums.push_back(steps.reduce_in_hosts(rail, input(rail), [&](int) { return output(rail); }));
  }
  steps.whole.next_phase();
  for (int rail = 0; rail < rails.count; ++rail) {
    steps.between_hosts(between(rails.host_count()), rail, from_each(sums[rail], output(rail)));
  }
  steps.whole.next_phase();
  for (int rail = 0; rail < rails.count; ++rail) steps.broadcast_in_hosts(rail, output(rail));
  return steps.whole.finish();
}

Schedule hierarchical_all_gather(const Group& group, const BetweenHosts& between) {
  const Rails rails(group);
  Hierarchy steps(Collective::kAllGather, rails, /*chunks=*/1);
  rails.for_each_rank([&](int host, int rail, int rank) {
    steps.between_hosts(between.broadcast(rails.host_count(), host), rail,
                        places(input(0), output(rank)));
    // Those on the same host need not wait for the network.
    steps.whole.add(direct_broadcast(rails.size(host), rail), rails.hosts[host],
                    from_root(rail, input(0), output(rank)));
  });
  steps.whole.next_phase();
  rails.for_each_rank([&](int home, int rail, int rank) {
    for (int host = 0; host < rails.host_count(); ++host) {
      if (host != home) steps.broadcast_in_host(host, rail, output(rank));
    }
  });
  return steps.whole.finish();
}

Schedule hierarchical_reduce_scatter(const Group& group, const BetweenHosts& between) {
  const Rails rails(group);
  Hierarchy steps(Collective::kReduceScatter, rails, /*chunks=*/1);
  std::vector<std::vector<Chunk>> sums(group.ranks);  // by rank whose part it is, and host
  rails.for_each_rank([&](int, int rail, int rank) {
    sums[rank] = steps.reduce_in_hosts(rail, input(rank), [&](int owner) {
      return owner == rank ? output(0) : steps.whole.reserve(owner);
    });
  });
  steps.whole.next_phase();
  rails.for_each_rank([&](int host, int rail, int rank) {
    steps.between_hosts(between.reduce(rails.host_count(), host), rail,
                        from_each(sums[rank], output(0)));
  });
  return steps.whole.finish();
}

Schedule hierarchical_broadcast(const Group& group, const BetweenHosts& between, int root) {
  const Rails rails(group);
  const int home = group.host_of(root);
  Hierarchy steps(Collective::kBroadcast, rails, /*chunks=*/rails.count, root);
  // The root's host: a chunk for the owner of each rail.
  for (int rail = 0; rail < rails.count; ++rail) {
    const int owner = rails.owner(home, rail);
    if (owner == root) continue;
    steps.whole.add(direct_broadcast(2, 0), {root, owner}, from_root(0, input(rail), output(rail)));
  }
  steps.whole.next_phase();
  for (int rail = 0; rail < rails.count; ++rail) {
    const int owner = rails.owner(home, rail);
    const Chunk held = owner == root ? input(rail) : output(rail);
    steps.between_hosts(between.broadcast(rails.host_count(), home), rail,
                        from_root(home, held, output(rail)));
    // Neither the root nor the owner needs it again.
    std::vector<int> ranks = {owner};
    for (const int rank : rails.hosts[home]) {
      if (rank != owner && rank != root) ranks.push_back(rank);
    }
    steps.whole.add(direct_broadcast(static_cast<int>(ranks.size()), 0), ranks,
                    from_root(0, held, output(rail)));
  }
  steps.whole.next_phase();
  for (int rail = 0; rail < rails.count; ++rail) {
    for (int host = 0; host < rails.host_count(); ++host) {
      if (host != home) steps.broadcast_in_host(host, rail, output(rail));
    }
    steps.whole.add(direct_broadcast(1, 0), {root}, places(input(rail), output(rail)));
  }
  return steps.whole.finish();
}

Schedule hierarchical_reduce(const Group& group, const BetweenHosts& between, int root) {
  const Rails rails(group);
  const int home = group.host_of(root);
  Hierarchy steps(Collective::kReduce, rails, /*chunks=*/rails.count, root);
  std::vector<std::vector<Chunk>> sums;  // by rail and host
  for (int rail = 0; rail < rails.count; ++rail) {
    sums.push_back(steps.reduce_in_hosts(rail, input(rail), [&](int owner) {
      return owner == root ? output(rail) : steps.whole.reserve(owner);
    }));
  }
  steps.whole.next_phase();
  for (int rail = 0; rail < rails.count; ++rail) {
    const Chunk total = rails.owner(home, rail) == root ? output(rail) : sums[rail][home];
    steps.between_hosts(between.reduce(rails.host_count(), home), rail,
                        from_each(sums[rail], total));
  }
  steps.whole.next_phase();
  for (int rail = 0; rail < rails.count; ++rail) {
    const int owner = rails.owner(home, rail);
    if (owner == root) continue;
    steps.whole.add(direct_send_recv(2), {owner, root}, places(sums[rail][home], output(rail)));
  }
  return steps.whole.finish();
}

Schedule hierarchical_barrier(const Group& group, Schedule (*between)(int ranks)) {
  const Rails rails(group);
  Hierarchy steps(Collective::kBarrier, rails, /*chunks=*/1);
  for (const std::vector<int>& ranks : rails.hosts) {
    steps.whole.add(dissemination_barrier(static_cast<int>(ranks.size())), ranks,
                    places(input(0), output(0)));
  }
  steps.whole.next_phase();
  // Whoever has met its host speaks for it: every rank hears of all hosts on its own rail.
  for (int rail = 0; rail < rails.count; ++rail) {
    steps.between_hosts(between(rails.host_count()), rail, places(input(0), output(0)));
  }
  return steps.whole.finish();
}

}  // namespace tutti
