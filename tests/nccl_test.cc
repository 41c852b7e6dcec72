// Tests src/nccl: the calls of NCCL's interface on memory of the host, one by one and in groups.
//
// ROOMS: nccl communicator
// TIER: fast

#include <gtest/gtest.h>

#include <numeric>

#include "cases.h"
#include "nccl_ranks.h"

namespace tutti {
namespace {

using namespace test;

[[maybe_unused]] const auto* const kHostOnly = testing::AddGlobalTestEnvironment(new HostOnly);

constexpr int kRanks = 3;
constexpr std::size_t kCount = 37;

// What rank r has at index i; every rank can say it of every other.
int number(int rank, std::size_t i) { return static_cast<int>((rank * 7 + i * 3) % 5); }

PerRank<int> inputs(std::size_t count) {
  PerRank<int> all(kRanks, std::vector<int>(count));
  for (int r = 0; r < kRanks; ++r) {
    for (std::size_t i = 0; i < count; ++i) all[r][i] = number(r, i);
  }
  return all;
}

int sum_at(std::size_t i) {
  int sum = 0;
  for (int r = 0; r < kRanks; ++r) sum += number(r, i);
  return sum;
}

// ---- Every collective, out of place and in place

TEST(NcclCalls, AllReduceTakesEveryTypeAndOperation) {
  const Ranks ranks(kRanks);
  for (int type = 0; type < ncclNumTypes; ++type) {
    const auto ours = static_cast<DataType>(type);
    const Codec codec(ours);
    for (int op = 0; op < ncclNumOps; ++op) {
      SCOPED_TRACE(std::string(name(ours)) + " " + std::to_string(op));
      std::vector<WatchedBuffer> buffers(kRanks, WatchedBuffer(ours, kCount));
      // 1, 2, 1: sum 4, product 2, greatest 2, least 1; all 1 where an average must be exact.
      const auto value = [op](int rank) { return op != ncclAvg && rank == 1 ? 2 : 1; };
      for (int r = 0; r < kRanks; ++r) {
        for (std::size_t i = 0; i < kCount; ++i) buffers[r].set(i, codec.encode(value(r)));
      }
      EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
        EXPECT_NCCL(ncclSuccess, ncclAllReduce(buffers[r].data(), buffers[r].data(), kCount,
                                               static_cast<ncclDataType_t>(type),
                                               static_cast<ncclRedOp_t>(op), comm, nullptr));
      }));
      const double expected[] = {4, 2, 2, 1, 1};
      for (WatchedBuffer& buffer : buffers) {
        // 1/3 three times is not 1 in every format.
        EXPECT_NEAR(codec.decode(buffer.get(kCount - 1)), expected[op], op == ncclAvg ? 0.13 : 0);
        EXPECT_TRUE(buffer.margins_are_untouched());
      }
    }
  }
}

TEST(NcclCalls, AllGather) {
  const Ranks ranks(kRanks);
  const PerRank<int> in = inputs(kCount);
  PerRank<int> out(kRanks, std::vector<int>(kRanks * kCount)), both = out;
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    int* mine = both[r].data() + r * kCount;
    std::copy(in[r].begin(), in[r].end(), mine);
    ncclAllGather(in[r].data(), out[r].data(), kCount, ncclInt, comm, nullptr);
    ncclAllGather(mine, both[r].data(), kCount, ncclInt, comm, nullptr);
  }));
  for (int r = 0; r < kRanks; ++r) {
    EXPECT_EQ(both[r], out[r]);
    for (int from = 0; from < kRanks; ++from) {
      EXPECT_EQ(out[r][from * kCount + 5], number(from, 5));
    }
  }
}

TEST(NcclCalls, ReduceScatter) {
  const Ranks ranks(kRanks);
  PerRank<int> in = inputs(kRanks * kCount), both = in;
  PerRank<int> out(kRanks, std::vector<int>(kCount));
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    int* mine = both[r].data() + r * kCount;
    ncclReduceScatter(in[r].data(), out[r].data(), kCount, ncclInt, ncclSum, comm, nullptr);
    ncclReduceScatter(both[r].data(), mine, kCount, ncclInt, ncclSum, comm, nullptr);
  }));
  for (int r = 0; r < kRanks; ++r) {
    for (std::size_t i = 0; i < kCount; ++i) {
      EXPECT_EQ(out[r][i], sum_at(r * kCount + i));
      EXPECT_EQ(both[r][r * kCount + i], out[r][i]);
    }
  }
}

