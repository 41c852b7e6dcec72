// Tests what a communicator says on standard error (Options::log_level).
//
// ROOMS: communicator
// TIER: fast
// SANITIZERS: address

#include <gtest/gtest.h>
#include <sched.h>

#include <string>
#include <thread>
#include <vector>

#include "tutti/tutti.h"

namespace tutti {
namespace {

// What a single rank says while it starts, sums twice, aborts, and fails to sum again.
std::string said_at(int level) {
  Options options;
  options.log_level = level;
  testing::internal::CaptureStderr();
  {
    Result<std::vector<Communicator>> one = Communicator::threads(1, options);
    EXPECT_TRUE(one.ok());
    std::vector<float> in(3, 1.0f), out(3);
    EXPECT_TRUE(one->at(0).all_reduce(in, out).ok());
    EXPECT_TRUE(one->at(0).all_reduce(in, out).ok());
    one->at(0).abort("enough");
    EXPECT_FALSE(one->at(0).all_reduce(in, out).ok());
  }
  return testing::internal::GetCapturedStderr();
}

TEST(Log, IsSilentUnlessAsked) { EXPECT_EQ(said_at(0), ""); }

TEST(Log, SaysWhichCallFailedAndWhy) {
  EXPECT_EQ(said_at(1), "tutti: rank 0 of 1: aborted: aborted by rank 0: enough\n");
}

TEST(Log, SaysWhatRunsAShapeOnce) {
  const std::string said = said_at(2);
  EXPECT_EQ(said.find("tutti: rank 0 of 1: ready, through shm"), 0u) << said;
  const std::string choice = "all_reduce (float, 3, sum): ";
  EXPECT_NE(said.find(choice), std::string::npos) << said;
  EXPECT_EQ(said.find(choice), said.rfind(choice)) << said;
}

// Two ranks on one core. A part of one rank has not got it alone.
TEST(Log, SaysThatPartsShareCoresAsTheWholeDoes) {
  cpu_set_t all, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  for (int core = 0; CPU_COUNT(&one) == 0; ++core) {
    if (CPU_ISSET(core, &all)) CPU_SET(core, &one);
  }
  Options options;
  options.log_level = 2;
  testing::internal::CaptureStderr();
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  Result<std::vector<Communicator>> whole = Communicator::threads(2, options);
  ASSERT_TRUE(whole.ok());
  std::vector<std::thread> ranks;
  for (Communicator& comm : *whole) {
    ranks.emplace_back([&comm] { EXPECT_TRUE(comm.split(comm.rank()).ok()); });
  }
  for (std::thread& rank : ranks) rank.join();
  ASSERT_EQ(sched_setaffinity(0, sizeof all, &all), 0);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("rank 0 of 1: ready, through shm, sharing cores"), std::string::npos) << said;
}

}  // namespace
}  // namespace tutti
