// Tests src/communicator/split.cc and message_bootstrap.cc: communicators made from communicators.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <vector>

#include "communicators.h"

namespace tutti {
namespace {

using namespace test;

// The ranks in `comm`, as the numbers that its members give, in its order.
std::vector<int> members(Communicator& comm, int mine) {
  std::vector<int> all(comm.ranks());
  EXPECT_OK(comm.all_gather(std::span(&mine, 1), all));
  return all;
}

TEST(Split, MakesOneCommunicatorPerColor) {
  on_ranks(7, [](Communicator& comm) {
    const int color = comm.rank() % 3;
    Result<Communicator> part = comm.split(color);
    ASSERT_OK(part.status());
    std::vector<int> expected;
    for (int rank = color; rank < 7; rank += 3) expected.push_back(rank);
    EXPECT_EQ(part->ranks(), static_cast<int>(expected.size()));
    EXPECT_EQ(part->rank(), comm.rank() / 3);
    EXPECT_EQ(members(*part, comm.rank()), expected);
  });
}

TEST(Split, OrdersByKeyThenRank) {
  on_ranks(5, [](Communicator& comm) {
    const int keys[] = {7, -1, 7, 0, -1};
    Result<Communicator> part = comm.split(0, keys[comm.rank()]);
    ASSERT_OK(part.status());
    EXPECT_EQ(members(*part, comm.rank()), (std::vector<int>{1, 4, 3, 0, 2}));
  });
}

TEST(Split, LeavesOutNegativeColors) {
  on_ranks(4, [](Communicator& comm) {
    Result<Communicator> part = comm.split(comm.rank() == 2 ? -1 : 5);
    ASSERT_OK(part.status());
    EXPECT_EQ(part->empty(), comm.rank() == 2);
    if (part->empty()) return;
    EXPECT_EQ(members(*part, comm.rank()), (std::vector<int>{0, 1, 3}));
  });
}

TEST(Split, LeavesTheParentUsableAtTheSameTime) {
  on_ranks(4, [](Communicator& comm) {
    Result<Communicator> part = comm.split(comm.rank() / 2);
    ASSERT_OK(part.status());
    for (int round = 0; round < 100; ++round) {
      std::vector<int> of_part(round * 13, 1), of_all(round * 7, 1);
      Result<Request> request = part->start(all_reduce(of_part, of_part));
      ASSERT_OK(comm.all_reduce(of_all, of_all));
      ASSERT_OK(request.status());
      ASSERT_OK(request->wait());
      ASSERT_EQ(of_part, std::vector<int>(of_part.size(), 2));
      ASSERT_EQ(of_all, std::vector<int>(of_all.size(), 4));
    }
  });
}

TEST(Split, OutlivesItsParent) {
  Result<std::vector<Communicator>> parents = Communicator::threads(3, patient_options());
  ASSERT_OK(parents.status());
  std::vector<Communicator> children(3);
  run_ranks_as_threads(3, [&](int rank) {
    Result<Communicator> child = (*parents)[rank].split(0, -rank);
    if (child.ok()) children[rank] = std::move(*child);
    return 0;
  });
  parents->clear();
  run_ranks_as_threads(3, [&](int rank) {
    EXPECT_EQ(members(children[rank], rank), (std::vector<int>{2, 1, 0}));
    return 0;
  });
}

// A grid of data and tensor ranks, and pairs of those again.
TEST(Split, CanBeSplitAgain) {
  on_ranks(6, [](Communicator& comm) {
    Result<Communicator> row = comm.split(comm.rank() / 3), column = comm.split(comm.rank() % 3);
    ASSERT_OK(row.status());
    ASSERT_OK(column.status());
    EXPECT_EQ(row->ranks(), 3);
    EXPECT_EQ(column->ranks(), 2);
    Result<Communicator> alone = column->split(column->rank());
    ASSERT_OK(alone.status());
    EXPECT_EQ(members(*alone, comm.rank()), std::vector<int>{comm.rank()});
    int sum = comm.rank();
    ASSERT_OK(row->all_reduce(std::span(&sum, 1), std::span(&sum, 1)));
    ASSERT_OK(column->all_reduce(std::span(&sum, 1), std::span(&sum, 1)));
    EXPECT_EQ(sum, 15);
  });
}

TEST(Split, WorksBehindStartedCalls) {
  on_ranks(3, [](Communicator& comm) {
    std::vector<int> data(50'000, 1);
    Result<Request> request = comm.start(all_reduce(data, data));
    Result<Communicator> part = comm.split(0);
    ASSERT_OK(request.status());
    ASSERT_OK(part.status());
    EXPECT_TRUE(request->test());
    EXPECT_EQ(members(*part, comm.rank()), (std::vector<int>{0, 1, 2}));
  });
}

TEST(Split, ThatOneRankDoesNotJoinEndsByItsDeadline) {
  on_ranks(3, impatient_options(std::chrono::milliseconds(200)), [](Communicator& comm) {
    if (comm.rank() == 2) return;
    const Status status = comm.split(0).status();
    EXPECT_EQ(status.code(), Code::kTimeout) << status.to_string();
    EXPECT_NE(status.message().find("rank 2"), std::string::npos) << status.message();
  });
}

}  // namespace
}  // namespace tutti
