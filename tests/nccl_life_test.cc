// Tests src/nccl: how communicators begin, wait, fail, are split and shrunk, and end.
//
// ROOMS: nccl communicator
// TIER: fast

#include <gtest/gtest.h>

#include <chrono>

#include "nccl_ranks.h"

namespace tutti {
namespace {

using namespace test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

[[maybe_unused]] const auto* const kHostOnly = testing::AddGlobalTestEnvironment(new HostOnly);

ncclResult_t sum(ncclComm_t comm, int& value) {
  return ncclAllReduce(&value, &value, 1, ncclInt, ncclSum, comm, nullptr);
}

// Polls until it is no longer ncclInProgress.
ncclResult_t settled(ncclComm_t comm) {
  ncclResult_t state = ncclInProgress;
  for (int i = 0; i < 20'000; ++i) {
    EXPECT_NCCL(ncclSuccess, ncclCommGetAsyncError(comm, &state));
    if (state != ncclInProgress) break;
    std::this_thread::sleep_for(1ms);
  }
  return state;
}

ncclConfig_t non_blocking() {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return config;
}

int count_of(ncclComm_t comm) {
  int count = -1;
  EXPECT_NCCL(ncclSuccess, ncclCommCount(comm, &count));
  return count;
}

int rank_of(ncclComm_t comm) {
  int rank = -1;
  EXPECT_NCCL(ncclSuccess, ncclCommUserRank(comm, &rank));
  return rank;
}

int device_of(ncclComm_t comm) {
  int device = -2;
  EXPECT_NCCL(ncclSuccess, ncclCommCuDevice(comm, &device));
  return device;
}

// ---- Beginning

TEST(NcclBeginning, RanksMeetByIdInThreads) {
  ncclUniqueId id;
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 3; ++rank) {
    threads.emplace_back([=] {
      ncclComm_t comm;
      ASSERT_NCCL(ncclSuccess, ncclCommInitRank(&comm, 3, id, rank));
      int value = rank + 1;
      EXPECT_NCCL(ncclSuccess, sum(comm, value));
      EXPECT_EQ(value, 6);
      EXPECT_EQ(count_of(comm), 3);
      EXPECT_EQ(rank_of(comm), rank);
      EXPECT_EQ(device_of(comm), -1) << "there is none";
      EXPECT_NCCL(ncclSuccess, ncclCommFinalize(comm));
      EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comm));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(NcclBeginning, OneThreadBeginsAllRanksInAGroup) {
  ncclUniqueId ids[2];
  for (ncclUniqueId& id : ids) ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclComm_t comms[3];
  ASSERT_NCCL(ncclSuccess, ncclGroupStart());
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_NCCL(ncclSuccess, ncclCommInitRankScalable(&comms[rank], 3, rank, 2, ids, nullptr));
  }
  ASSERT_NCCL(ncclSuccess, ncclGroupEnd());
  for (ncclComm_t comm : comms) {
    EXPECT_EQ(count_of(comm), 3);
    EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comm));
  }
}

TEST(NcclBeginning, InitAllKeepsTheNumbersOfDevices) {
  const int devices[] = {4, 4, 1};
  ncclComm_t comms[3];
  ASSERT_NCCL(ncclSuccess, ncclCommInitAll(comms, 3, devices));
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(rank_of(comms[rank]), rank);
    EXPECT_EQ(device_of(comms[rank]), devices[rank]);
    EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comms[rank]));
  }
}

TEST(NcclBeginning, AProcessIsNotStartledByAnImmenseNumberOfRanks) {
  const Variable soon("TUTTI_START_TIMEOUT", "0.3");
  ncclUniqueId id;
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclComm_t comm;
  EXPECT_NE(ncclCommInitRank(&comm, INT_MAX, id, 0), ncclSuccess);
  EXPECT_EQ(comm, nullptr);
}

TEST(NcclBeginning, ARankThatDoesNotComeIsNamedAtTheDeadline) {
  const Variable soon("TUTTI_START_TIMEOUT", "0.5");
  ncclUniqueId id;
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclComm_t comm;
  EXPECT_NCCL(ncclRemoteError, ncclCommInitRank(&comm, 2, id, 0));
  EXPECT_EQ(comm, nullptr);
  EXPECT_NE(std::string(ncclGetLastError(nullptr)).find("rank 1"), std::string::npos)
      << ncclGetLastError(nullptr);
}

TEST(NcclBeginning, AWrongSettingIsNamed) {
  const Variable wrong("TUTTI_LANES", "many");
  ncclUniqueId id;
  EXPECT_NCCL(ncclInvalidArgument, ncclGetUniqueId(&id));
  EXPECT_NE(std::string(ncclGetLastError(nullptr)).find("TUTTI_LANES=many"), std::string::npos);
}

