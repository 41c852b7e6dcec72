// Communicators whose ranks are on several hosts: every kind of call is right, and connections are
// few. The hosts are made up; their ranks are threads.
//
// TIER: fast

#include "hosts.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "cases.h"
#include "pages.h"
#include "sanitizers.h"

namespace tutti {
namespace {

using namespace test;
using Hosts = std::vector<int>;  // by rank

class OnHosts : public testing::TestWithParam<Hosts> {
 protected:
  void on_ranks(const std::function<void(Communicator&)>& body) const {
    on_hosts(GetParam(), body);
  }
};

TEST_P(OnHosts, EveryCollectiveIsRight) {
  constexpr DataType kTypes[] = {DataType::kFloat32, DataType::kInt8, DataType::kFloat64,
                                 DataType::kBfloat16, DataType::kInt32};
  on_ranks([&](Communicator& comm) {
    int turn = 0;
    for (const std::size_t count : {0, 1, 7, 1000, 20'011}) {
      for (const InPlace in_place : {InPlace::kNobody, InPlace::kEverybody, InPlace::kEvenRanks}) {
        for (int c = 0; c < 8; ++c, ++turn) {
          CaseRunner({static_cast<Collective>(c),
                      kTypes[turn % 5],
                      {},
                      count,
                      turn % comm.ranks(),
                      in_place},
                     comm)
              .run();
        }
        EXPECT_OK(comm.barrier());
      }
    }
  });
}

TEST_P(OnHosts, MoreThanScratchHoldsIsMoved) {
  Options options = patient_options();
  options.scratch_bytes = 64 << 10;
  on_hosts(GetParam(), options, [](Communicator& comm) {
    for (int c = 0; c < 8; ++c) {
      CaseRunner({static_cast<Collective>(c), DataType::kUint8, {}, 70'001}, comm).run();
    }
  });
}

TEST_P(OnHosts, ReproducibleSumsAreMadeInTheOrderOfTheRanks) {
  Options options = patient_options();
  options.reproducible = true;
  on_hosts(GetParam(), options, [](Communicator& comm) {
    for (const std::size_t count : {5, 5000}) {
      std::vector<float> data(count), sum(count);
      const auto value = [](int rank, std::size_t i) { return 1.0f / (1 + rank + 7 * i % 13); };
      for (std::size_t i = 0; i < count; ++i) data[i] = value(comm.rank(), i);
      ASSERT_OK(comm.all_reduce(data, sum));
      for (std::size_t i = 0; i < count; ++i) {
        float expected = value(0, i);
        for (int rank = 1; rank < comm.ranks(); ++rank) expected += value(rank, i);
        ASSERT_EQ(sum[i], expected) << i;
      }
    }
  });
}

TEST_P(OnHosts, ItSaysHowItsRanksReachEachOther) {
  on_ranks([&](Communicator& comm) {
    ASSERT_OK(comm.barrier());
    const std::string transports = comm.explain().transports;
    const bool alone = host_count(GetParam()) == comm.ranks();
    EXPECT_TRUE(transports.starts_with(alone ? "ucx (" : "shm and ucx (")) << transports;
    EXPECT_TRUE(transports.ends_with(")")) << transports;
  });
}

// What rank `from` sends to rank `to`.
std::vector<int> message(int from, int to, std::size_t count) {
  std::vector<int> text(count);
  for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<int>(i) + 1000 * from + 100 * to;
  return text;
}

TEST_P(OnHosts, MessagesOfAllPairsArrive) {
  on_ranks([](Communicator& comm) {
    for (const std::size_t count : {0, 1, 12, 13, 1000, 100'000}) {
      std::vector<std::vector<int>> sent, received(comm.ranks());
      std::vector<Call> calls;
      for (int peer = 0; peer < comm.ranks(); ++peer) {
        sent.push_back(message(comm.rank(), peer, count));
        received[peer].resize(count);
      }
      for (int peer = 0; peer < comm.ranks(); ++peer) {
        calls.push_back(send(sent[peer], peer));
        calls.push_back(receive(received[peer], peer));
      }
      ASSERT_OK(comm.run(calls));
      for (int peer = 0; peer < comm.ranks(); ++peer) {
        EXPECT_EQ(received[peer], message(peer, comm.rank(), count));
      }
    }
  });
}

TEST_P(OnHosts, MessagesGoRoundOneByOne) {
  on_ranks([](Communicator& comm) {
    const int right = (comm.rank() + 1) % comm.ranks();
    const int left = (comm.rank() + comm.ranks() - 1) % comm.ranks();
    for (int round = 0; round < 50; ++round) {
      std::vector<int> token(1 + round * 37, round);
      if (comm.rank() == 0) ASSERT_OK(comm.send(token, right));
      std::vector<int> got(token.size());
      ASSERT_OK(comm.receive(got, left));
      EXPECT_EQ(got, token);
      if (comm.rank() != 0) ASSERT_OK(comm.send(got, right));
    }
  });
}

TEST_P(OnHosts, EveryRankGetsWhatItIsOwedByAllToAllV) {
  on_ranks([](Communicator& comm) {
    const auto owed = [](int from, int to) { return static_cast<std::size_t>(from * 700 + to); };
    for (int round = 0; round < 5; ++round) {
      std::vector<std::size_t> sends, receives;
      std::vector<int> input, expected;
      for (int peer = 0; peer < comm.ranks(); ++peer) {
        sends.push_back(owed(comm.rank(), peer));
        receives.push_back(owed(peer, comm.rank()));
        const auto out = message(comm.rank(), peer, sends.back());
        const auto in = message(peer, comm.rank(), receives.back());
        input.insert(input.end(), out.begin(), out.end());
        expected.insert(expected.end(), in.begin(), in.end());
      }
      std::vector<int> output(expected.size());
      ASSERT_OK(comm.run(all_to_all_v(input, sends, output, receives)));
      EXPECT_EQ(output, expected);
    }
  });
}

TEST_P(OnHosts, AllocatedAndRegisteredMemoryServesAsAnyOther) {
  constexpr std::size_t kCount = 4096;
  on_ranks([](Communicator& comm) {
    Result<Memory> allocated = comm.allocate(kCount * sizeof(int));
    ASSERT_OK(allocated.status());
    const Pages own(kCount * sizeof(int));
    Result<Memory> registered = comm.register_memory(own.span());
    ASSERT_OK(registered.status());
    const std::span<int> in = allocated->as<int>(kCount), out = registered->as<int>(kCount);
    const int ranks = comm.ranks();
    for (int round = 1; round <= 10; ++round) {
      std::fill(in.begin(), in.end(), round + comm.rank());
      ASSERT_OK(comm.all_reduce(in, out));
      const int sum = round * ranks + ranks * (ranks - 1) / 2;
      EXPECT_EQ(std::vector<int>(out.begin(), out.end()), std::vector<int>(kCount, sum));
      ASSERT_OK(comm.all_reduce(out, out, Reduction::kMax));
      EXPECT_EQ(out[kCount - 1], sum);
      ASSERT_OK(comm.broadcast(in, in, ranks - 1));
      EXPECT_EQ(in[kCount - 1], round + ranks - 1);
    }
  });
}

TEST_P(OnHosts, StartedCallsEndInTheirOrder) {
  on_ranks([](Communicator& comm) {
    std::vector<std::vector<int>> data;
    std::vector<Request> requests;
    for (int i = 0; i < 30; ++i) data.emplace_back(i * 211, i);
    for (auto& each : data) {
      Result<Request> request = comm.start(all_reduce(each, each));
      ASSERT_OK(request.status());
      requests.push_back(std::move(*request));
    }
    ASSERT_OK(wait_all(requests));
    for (int i = 0; i < 30; ++i) EXPECT_EQ(data[i], std::vector<int>(i * 211, i * comm.ranks()));
  });
}

// The ranks in `comm`, as the numbers that its members give, in its order.
Hosts members(Communicator& comm, int mine) {
  Hosts all(comm.ranks());
  EXPECT_OK(comm.all_gather(std::span(&mine, 1), all));
  return all;
}

TEST_P(OnHosts, PartsInsideAndAcrossHostsWorkInTurnsWithTheWhole) {
  on_ranks([&](Communicator& comm) {
    const int rank = comm.rank(), host = GetParam()[rank];
    int place = 0;  // on its host
    for (int r = 0; r < rank; ++r) place += GetParam()[r] == host;
    Result<Communicator> inside = comm.split(host), across = comm.split(place);
    ASSERT_OK(inside.status());
    ASSERT_OK(across.status());
    EXPECT_EQ(inside->rank(), place);
    for (int round = 1; round <= 20; ++round) {
      for (Communicator* each : {&comm, &*inside, &*across}) {
        std::vector<int> data(round * 97, 1);
        ASSERT_OK(each->all_reduce(data, data));
        ASSERT_EQ(data, std::vector<int>(data.size(), each->ranks()));
      }
    }
    EXPECT_EQ(inside->explain().transports, "shm");
    EXPECT_EQ(across->explain().transports.substr(0, 4), across->ranks() == 1 ? "shm" : "ucx ");
  });
}

TEST_P(OnHosts, APartOutlivesTheWholeAndIsSplitAgain) {
  on_hosts(GetParam(), [](Communicator& comm) {
    const int rank = comm.rank(), ranks = comm.ranks();
    Result<Communicator> part = comm.split(0, -rank);
    ASSERT_OK(part.status());
    comm = Communicator();
    Hosts expected;
    for (int r = ranks - 1; r >= 0; --r) expected.push_back(r);
    EXPECT_EQ(members(*part, rank), expected);
    Result<Communicator> again = part->split(part->rank() == 0 ? -1 : 1);
    ASSERT_OK(again.status());
    *part = Communicator();
    if (again->empty()) return;
    expected.erase(expected.begin());
    EXPECT_EQ(members(*again, rank), expected);
  });
}

using Places = std::vector<Hosts>;
INSTANTIATE_TEST_SUITE_P(
    Of, OnHosts,
    testing::ValuesIn(or_few<Places>(
        {{0, 1}, {0, 0, 1}, {0, 0, 1, 1}, {0, 1, 0, 1}, {0, 0, 0, 1, 2, 2}, {2, 0, 1, 0, 0, 2}},
        {{0, 1}, {0, 1, 0}, {2, 0, 1, 0}})),
    [](const auto& info) {
      std::string name;
      for (const int host : info.param) name += static_cast<char>('a' + host);
      return name;
    });

// ---- starts

TEST(OneHost, HasNoNetwork) {
  on_hosts({0, 0, 0}, [](Communicator& comm) {
    ASSERT_OK(comm.barrier());
    EXPECT_EQ(comm.explain().transports, "shm");
    EXPECT_EQ(comm.explain().endpoints, 0);
  });
}

TEST(AWrongDevice, IsNamedOnEveryRank) {
  const Result<Invitation> invitation = make_unique_id({});
  ASSERT_OK(invitation.status());
  run_ranks_as_threads(4, [&](int rank) {
    Options options = on_host(patient_options(), rank / 2);
    if (rank == 2) options.net_devices = "nonsense";
    const Status status = Communicator::create(invitation->id, rank, 4, options).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_NE(status.message().find("rank 2: net_devices: "), std::string::npos)
        << status.message();
    EXPECT_NE(status.message().find("\"nonsense\""), std::string::npos) << status.message();
    return 0;
  });
}

// ---- connections

TEST(Connections, AreSharedByACommunicatorAndItsParts) {
  on_hosts({0, 1}, [](Communicator& comm) {
    EXPECT_EQ(comm.explain().endpoints, 0);
    std::vector<int> data(10, 1);
    ASSERT_OK(comm.all_reduce(data, data));
    EXPECT_EQ(comm.explain().endpoints, 1);
    Result<Communicator> part = comm.split(0);
    ASSERT_OK(part.status());
    ASSERT_OK(part->all_reduce(data, data));
    EXPECT_EQ(part->explain().endpoints, 1);
    EXPECT_EQ(comm.explain().endpoints, 1);
  });
}

// Two ranks a host.
int most_endpoints(int hosts, std::size_t count) {
  Hosts host_of;
  for (int rank = 0; rank < 2 * hosts; ++rank) host_of.push_back(rank / 2);
  std::atomic<int> most = 0;
  on_hosts(host_of, [&](Communicator& comm) {
    std::vector<int> data(count, 1);
    ASSERT_OK(comm.all_reduce(data, data));
    EXPECT_EQ(data, std::vector<int>(count, comm.ranks()));
    const int made = comm.explain().endpoints;
    for (int known = most; known < made && !most.compare_exchange_weak(known, made);) {
    }
  });
  return most;
}

TEST(Connections, GrowWithTheLogarithmOfTheHosts) {
  for (const std::size_t count : {10, 5'000, 300'000}) {
    for (const auto& [hosts, logarithm] : {std::pair(2, 1), std::pair(4, 2), std::pair(8, 3)}) {
      if (hosts > or_few(8, 4)) continue;
      const int most = most_endpoints(hosts, count);
      EXPECT_GE(most, 1);
      EXPECT_LE(most, 2 * logarithm) << hosts << " hosts, " << count << " elements";
    }
  }
}

}  // namespace
}  // namespace tutti