TEST(NcclCalls, BroadcastAndBcast) {
  const Ranks ranks(kRanks);
  const PerRank<int> in = inputs(kCount);
  PerRank<int> out(kRanks, std::vector<int>(kCount)), both = in;
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    // Only the root's input is looked at.
    const int* input = r == 1 ? in[r].data() : nullptr;
    ncclBroadcast(input, out[r].data(), kCount, ncclInt, 1, comm, nullptr);
    ncclBcast(both[r].data(), kCount, ncclInt, 1, comm, nullptr);
  }));
  for (int r = 0; r < kRanks; ++r) {
    EXPECT_EQ(out[r], in[1]);
    EXPECT_EQ(both[r], in[1]);
  }
}

TEST(NcclCalls, Reduce) {
  const Ranks ranks(kRanks);
  PerRank<int> in = inputs(kCount), both = in;
  std::vector<int> out(kCount);
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    int* output = r == 2 ? out.data() : nullptr;
    ncclReduce(in[r].data(), output, kCount, ncclInt, ncclSum, 2, comm, nullptr);
    ncclReduce(both[r].data(), both[r].data(), kCount, ncclInt, ncclSum, 2, comm, nullptr);
  }));
  for (std::size_t i = 0; i < kCount; ++i) EXPECT_EQ(out[i], sum_at(i));
  EXPECT_EQ(both[2], out);
  EXPECT_EQ(both[0], in[0]);
}

TEST(NcclCalls, AlltoAll) {
  const Ranks ranks(kRanks);
  const PerRank<int> in = inputs(kRanks * kCount);
  PerRank<int> out(kRanks, std::vector<int>(kRanks * kCount));
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    ncclAlltoAll(in[r].data(), out[r].data(), kCount, ncclInt, comm, nullptr);
  }));
  for (int r = 0; r < kRanks; ++r) {
    for (int from = 0; from < kRanks; ++from) {
      EXPECT_EQ(out[r][from * kCount + 4], number(from, r * kCount + 4));
    }
  }
}

TEST(NcclCalls, GatherAndScatter) {
  const Ranks ranks(kRanks);
  const PerRank<int> in = inputs(kCount);
  PerRank<int> back(kRanks, std::vector<int>(kCount));
  std::vector<int> all(kRanks * kCount), both = all;
  std::copy(in[1].begin(), in[1].end(), both.begin() + kCount);
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    const bool root = r == 1;
    ncclGather(in[r].data(), root ? all.data() : nullptr, kCount, ncclInt, 1, comm, nullptr);
    const int* mine = root ? both.data() + kCount : in[r].data();
    ncclGather(mine, root ? both.data() : nullptr, kCount, ncclInt, 1, comm, nullptr);
  }));
  EXPECT_EQ(both, all);
  EXPECT_EQ(all[2 * kCount + 3], number(2, 3));
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    const bool root = r == 1;
    int* mine = root ? both.data() + kCount : back[r].data();
    ncclScatter(root ? both.data() : nullptr, mine, kCount, ncclInt, 1, comm, nullptr);
    ncclScatter(root ? all.data() : nullptr, back[r].data(), kCount, ncclInt, 1, comm, nullptr);
  }));
  EXPECT_EQ(back, in);
}

TEST(NcclCalls, NothingMovesNothing) {
  const Ranks ranks(kRanks);
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int, ncclComm_t comm) {
    EXPECT_NCCL(ncclSuccess, ncclAllReduce(nullptr, nullptr, 0, ncclInt, ncclSum, comm, nullptr));
  }));
}

TEST(NcclCalls, RanksInThreadsNeedNoGroup) {
  const Ranks ranks(kRanks);
  const PerRank<int> in = inputs(kCount);
  ranks.apart([&](int r, ncclComm_t comm) {
    std::vector<int> out(kCount);
    for (int again = 0; again < 50; ++again) {
      EXPECT_NCCL(ncclSuccess,
                  ncclAllReduce(in[r].data(), out.data(), kCount, ncclInt, ncclSum, comm, nullptr));
      for (std::size_t i = 0; i < kCount; ++i) ASSERT_EQ(out[i], sum_at(i));
    }
  });
}

// ---- Messages and groups

TEST(NcclGroups, ARingOfMessagesInEveryDirection) {
  const Ranks ranks(kRanks);
  const PerRank<int> in = inputs(kCount);
  PerRank<int> from_left(kRanks, std::vector<int>(kCount)), own = from_left;
  ranks.apart([&](int r, ncclComm_t comm) {
    const int right = (r + 1) % kRanks, left = (r + kRanks - 1) % kRanks;
    EXPECT_NCCL(ncclSuccess, ncclGroupStart());
    EXPECT_NCCL(ncclSuccess, ncclSend(in[r].data(), kCount, ncclInt, right, comm, nullptr));
    EXPECT_NCCL(ncclSuccess, ncclRecv(from_left[r].data(), kCount, ncclInt, left, comm, nullptr));
    EXPECT_NCCL(ncclSuccess, ncclSend(in[r].data(), kCount, ncclInt, r, comm, nullptr));
    EXPECT_NCCL(ncclSuccess, ncclRecv(own[r].data(), kCount, ncclInt, r, comm, nullptr));
    EXPECT_NCCL(ncclSuccess, ncclGroupEnd());
  });
  EXPECT_EQ(own, in);
  for (int r = 0; r < kRanks; ++r) EXPECT_EQ(from_left[r], in[(r + kRanks - 1) % kRanks]);
}

