// Tests src/communicator/background.cc: calls that nobody waits for, and their requests.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "communicators.h"

namespace tutti {
namespace {

using namespace test;

using Vector = std::vector<int>;

bool ends_within(const Request& request, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!request.test()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

TEST(Start, ReturnsBeforeTheOthersHaveCalled) {
  std::atomic<bool> started = false;
  on_ranks(2, [&](Communicator& comm) {
    Vector data(100, 1);
    if (comm.rank() == 1) {
      while (!started) std::this_thread::yield();
      EXPECT_OK(comm.all_reduce(data, data));
      return;
    }
    Result<Request> request = comm.start(all_reduce(data, data));
    ASSERT_OK(request.status());
    EXPECT_FALSE(request->test());
    started = true;
    EXPECT_TRUE(ends_within(*request, std::chrono::seconds(10)));
    EXPECT_OK(request->wait());
    EXPECT_OK(request->wait());
    EXPECT_EQ(data, Vector(100, 2));
  });
}

TEST(Requests, EndInTheOrderOfTheirCalls) {
  on_ranks(3, [](Communicator& comm) {
    constexpr int kCalls = 200;
    std::vector<Vector> data;
    for (int i = 0; i < kCalls; ++i) data.emplace_back(i * 37 % 5000, comm.rank() + i);
    std::vector<Request> requests;
    for (Vector& values : data) {
      Result<Request> request = comm.start(all_reduce(values, values));
      ASSERT_OK(request.status());
      requests.push_back(std::move(*request));
    }
    ASSERT_OK(requests[kCalls / 2].wait());
    for (int i = 0; i <= kCalls / 2; ++i) EXPECT_TRUE(requests[i].test());
    ASSERT_OK(wait_all(requests));
    for (int i = 0; i < kCalls; ++i) ASSERT_EQ(data[i], Vector(data[i].size(), 3 * i + 3));
  });
}

TEST(Requests, SayWhenTheyRan) {
  on_ranks(2, [](Communicator& comm) {
    Vector data(1 << 16, 1);
    const auto before = std::chrono::steady_clock::now();
    Result<Request> first = comm.start(all_reduce(data, data));
    Vector more(1 << 16, 1);
    Result<Request> second = comm.start(all_reduce(more, more));
    ASSERT_OK(second->wait());
    const Request::Times times = first->times();
    EXPECT_LE(before, times.begin);
    EXPECT_LT(times.begin, times.end);
    EXPECT_LE(times.end, second->times().begin);
    EXPECT_LE(second->times().end, std::chrono::steady_clock::now());
  });
}

TEST(BlockingCalls, KeepTheirPlaceBehindStartedOnes) {
  on_ranks(3, [](Communicator& comm) {
    for (int round = 0; round < 50; ++round) {
      Vector a(1000 + round, 1), b(a.size()), c(a.size());
      // Each reads what the one before has written.
      Result<Request> first = comm.start(all_reduce(a, b));
      ASSERT_OK(comm.all_reduce(b, c));
      ASSERT_OK(first.status());
      EXPECT_TRUE(first->test());
      EXPECT_EQ(c, Vector(a.size(), 9));
    }
  });
}

TEST(BlockingCalls, MeetStartedOnesOfOtherRanks) {
  on_ranks(4, [](Communicator& comm) {
    for (int round = 0; round < 100; ++round) {
      Vector data(round * 11, 1);
      if ((comm.rank() + round) % 2 == 0) {
        Result<Request> request = comm.start(all_reduce(data, data));
        ASSERT_OK(request.status());
        ASSERT_OK(request->wait());
      } else {
        ASSERT_OK(comm.all_reduce(data, data));
      }
      ASSERT_EQ(data, Vector(data.size(), 4));
    }
  });
}

TEST(StartedGroups, CannotDeadlock) {
  on_ranks(3, [](Communicator& comm) {
    const int right = (comm.rank() + 1) % 3, left = (comm.rank() + 2) % 3;
    const Vector mine(400'000, comm.rank());
    Vector theirs(mine.size()), sums(10, 1);
    Result<Request> ring = comm.start({send(mine, right), receive(theirs, left)});
    Result<Request> sum = comm.start(all_reduce(sums, sums));
    ASSERT_OK(ring.status());
    ASSERT_OK(sum.status());
    ASSERT_OK(sum->wait());
    ASSERT_OK(ring->wait());
    EXPECT_EQ(theirs, Vector(mine.size(), left));
    EXPECT_EQ(sums, Vector(10, 3));
  });
}

TEST(RequestDestructor, WaitsForTheCall) {
  on_ranks(2, [](Communicator& comm) {
    Vector data(100'000, 1);
    if (comm.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(30));
    { Result<Request> request = comm.start(all_reduce(data, data)); }
    EXPECT_EQ(data, Vector(data.size(), 2));
  });
}

TEST(RequestAssignment, WaitsForTheCallBefore) {
  on_ranks(2, [](Communicator& comm) {
    Vector first(100'000, 1), second(10, 1);
    if (comm.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(30));
    Request request = std::move(*comm.start(all_reduce(first, first)));
    request = std::move(*comm.start(all_reduce(second, second)));
    EXPECT_EQ(first, Vector(first.size(), 2));
    EXPECT_OK(request.wait());
    EXPECT_EQ(second, Vector(10, 2));
  });
}

TEST(EmptyRequests, HaveEnded) {
  Request request;
  EXPECT_TRUE(request.test());
  EXPECT_OK(request.wait());
  EXPECT_OK(wait_all({}));
}

TEST(Requests, OutliveTheirCommunicator) {
  std::vector<Request> requests(2);
  std::vector<Vector> data(2, Vector(1000, 1));
  on_ranks(2, [&](Communicator& comm) {
    Vector& values = data[comm.rank()];
    Result<Request> request = comm.start(all_reduce(values, values));
    ASSERT_OK(request.status());
    requests[comm.rank()] = std::move(*request);
  });
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_TRUE(requests[rank].test());
    EXPECT_OK(requests[rank].wait());
    EXPECT_EQ(data[rank], Vector(1000, 2));
  }
}

TEST(WaitAll, AnswersTheFirstFailure) {
  on_ranks(2, impatient_options(std::chrono::milliseconds(200)), [](Communicator& comm) {
    Vector good(10, 1), alone(10, 1), after(10, 1);
    std::vector<Request> requests;
    requests.push_back(std::move(*comm.start(all_reduce(good, good))));
    if (comm.rank() == 0) {
      requests.push_back(std::move(*comm.start(all_reduce(alone, alone))));
      requests.push_back(std::move(*comm.start(all_reduce(after, after))));
    }
    const Status status = wait_all(requests);
    EXPECT_EQ(status.code(), comm.rank() == 0 ? Code::kTimeout : Code::kOk) << status.to_string();
    EXPECT_EQ(good, Vector(10, 2));
    if (comm.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(400));
  });
}

TEST(Explain, KnowsTheLastCallThatEnded) {
  Options options;
  options.algorithm = "broadcast:binomial";
  on_ranks(2, options, [](Communicator& comm) {
    Vector data(10, 1);
    Result<Request> request = comm.start(broadcast(data, data, 0));
    ASSERT_OK(request.status());
    ASSERT_OK(request->wait());
    EXPECT_EQ(comm.explain().algorithm, "binomial");
    EXPECT_EQ(comm.explain().transports, "shm");
  });
}

}  // namespace
}  // namespace tutti
