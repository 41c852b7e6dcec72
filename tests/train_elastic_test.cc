// Tests examples/train/app/elastic.cc and alarm.h: what is left of a mesh, and that ranks fail
// together.
//
// ROOMS: train
// TIER: fast

#include <gtest/gtest.h>

#include <barrier>
#include <chrono>

#include "train/app/elastic.h"
#include "train_ranks.h"

namespace tutti::train {
namespace {

TEST(Elastic, TheDataDimensionShrinks) {
  EXPECT_EQ(smaller_mesh(mesh_of(4, 1, 1, 1), 3, 12, 1), mesh_of(3, 1, 1, 1));
  EXPECT_EQ(smaller_mesh(mesh_of(3, 2, 1, 2), 11, 12, 1), mesh_of(2, 2, 1, 2));
  EXPECT_EQ(smaller_mesh(mesh_of(1, 1, 2, 1), 2, 4, 1), mesh_of(1, 1, 2, 1));
}

TEST(Elastic, ToWhatTheBatchDividesBy) {
  EXPECT_EQ(smaller_mesh(mesh_of(4, 1, 1, 1), 3, 8, 1), mesh_of(2, 1, 1, 1));
  EXPECT_EQ(smaller_mesh(mesh_of(4, 1, 1, 1), 3, 8, 4), mesh_of(2, 1, 1, 1));
}

TEST(Elastic, AReplicaIsTheLeast) {
  try {
    smaller_mesh(mesh_of(2, 2, 1, 2), 3, 8, 1);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_STREQ(failure.what(),
                 "3 ranks are left: expected at least 4, those of one replica of "
                 "dp=2,pp=2,cp=1,tp=2");
  }
}

// Rank 1 fails in a group that rank 3 is not in; rank 3 waits in one that rank 1 is not in.
TEST(Elastic, RanksFailTogether) {
  const Mesh mesh = mesh_of(2, 1, 1, 2);
  const auto begin = std::chrono::steady_clock::now();
  auto worlds = Communicator::threads(mesh.ranks());
  ASSERT_TRUE(worlds.ok());
  std::barrier made(mesh.ranks());
  std::vector<std::thread> threads;
  for (int rank = 0; rank < mesh.ranks(); ++rank) {
    threads.emplace_back([&, rank] {
      Groups groups = Groups::make(std::move((*worlds)[rank]), mesh, std::make_shared<Alarm>());
      made.arrive_and_wait();
      double number = 1;
      if (rank == 1) groups.tensor.communicator().abort("rank 1 has had enough");
      Group& group = rank < 2 ? groups.tensor : groups.data;
      EXPECT_THROW(group.all_reduce(std::span(&number, 1)), LostRank);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(Elastic, AllLiveIsNotALoss) {
  std::barrier made(2);
  on_mesh(mesh_of(2, 1, 1, 1), [&made](Groups& groups) {
    made.arrive_and_wait();
    groups.world.communicator().abort("for no reason");
    try {
      survivors(groups.world);
      FAIL();
    } catch (const Failure& failure) {
      EXPECT_STREQ(failure.what(), "all 2 ranks live: there is no smaller mesh to go on with");
    }
  });
}

}  // namespace
}  // namespace tutti::train