TEST(NcclGroups, MixMessagesAndCollectivesAndNest) {
  const Ranks ranks(kRanks);
  const PerRank<int> in = inputs(kCount);
  PerRank<int> sums(kRanks, std::vector<int>(kCount));
  std::vector<int> message(kCount);
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    EXPECT_NCCL(ncclSuccess, ncclGroupStart());
    if (r == 0) ncclSend(in[0].data(), kCount, ncclInt, 2, comm, nullptr);
    ncclAllReduce(in[r].data(), sums[r].data(), kCount, ncclInt, ncclSum, comm, nullptr);
    EXPECT_NCCL(ncclSuccess, ncclGroupEnd());
    if (r == 2) ncclRecv(message.data(), kCount, ncclInt, 0, comm, nullptr);
    EXPECT_EQ(message[1], 0) << "nothing may run before the outermost end";
  }));
  EXPECT_EQ(message, in[0]);
  for (int r = 0; r < kRanks; ++r) EXPECT_EQ(sums[r][7], sum_at(7));
}

TEST(NcclGroups, OneThreadPlaysSeveralCommunicatorsWithTheSameRanks) {
  const Ranks first(kRanks), second(kRanks);
  const PerRank<int> in = inputs(kCount);
  PerRank<int> one(kRanks, std::vector<int>(kCount)), two = one;
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  for (int r = 0; r < kRanks; ++r) {
    // In another order on every other rank.
    const auto call = [&](const Ranks& ranks, std::vector<int>& out) {
      ncclAllReduce(in[r].data(), out.data(), kCount, ncclInt, ncclSum, ranks[r], nullptr);
    };
    if (r % 2 == 0) call(first, one[r]);
    call(second, two[r]);
    if (r % 2 == 1) call(first, one[r]);
  }
  EXPECT_NCCL(ncclSuccess, ncclGroupEnd());
  for (int r = 0; r < kRanks; ++r) {
    EXPECT_EQ(one[r][3], sum_at(3));
    EXPECT_EQ(two[r][3], sum_at(3));
  }
}

TEST(NcclGroups, AWrongCallSpoilsItsGroupAndNoOther) {
  const Ranks ranks(2);
  std::vector<int> data{1};
  EXPECT_NCCL(ncclInvalidArgument, ranks.together([&](int r, ncclComm_t comm) {
    const auto type = r == 0 ? ncclInt : static_cast<ncclDataType_t>(12);
    EXPECT_NCCL(r == 0 ? ncclSuccess : ncclInvalidArgument,
                ncclAllReduce(data.data(), data.data(), 1, type, ncclSum, comm, nullptr));
  }));
  EXPECT_EQ(data[0], 1) << "nothing has run";
  PerRank<int> good(2, {5});
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    ncclAllReduce(good[r].data(), good[r].data(), 1, ncclInt, ncclSum, comm, nullptr);
  }));
  EXPECT_EQ(good[1][0], 10);
}

TEST(NcclGroups, AnEndWithoutAStartIsAnError) {
  EXPECT_NCCL(ncclInvalidUsage, ncclGroupEnd());
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  EXPECT_NCCL(ncclSuccess, ncclGroupEnd());
  EXPECT_NCCL(ncclSuccess, ncclGroupEnd());
  EXPECT_NCCL(ncclInvalidUsage, ncclGroupEnd());
}

TEST(NcclGroups, ADestroyedCommunicatorIsFoundOutAtTheEnd) {
  Ranks ranks(1);
  int data = 1;
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  EXPECT_NCCL(ncclSuccess, ncclAllReduce(&data, &data, 1, ncclInt, ncclSum, ranks[0], nullptr));
  EXPECT_NCCL(ncclSuccess, ncclCommDestroy(ranks.take(0)));
  EXPECT_NCCL(ncclInvalidArgument, ncclGroupEnd());
}