// ---- Without blocking

TEST(NcclNonBlocking, BeginsWorksAndEnds) {
  ncclUniqueId id;
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclConfig_t config = non_blocking();
  ncclComm_t comms[2];
  int values[2] = {1, 2};
  ASSERT_NCCL(ncclInProgress, ncclCommInitRankConfig(&comms[0], 2, id, 0, &config));
  // The other rank has not come: nothing can be done yet, nor asked.
  int count;
  EXPECT_NCCL(ncclInvalidArgument, sum(comms[0], values[0]));
  EXPECT_NCCL(ncclInvalidArgument, ncclCommCount(comms[0], &count));
  ASSERT_NCCL(ncclInProgress, ncclCommInitRankConfig(&comms[1], 2, id, 1, &config));
  for (ncclComm_t comm : comms) ASSERT_EQ(settled(comm), ncclSuccess);

  EXPECT_NCCL(ncclInProgress, sum(comms[0], values[0]));
  EXPECT_NCCL(ncclInvalidArgument, sum(comms[0], values[0]));
  EXPECT_NCCL(ncclInProgress, ncclCommFinalize(comms[0]));
  const ncclResult_t second = sum(comms[1], values[1]);
  EXPECT_TRUE(second == ncclInProgress || second == ncclSuccess) << told(second);
  for (int rank : {0, 1}) {
    EXPECT_EQ(settled(comms[rank]), ncclSuccess);
    EXPECT_EQ(values[rank], 3);
    EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comms[rank]));
  }
}

TEST(NcclNonBlocking, AFailedBeginningIsTheStateOfTheCommunicator) {
  const Variable soon("TUTTI_START_TIMEOUT", "0.3");
  ncclUniqueId id;
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclConfig_t config = non_blocking();
  config.commName = "pipeline";
  ncclComm_t comm;
  ASSERT_NCCL(ncclInProgress, ncclCommInitRankConfig(&comm, 2, id, 0, &config));
  EXPECT_EQ(settled(comm), ncclRemoteError);
  const std::string sentence = ncclGetLastError(comm);
  EXPECT_NE(sentence.find("rank 1"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("communicator pipeline"), std::string::npos) << sentence;
  int value = 0;
  EXPECT_NCCL(ncclRemoteError, sum(comm, value));
  EXPECT_NCCL(ncclSuccess, ncclCommAbort(comm));
}

TEST(NcclNonBlocking, ABeginningCanBeAborted) {
  ncclUniqueId id;
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclConfig_t config = non_blocking();
  ncclComm_t comm;
  ASSERT_NCCL(ncclInProgress, ncclCommInitRankConfig(&comm, 2, id, 0, &config));
  const auto begin = Clock::now();
  EXPECT_NCCL(ncclSuccess, ncclCommAbort(comm));
  EXPECT_LT(Clock::now() - begin, 1s);
  EXPECT_NCCL(ncclInvalidArgument, ncclCommAbort(comm));
}

// ---- Failures, aborts

TEST(NcclFailures, ARankThatDoesNotCallIsNamedAndTheCommunicatorStaysFailed) {
  const Variable soon("TUTTI_TIMEOUT", "0.3");
  const Ranks ranks(2);
  int value = 1;
  EXPECT_NCCL(ncclRemoteError, sum(ranks[0], value));
  EXPECT_NE(std::string(ncclGetLastError(ranks[0])).find("rank 1"), std::string::npos);
  EXPECT_EQ(settled(ranks[0]), ncclRemoteError);
  EXPECT_NCCL(ncclRemoteError, sum(ranks[0], value));
}

TEST(NcclFailures, DifferentCallsAreAnErrorOnBoth) {
  const Ranks ranks(2);
  ranks.apart([](int rank, ncclComm_t comm) {
    std::vector<int> data(5);
    EXPECT_NCCL(ncclInvalidUsage,
                ncclAllReduce(data.data(), data.data(), rank + 1, ncclInt, ncclSum, comm, nullptr));
  });
}

TEST(NcclFailures, AbortEndsACallThatWaitsInAnotherThread) {
  Ranks ranks(2);
  const ncclComm_t waiting = ranks.take(0);
  ncclResult_t seen = ncclSuccess;
  std::thread waits([&] {
    int value = 1;
    seen = sum(waiting, value);
  });
  std::this_thread::sleep_for(50ms);
  const auto begin = Clock::now();
  EXPECT_NCCL(ncclSuccess, ncclCommAbort(waiting));
  waits.join();
  EXPECT_LT(Clock::now() - begin, 2s);
  EXPECT_EQ(seen, ncclRemoteError);
  int value = 1;  // the peer does not wait for the deadline either
  EXPECT_NCCL(ncclRemoteError, sum(ranks[1], value));
  EXPECT_LT(Clock::now() - begin, 5s);
}

TEST(NcclFailures, AbortEndsACallOfItsOwnThatIsUnderWay) {
  ncclUniqueId id;
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclConfig_t config = non_blocking();
  ncclComm_t comms[2];
  for (int rank : {0, 1}) ncclCommInitRankConfig(&comms[rank], 2, id, rank, &config);
  for (ncclComm_t comm : comms) ASSERT_EQ(settled(comm), ncclSuccess);
  int value = 1;
  EXPECT_NCCL(ncclInProgress, sum(comms[0], value));
  for (ncclComm_t comm : comms) EXPECT_NCCL(ncclSuccess, ncclCommAbort(comm));
}

TEST(NcclFailures, ARevokedCommunicatorCanBeSplitAndNothingElse) {
  const Ranks ranks(3);
  ncclComm_t fresh[3];
  ranks.apart([&](int rank, ncclComm_t comm) {
    int value = 1;
    if (rank != 2) {
      EXPECT_NCCL(ncclRemoteError, sum(comm, value));  // until rank 2 revokes
    } else {
      std::this_thread::sleep_for(50ms);
    }
    EXPECT_NCCL(ncclSuccess, ncclCommRevoke(comm, NCCL_REVOKE_DEFAULT));
    EXPECT_EQ(settled(comm), ncclSuccess);
    EXPECT_NCCL(ncclInvalidUsage, sum(comm, value));
    EXPECT_NCCL(ncclInvalidUsage, ncclCommFinalize(comm));
    ASSERT_NCCL(ncclSuccess, ncclCommSplit(comm, 0, -rank, &fresh[rank], nullptr));
    EXPECT_EQ(rank_of(fresh[rank]), 2 - rank);
    value = 2;
    EXPECT_NCCL(ncclSuccess, sum(fresh[rank], value));
    EXPECT_EQ(value, 6);
  });
  for (ncclComm_t comm : fresh) EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comm));
}

