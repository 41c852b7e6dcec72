// Tests src/simulator/message_network.cc and flow_network.cc: what must hold of both, what is true
// of one only, worked out by hand, and the rates of flows against rates found from scratch.
//
// ROOMS: simulator
// TIER: fast

#include "simulator/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "simulator/max_min.h"

namespace tutti {
namespace {

// Three leaves of two hosts of two ranks each, so that routes have two or four links.
Machine leaves() {
  Machine machine;
  machine.ranks = 12;
  machine.host_of = regular_hosts(6, 2);
  machine.rank_port = 8e9;
  machine.host_port = 2e9;
  machine.leaf_hosts = 2;
  machine.leaf_port = 3e9;
  return machine;
}

struct Sent {
  double time = 0;
  Route route;
  double bytes = 0;
  double latency = 0;
  double arrived = kNever;
  int turn = -1;  // of its arrival
};

// Sends all, which are in the order of time, and lets everything happen in between.
void carry(Network& network, std::vector<Sent>& all) {
  double now = 0;
  int turn = 0;
  const auto run_until = [&](double time) {
    while (network.next() < time) {
      ASSERT_GE(network.next(), now) << "time goes back";
      now = network.next();
      const auto arrival = network.step();
      if (!arrival) continue;
      ASSERT_NEAR(arrival->time, now, 1e-15);
      Sent& sent = all.at(arrival->token);
      ASSERT_EQ(sent.turn, -1) << "it arrived twice";
      sent.arrived = arrival->time;
      sent.turn = turn++;
    }
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    run_until(all[i].time);
    network.send(all[i].time, all[i].route, all[i].bytes, all[i].latency, i);
  }
  run_until(kNever);
}

std::vector<Sent> random_traffic(const Links& links, int ranks, int count, unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&random](int n) { return static_cast<int>(random() % n); };
  std::vector<Sent> all;
  double time = 0;
  for (int i = 0; i < count; ++i) {
    const int from = below(ranks), to = (from + 1 + below(ranks - 1)) % ranks;
    all.push_back({time, links.route(from, to), 1e4 * below(100), 1e-6 * below(2)});
    if (below(3) > 0) time += 1e-6 * below(200);  // some at the same time
  }
  return all;
}

class EveryNetwork : public testing::TestWithParam<std::unique_ptr<Network> (*)(const Links&)> {
 protected:
  std::unique_ptr<Network> make(const Links& links) { return GetParam()(links); }
};

TEST_P(EveryNetwork, CarriesEveryMessageOnceAndCountsItsBytes) {
  const Machine machine = leaves();
  const Links links(machine, Symmetry::none(machine.ranks));
  for (unsigned seed = 0; seed < 20; ++seed) {
    const auto network = make(links);
    std::vector<Sent> all = random_traffic(links, machine.ranks, 200, seed);
    carry(*network, all);
    std::vector<double> carried(links.count(), 0);
    for (const Sent& sent : all) {
      EXPECT_LT(sent.arrived, kNever);
      for (const int link : sent.route.all()) carried[link] += sent.bytes;
    }
    for (int link = 0; link < links.count(); ++link) {
      EXPECT_DOUBLE_EQ(network->carried()[link], carried[link]) << links.name(link);
    }
    EXPECT_EQ(network->next(), kNever);
  }
}

// Between any two times, what is sent after the first and has passed before the second.
TEST_P(EveryNetwork, LoadsNoLinkAboveItsCapacity) {
  const Machine machine = leaves();
  const Links links(machine, Symmetry::none(machine.ranks));
  for (unsigned seed = 0; seed < 5; ++seed) {
    const auto network = make(links);
    std::vector<Sent> all = random_traffic(links, machine.ranks, 150, seed);
    carry(*network, all);
    for (int link = 0; link < links.count(); ++link) {
      std::vector<Sent> here;
      for (const Sent& sent : all) {
        const auto route = sent.route.all();
        if (std::find(route.begin(), route.end(), link) != route.end()) here.push_back(sent);
      }
      for (const Sent& first : here) {
        for (const Sent& last : here) {
          const double end = last.arrived - last.latency;
          double bytes = 0;
          for (const Sent& sent : here) {
            if (sent.time >= first.time && sent.arrived - sent.latency <= end) bytes += sent.bytes;
          }
          if (end < first.time) continue;
          EXPECT_LE(bytes, links.capacity(link) * (end - first.time) * (1 + 1e-9) + 1e-3)
              << links.name(link);
        }
      }
    }
  }
}

TEST_P(EveryNetwork, NoMessageIsFasterThanAlone) {
  const Machine machine = leaves();
  const Links links(machine, Symmetry::none(machine.ranks));
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::vector<Sent> all = random_traffic(links, machine.ranks, 200, seed);
    carry(*make(links), all);
    for (const Sent& sent : all) {
      const double alone = links.shortest(sent.route, sent.bytes) + sent.latency;
      EXPECT_GE(sent.arrived - sent.time, alone * (1 - 1e-9));
      std::vector<Sent> only = {sent};
      only[0].turn = -1;
      carry(*make(links), only);
      EXPECT_NEAR(only[0].arrived, sent.time + alone, 1e-12);
    }
  }
}