TEST(NcclGroups, CanBeEstimatedInsteadOfRun) {
  const Variable first_guess("TUTTI_CALIBRATION", "none");
  const Ranks ranks(2);
  PerRank<float> data(2, std::vector<float>(1'000'000, 1));
  ncclSimInfo_t small = NCCL_SIM_INFO_INITIALIZER, large = NCCL_SIM_INFO_INITIALIZER;
  const auto estimate = [&](std::size_t count, ncclSimInfo_t& info) {
    EXPECT_NCCL(ncclSuccess, ncclGroupStart());
    ncclAllReduce(data[0].data(), data[0].data(), count, ncclFloat, ncclSum, ranks[0], nullptr);
    EXPECT_NCCL(ncclSuccess, ncclGroupSimulateEnd(&info));
  };
  estimate(1, small);
  estimate(1'000'000, large);
  EXPECT_GT(small.estimatedTime, 0);
  EXPECT_GT(large.estimatedTime, 10 * small.estimatedTime);
  EXPECT_EQ(data[0][0], 1) << "nothing has run";
  EXPECT_NCCL(ncclInvalidUsage, ncclGroupEnd());
}

TEST(NcclGroups, AnEstimateChecksItsStructure) {
  ncclSimInfo_t info = NCCL_SIM_INFO_INITIALIZER;
  info.magic = 1;
  EXPECT_NCCL(ncclSuccess, ncclGroupStart());
  EXPECT_NCCL(ncclInvalidArgument, ncclGroupSimulateEnd(&info));
  EXPECT_NCCL(ncclInvalidUsage, ncclGroupSimulateEnd(&info));
}

// ---- Sums that are multiplied first

TEST(NcclPreMulSum, TakesAFactorOfEveryType) {
  const Ranks ranks(2);
  for (int number = 0; number < ncclNumTypes; ++number) {
    const auto type = static_cast<ncclDataType_t>(number);
    const Codec codec(static_cast<DataType>(number));
    SCOPED_TRACE(name(static_cast<DataType>(number)));
    std::vector<WatchedBuffer> buffers(2, WatchedBuffer(static_cast<DataType>(number), 1));
    std::uint64_t factor = codec.encode(2);
    EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
      buffers[r].set(0, codec.encode(r + 1));
      ncclRedOp_t op;
      EXPECT_NCCL(ncclSuccess,
                  ncclRedOpCreatePreMulSum(&op, &factor, type, ncclScalarHostImmediate, comm));
      EXPECT_GE(static_cast<int>(op), static_cast<int>(ncclNumOps));
      EXPECT_NCCL(ncclSuccess,
                  ncclAllReduce(buffers[r].data(), buffers[r].data(), 1, type, op, comm, nullptr));
      // The last call that uses it has returned.
      EXPECT_NCCL(ncclSuccess, ncclRedOpDestroy(op, comm));
    }));
    EXPECT_EQ(codec.decode(buffers[1].get(0)), 6);
  }
}

TEST(NcclPreMulSum, ReadsAFactorThatIsNotImmediateWhenTheCallRuns) {
  const Ranks ranks(2);
  float factor = 1;
  PerRank<float> data{{1.5f}, {2}};
  EXPECT_NCCL(ncclSuccess, ranks.together([&](int r, ncclComm_t comm) {
    ncclRedOp_t op;
    EXPECT_NCCL(ncclSuccess,
                ncclRedOpCreatePreMulSum(&op, &factor, ncclFloat, ncclScalarDevice, comm));
    ncclAllReduce(data[r].data(), data[r].data(), 1, ncclFloat, op, comm, nullptr);
    factor = 0.5f;
  }));
  EXPECT_EQ(data[0][0], 1.75f);
}

TEST(NcclPreMulSum, BelongsToItsCommunicatorAndItsType) {
  const Ranks ranks(1), others(1);
  double factor = 2, data = 1;
  ncclRedOp_t op;
  ASSERT_NCCL(ncclSuccess, ncclRedOpCreatePreMulSum(&op, &factor, ncclDouble,
                                                    ncclScalarHostImmediate, ranks[0]));
  EXPECT_NCCL(ncclSuccess, ncclAllReduce(&data, &data, 1, ncclDouble, op, ranks[0], nullptr));
  EXPECT_EQ(data, 2) << "one rank multiplies too";
  EXPECT_NCCL(ncclInvalidArgument,
              ncclAllReduce(&data, &data, 1, ncclFloat, op, ranks[0], nullptr));
  EXPECT_NCCL(ncclInvalidArgument,
              ncclAllReduce(&data, &data, 1, ncclDouble, op, others[0], nullptr));
  EXPECT_NCCL(ncclInvalidArgument, ncclRedOpDestroy(op, others[0]));
  EXPECT_NCCL(ncclSuccess, ncclRedOpDestroy(op, ranks[0]));
  EXPECT_NCCL(ncclInvalidArgument, ncclRedOpDestroy(op, ranks[0]));
  EXPECT_NCCL(ncclInvalidArgument,
              ncclAllReduce(&data, &data, 1, ncclDouble, op, ranks[0], nullptr));
}

}  // namespace
}  // namespace tutti