// ---- Splitting, shrinking

TEST(NcclSplit, OneThreadSplitsAllRanksInAGroup) {
  const Ranks ranks(4);
  ncclComm_t parts[4];
  // Rank 1 takes no part; the others are ordered by key.
  const int colors[] = {7, NCCL_SPLIT_NOCOLOR, 7, 0}, keys[] = {1, 0, 0, 5};
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    EXPECT_NCCL(ncclSuccess, ncclCommSplit(comm, colors[r], keys[r], &parts[r], nullptr));
  }));
  EXPECT_EQ(parts[1], nullptr);
  EXPECT_EQ(rank_of(parts[0]), 1);
  EXPECT_EQ(rank_of(parts[2]), 0);
  EXPECT_EQ(count_of(parts[0]), 2);
  EXPECT_EQ(count_of(parts[3]), 1);
  EXPECT_EQ(device_of(parts[2]), 2);
  int values[] = {1, 2, 3, 4}, of_parents[] = {1, 2, 3, 4};
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  for (int r : {0, 2, 3}) sum(parts[r], values[r]);
  for (int r = 0; r < 4; ++r) sum(ranks[r], of_parents[r]);  // which live on
  EXPECT_NCCL(ncclSuccess, ncclGroupEnd());
  EXPECT_EQ(values[0], 4);
  EXPECT_EQ(values[3], 4);
  EXPECT_EQ(of_parents[1], 10);
  for (int r : {0, 2, 3}) EXPECT_NCCL(ncclSuccess, ncclCommDestroy(parts[r]));
}

TEST(NcclSplit, ConfigurationsAreInheritedOrGiven) {
  const Ranks ranks(2);
  ncclConfig_t config = non_blocking();
  ncclComm_t parts[2];
  EXPECT_NCCL(ncclInProgress, ranks.together([&](int r, ncclComm_t comm) {
    EXPECT_NCCL(ncclSuccess, ncclCommSplit(comm, 0, 0, &parts[r], &config));
  }));
  ncclComm_t of_parts[2];
  for (ncclComm_t comm : parts) ASSERT_EQ(settled(comm), ncclSuccess);
  for (int r : {0, 1}) {
    ASSERT_EQ(settled(ranks[r]), ncclSuccess) << "a parent is busy until its child is made";
    EXPECT_NCCL(ncclInProgress, ncclCommSplit(parts[r], 0, 0, &of_parts[r], nullptr));
  }
  for (ncclComm_t comm : of_parts) {
    EXPECT_EQ(settled(comm), ncclSuccess);
    EXPECT_EQ(count_of(comm), 2);
    EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comm));
  }
  for (ncclComm_t comm : parts) EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comm));
}