TEST_P(EveryNetwork, EqualMessagesOfOneRouteArriveInOrder) {
  const Machine machine = leaves();
  const Links links(machine, Symmetry::none(machine.ranks));
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::vector<Sent> all = random_traffic(links, machine.ranks, 300, seed);
    for (Sent& sent : all) sent.bytes = 1e5, sent.latency = 1e-6;
    carry(*make(links), all);
    std::map<std::array<int, Route::kMost>, int> last;
    for (const Sent& sent : all) {
      const auto known = last.try_emplace(sent.route.links, -1).first;
      EXPECT_GT(sent.turn, known->second);
      known->second = sent.turn;
    }
  }
}

TEST_P(EveryNetwork, MessagesThatShareNothingDoNotMeet) {
  Machine machine;
  machine.ranks = 4;
  machine.rank_port = 1e9;
  const Links links(machine, Symmetry::none(4));
  std::vector<Sent> all = {{0, links.route(0, 1), 1e6}, {0, links.route(2, 3), 2e6}};
  carry(*make(links), all);
  EXPECT_NEAR(all[0].arrived, 1e-3, 1e-12);
  EXPECT_NEAR(all[1].arrived, 2e-3, 1e-12);
}

TEST_P(EveryNetwork, WhereNothingLimitsOnlyLatencyIsLeft) {
  Machine machine;
  machine.ranks = 2;
  const Links links(machine, Symmetry::none(2));
  std::vector<Sent> all = {{1e-3, Route{}, 1e9, 5e-6}, {1e-3, Route{}, 0, 4e-6}};
  carry(*make(links), all);
  EXPECT_DOUBLE_EQ(all[0].arrived, 1e-3 + 5e-6);
  EXPECT_DOUBLE_EQ(all[1].arrived, 1e-3 + 4e-6);
}

INSTANTIATE_TEST_SUITE_P(Networks, EveryNetwork,
                         testing::Values(make_message_network, make_flow_network));

// ---- by hand: four ranks with ports of 1 GB/s

Machine four() {
  Machine machine;
  machine.ranks = 4;
  machine.rank_port = 1e9;
  return machine;
}

TEST(MessageNetwork, ServesOneAfterTheOther) {
  const Machine machine = four();
  const Links links(machine, Symmetry::none(4));
  std::vector<Sent> all = {
      {0, links.route(0, 1), 1e6}, {0, links.route(2, 1), 1e6}, {0, links.route(2, 3), 1e6}};
  carry(*make_message_network(links), all);
  EXPECT_NEAR(all[0].arrived, 1e-3, 1e-12);
  EXPECT_NEAR(all[1].arrived, 2e-3, 1e-12) << "waits at the receiver's port";
  EXPECT_NEAR(all[2].arrived, 2e-3, 1e-12) << "waits at the sender's port only";
}

