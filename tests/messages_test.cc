// Tests src/communicator: send, receive and groups of calls.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "communicators.h"

namespace tutti {
namespace {

using namespace test;

std::vector<int> numbers(int from, std::size_t count) {
  std::vector<int> data(count);
  std::iota(data.begin(), data.end(), from * 1'000'000);
  return data;
}

int right_of(const Communicator& comm) { return (comm.rank() + 1) % comm.ranks(); }
int left_of(const Communicator& comm) { return (comm.rank() + comm.ranks() - 1) % comm.ranks(); }

// Far above and below what an inbox holds.
constexpr std::size_t kCounts[] = {0, 1, 12, 13, 5000, 300'001};

TEST(SendReceive, DeliversAnyLength) {
  on_ranks(2, [](Communicator& comm) {
    for (const std::size_t count : kCounts) {
      if (comm.rank() == 0) {
        ASSERT_OK(comm.send(numbers(5, count), 1));
      } else {
        std::vector<int> data(count);
        ASSERT_OK(comm.receive(data, 0));
        EXPECT_EQ(data, numbers(5, count));
      }
    }
  });
}

TEST(SendReceive, PairsInTheOrderOfTheCalls) {
  on_ranks(3, [](Communicator& comm) {
    constexpr int kMessages = 500;
    for (int i = 0; i < kMessages; ++i) {
      const std::size_t count = i % 40 * 10;
      if (comm.rank() != 2) {
        ASSERT_OK(comm.send(numbers(2 * i + comm.rank(), count), 2));
        continue;
      }
      for (int sender = 1; sender >= 0; --sender) {
        std::vector<int> data(count);
        ASSERT_OK(comm.receive(data, sender));
        ASSERT_EQ(data, numbers(2 * i + sender, count));
      }
    }
  });
}

// Short messages do not wait for their receiver: a sender may be ahead of it.
TEST(SendReceive, ShortMessagesGoAhead) {
  on_ranks(2, [](Communicator& comm) {
    const int mine = comm.rank();
    int theirs = -1;
    ASSERT_OK(comm.send({&mine, 1, DataType::kInt32}, 1 - comm.rank()));
    ASSERT_OK(comm.receive({&theirs, 1, DataType::kInt32}, 1 - comm.rank()));
    EXPECT_EQ(theirs, 1 - comm.rank());
  });
}

TEST(Group, ExchangesAnyLengthBothWays) {
  on_ranks(2, [](Communicator& comm) {
    const int peer = 1 - comm.rank();
    for (const std::size_t count : {std::size_t{1}, std::size_t{2'000'003}}) {
      const std::vector<int> mine = numbers(comm.rank(), count);
      std::vector<int> theirs(count);
      ASSERT_OK(comm.run({send(mine, peer), receive(theirs, peer)}));
      EXPECT_EQ(theirs, numbers(peer, count));
      ASSERT_OK(comm.run({receive(theirs, peer), send(mine, peer)}));
      EXPECT_EQ(theirs, numbers(peer, count));
    }
  });
}

TEST(Group, PassesRoundARing) {
  for (const int ranks : {1, 2, 3, 7}) {
    on_ranks(ranks, [](Communicator& comm) {
      for (const std::size_t count : kCounts) {
        std::vector<int> data = numbers(comm.rank(), count), next(count);
        for (int hop = 0; hop < comm.ranks(); ++hop) {
          ASSERT_OK(comm.run({send(data, right_of(comm)), receive(next, left_of(comm))}));
          data.swap(next);
        }
        EXPECT_EQ(data, numbers(comm.rank(), count));
      }
    });
  }
}

TEST(Group, ExchangesBetweenAllPairsInAnyOrder) {
  on_ranks(4, [](Communicator& comm) {
    constexpr std::size_t kCount = 40'000;
    std::vector<std::vector<int>> received(comm.ranks(), std::vector<int>(kCount));
    const std::vector<int> mine = numbers(comm.rank(), kCount);
    std::vector<Call> calls;
    for (int i = 0; i < comm.ranks(); ++i) {
      const int peer = (i * 3 + comm.rank()) % comm.ranks();
      calls.push_back(receive(received[peer], peer));
      calls.insert(calls.begin(), send(mine, i));
    }
    ASSERT_OK(comm.run(calls));
    for (int peer = 0; peer < comm.ranks(); ++peer) {
      EXPECT_EQ(received[peer], numbers(peer, kCount));
    }
  });
}

TEST(Group, KeepsTheOrderOfMessagesOfAPair) {
  on_ranks(2, [](Communicator& comm) {
    std::vector<std::vector<int>> parts;
    for (int i = 0; i < 20; ++i) parts.push_back(numbers(i, i * 997));
    std::vector<Call> calls;
    if (comm.rank() == 0) {
      for (const std::vector<int>& part : parts) calls.push_back(send(part, 1));
      ASSERT_OK(comm.run(calls));
      return;
    }
    std::vector<std::vector<int>> received;
    for (const std::vector<int>& part : parts) received.emplace_back(part.size());
    for (std::vector<int>& part : received) calls.push_back(receive(part, 0));
    ASSERT_OK(comm.run(calls));
    EXPECT_EQ(received, parts);
  });
}

TEST(Group, MixesCollectivesAndMessages) {
  on_ranks(3, [](Communicator& comm) {
    std::vector<int> sums(30'000, comm.rank()), maxima(7, comm.rank());
    const std::vector<int> mine = numbers(comm.rank(), 20'000);
    std::vector<int> theirs(20'000);
    ASSERT_OK(comm.run({all_reduce(sums, sums), receive(theirs, left_of(comm)),
                        all_reduce(maxima, maxima, Reduction::kMax), barrier(),
                        send(mine, right_of(comm))}));
    EXPECT_EQ(sums, std::vector<int>(30'000, 3));
    EXPECT_EQ(maxima, std::vector<int>(7, 2));
    EXPECT_EQ(theirs, numbers(left_of(comm), 20'000));
  });
}

TEST(Group, OfNothingIsNothing) {
  on_ranks(2, [](Communicator& comm) {
    EXPECT_OK(comm.run(std::span<const Call>()));
    EXPECT_OK(comm.barrier());
  });
}

TEST(SendToOneself, MeetsTheReceiveInTheSameGroup) {
  on_ranks(2, [](Communicator& comm) {
    const std::vector<int> mine = numbers(comm.rank(), 300'001);
    std::vector<int> back(mine.size());
    ASSERT_OK(comm.run({send(mine, comm.rank()), receive(back, comm.rank())}));
    EXPECT_EQ(back, mine);
    ASSERT_OK(comm.run({receive(back, comm.rank()), send(mine, comm.rank())}));
    EXPECT_EQ(back, mine);
  });
}

TEST(Messages, OfOtherLengthAreAMismatchOnBoth) {
  on_ranks(2, [](Communicator& comm) {
    std::vector<int> data(10 + comm.rank());
    const Status status = comm.rank() == 0 ? comm.send(data, 1) : comm.receive(data, 0);
    // A short message has left before its receiver looks.
    EXPECT_TRUE(comm.rank() == 0 || status.code() == Code::kMismatch) << status.to_string();
    const Status next = comm.barrier();
    EXPECT_EQ(next.code(), Code::kMismatch) << next.to_string();
  });
}

}  // namespace
}  // namespace tutti