TEST(NcclShrink, LeavesOutWhoIsExcludedWithoutWaitingForHim) {
  const Ranks ranks(4);
  ncclComm_t fewer[4] = {};
  int excluded[] = {2, 0};
  const auto begin = Clock::now();
  ASSERT_NCCL(ncclSuccess, ncclGroupStart());
  for (int r : {1, 3}) {
    EXPECT_NCCL(ncclSuccess,
                ncclCommShrink(ranks[r], excluded, 2, &fewer[r], nullptr, NCCL_SHRINK_DEFAULT));
  }
  ASSERT_NCCL(ncclSuccess, ncclGroupEnd());
  EXPECT_LT(Clock::now() - begin, 5s);
  int values[] = {1, 2, 3, 4};
  ASSERT_NCCL(ncclSuccess, ncclGroupStart());
  for (int r : {1, 3}) sum(fewer[r], values[r]);
  ASSERT_NCCL(ncclSuccess, ncclGroupEnd());
  EXPECT_EQ(values[1], 6);
  EXPECT_EQ(rank_of(fewer[3]), 1);
  for (int r : {1, 3}) EXPECT_NCCL(ncclSuccess, ncclCommDestroy(fewer[r]));
}

TEST(NcclShrink, AbortsWhatWaitsForTheExcludedRank) {
  ncclUniqueId id;
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclConfig_t config = non_blocking();
  ncclComm_t comms[3], fewer[3];
  for (int rank : {0, 1, 2}) ncclCommInitRankConfig(&comms[rank], 3, id, rank, &config);
  for (ncclComm_t comm : comms) ASSERT_EQ(settled(comm), ncclSuccess);
  int values[] = {1, 2};
  for (int rank : {0, 1}) EXPECT_NCCL(ncclInProgress, sum(comms[rank], values[rank]));
  int absent = 2;
  for (int rank : {0, 1}) {
    EXPECT_NCCL(ncclInvalidArgument, ncclCommShrink(comms[rank], &absent, 1, &fewer[rank], nullptr,
                                                    NCCL_SHRINK_DEFAULT));
  }
  for (int rank : {0, 1}) {  // all are aborted by the first
    EXPECT_NCCL(ncclInProgress,
                ncclCommShrink(comms[rank], &absent, 1, &fewer[rank], nullptr, NCCL_SHRINK_ABORT));
  }
  for (int rank : {0, 1}) {
    ASSERT_EQ(settled(fewer[rank]), ncclSuccess) << ncclGetLastError(fewer[rank]);
    values[rank] = 4;
    sum(fewer[rank], values[rank]);
  }
  for (int rank : {0, 1}) {
    EXPECT_EQ(settled(fewer[rank]), ncclSuccess);
    EXPECT_EQ(values[rank], 8);
    EXPECT_NCCL(ncclSuccess, ncclCommDestroy(fewer[rank]));
  }
  for (ncclComm_t comm : comms) EXPECT_NCCL(ncclSuccess, ncclCommAbort(comm));
}

// ---- Ending

TEST(NcclEnding, NothingIsCalledAfterFinalize) {
  const Ranks ranks(1);
  int value = 1;
  EXPECT_NCCL(ncclSuccess, ncclCommFinalize(ranks[0]));
  EXPECT_NCCL(ncclInvalidUsage, sum(ranks[0], value));
  EXPECT_NCCL(ncclInvalidArgument, ncclCommFinalize(ranks[0]));
  EXPECT_EQ(count_of(ranks[0]), 1);
}

TEST(NcclEnding, AGroupThatIsSpoiledTakesItsBeginningsBack) {
  const Ranks ranks(1);
  ncclUniqueId id;
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclComm_t begun, part;
  ASSERT_NCCL(ncclSuccess, ncclGroupStart());
  EXPECT_NCCL(ncclSuccess, ncclCommInitRank(&begun, 1, id, 0));
  EXPECT_NCCL(ncclSuccess, ncclCommSplit(ranks[0], 0, 0, &part, nullptr));
  EXPECT_NE(begun, nullptr);
  EXPECT_NCCL(ncclInvalidArgument, ncclCommInitRank(nullptr, 1, id, 0));
  EXPECT_NCCL(ncclInvalidArgument, ncclGroupEnd());
  EXPECT_EQ(begun, nullptr);
  EXPECT_EQ(part, nullptr);
  int value = 3;
  EXPECT_NCCL(ncclSuccess, sum(ranks[0], value));  // the parent is not busy any more
}

}  // namespace
}  // namespace tutti