TEST(FlowNetwork, SharesAlikeAndGivesWhatOthersLeave) {
  const Machine machine = four();
  const Links links(machine, Symmetry::none(4));
  // Into rank 1 come three: 1/3 each. The third one's sender has 2/3 left for rank 3.
  std::vector<Sent> all = {{0, links.route(0, 1), 1e6},
                           {0, links.route(3, 1), 1e6},
                           {0, links.route(2, 1), 1e6},
                           {0, links.route(2, 3), 1e6}};
  carry(*make_flow_network(links), all);
  for (int i : {0, 1, 2}) EXPECT_NEAR(all[i].arrived, 3e-3, 1e-12);
  EXPECT_NEAR(all[3].arrived, 1.5e-3, 1e-12);
}

TEST(FlowNetwork, WhoIsLeftAloneGetsFaster) {
  const Machine machine = four();
  const Links links(machine, Symmetry::none(4));
  std::vector<Sent> all = {{0, links.route(0, 1), 1e6}, {0.5e-3, links.route(2, 1), 1e6}};
  carry(*make_flow_network(links), all);
  EXPECT_NEAR(all[0].arrived, 1.5e-3, 1e-12);  // half alone, half shared
  EXPECT_NEAR(all[1].arrived, 2e-3, 1e-12);
}

// ---- rates

// The plain way: raises all rates together, and keeps those of each link that is full.
std::vector<double> rates_from_scratch(const Links& links, const std::vector<Route>& routes) {
  std::vector<double> rates(routes.size(), -1), room(links.count());
  std::vector<int> load(links.count(), 0);
  for (int link = 0; link < links.count(); ++link) room[link] = links.capacity(link);
  for (const Route& route : routes) {
    for (const int link : route.all()) ++load[link];
  }
  while (std::count(rates.begin(), rates.end(), -1) > 0) {
    int full = -1;
    for (int link = 0; link < links.count(); ++link) {
      if (load[link] == 0) continue;
      if (full < 0 || room[link] / load[link] < room[full] / load[full]) full = link;
    }
    const double rate = room[full] / load[full];
    for (std::size_t i = 0; i < routes.size(); ++i) {
      const auto route = routes[i].all();
      if (rates[i] >= 0 || std::find(route.begin(), route.end(), full) == route.end()) continue;
      rates[i] = rate;
      for (const int link : route) room[link] -= rate, --load[link];
    }
  }
  return rates;
}

TEST(MaxMin, FindsTheRatesThatAreFoundFromScratch) {
  const Machine machine = leaves();
  const Links links(machine, Symmetry::none(machine.ranks));
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    MaxMin fair(links);
    std::vector<std::pair<std::uint32_t, Route>> flows;  // and their bundles
    for (int round = 0; round < 200; ++round) {
      std::map<std::uint32_t, double> before;
      for (const auto& [bundle, route] : flows) before[bundle] = fair.rate(bundle);
      for (unsigned change = 0; change <= random() % 3; ++change) {
        if (!flows.empty() && random() % (flows.size() + 10) < flows.size()) {
          std::swap(flows[random() % flows.size()], flows.back());
          fair.remove(flows.back().first);
          flows.pop_back();
        } else {
          const int from = random() % 12, to = (from + 1 + random() % 11) % 12;
          const Route route = links.route(from, to);
          flows.emplace_back(fair.add(route), route);
        }
      }
      for (const std::uint32_t bundle : fair.settle()) before[bundle] = fair.rate(bundle);
      std::vector<Route> routes;
      for (const auto& [bundle, route] : flows) routes.push_back(route);
      const std::vector<double> expected = rates_from_scratch(links, routes);
      for (std::size_t i = 0; i < flows.size(); ++i) {
        const std::uint32_t bundle = flows[i].first;
        ASSERT_NEAR(fair.rate(bundle) / expected[i], 1, 1e-8) << "round " << round;
        ASSERT_EQ(fair.rate(bundle), before[bundle]) << "it changed unsaid";
      }
    }
  }
}

}  // namespace
}  // namespace tutti
