// Ranks that make different calls on devices: all of them are told, at once, who called what; no
// rank works in buffers of one that it does not agree with.
// ROOMS: executor algorithms
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "device_ranks.h"
#include "executor/cuda/call_word.h"
#include "executor/cuda/executor.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using test::DeviceGround;
using test::DeviceRank;

constexpr std::size_t kBytes = std::size_t{1} << 20;  // of a buffer: what the largest call takes
constexpr std::byte kUntouched{0x5A};

std::unique_ptr<CudaExecutor> make_executor(DeviceRank& rank, const char* algorithm = "",
                                            bool engine = false,
                                            std::optional<std::size_t> copies_from = {}) {
  CudaExecutor::Settings settings{.call_timeout = 1h, .blocks = 4};
  settings.copies_from = copies_from;
  settings.algorithm = algorithm;
  settings.engine = engine;
  settings.find_schedule = [ranks = rank.boards().team().ranks](Collective collective,
                                                                std::string_view name, int root) {
    return schedule_of(collective, name, ranks, root);
  };
  auto made = CudaExecutor::create(rank.device(), rank.boards(), settings);
  EXPECT_TRUE(made.ok()) << made.status().to_string();
  return std::move(*made);
}

/// Input in the first half of the rank's memory, output in the second.
DeviceCall placed(DeviceCall call, DeviceRank& rank) {
  call.input = rank.image();
  call.output = rank.image() + kBytes;
  return call;
}

DeviceCall all_reduce(std::size_t count, DataType type = DataType::kFloat32, ReduceOp op = {}) {
  return {.collective = Collective::kAllReduce, .type = type, .op = op, .count = count};
}
DeviceCall move(Collective collective, std::size_t count, int root = 0) {
  return {
      .collective = collective, .type = DataType::kFloat32, .op = {}, .root = root, .count = count};
}

/// Asks until it is not well. Far sooner than the timeout of calls, or the test fails.
Status wait_for_trouble(const CudaExecutor& executor) {
  const auto limit = std::chrono::steady_clock::now() + test::kDevicePatience;
  while (executor.health().ok() && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(1ms);
  }
  return executor.health();
}

/// Streams of an engine go on once somebody asks for its health: again, when a peer's signal has
/// closed what was opened for them.
Status end_stream(DeviceRank& rank, const CudaExecutor& executor) {
  const auto limit = std::chrono::steady_clock::now() + test::kDevicePatience;
  Status status;
  do {
    (void)executor.health();
    status = rank.device().synchronize(rank.stream(), 10ms);
  } while (!status.ok() && std::chrono::steady_clock::now() < limit);
  return status;
}

/// What the odd rank calls, what all others do, and in words.
struct Difference {
  DeviceCall odd;
  const char* odd_words;
  DeviceCall even;
  const char* even_words;
  const char* algorithm = "";
  const char* addition = "";
};

std::vector<Difference> differences() {
  using enum Collective;
  const auto f = DataType::kFloat32;
  return {
      // Of few bytes: by packets.
      {all_reduce(10), "all_reduce #2 (float, 10, sum)",  //
       all_reduce(1000), "all_reduce #2 (float, 1000, sum)"},
      {all_reduce(16'000), "all_reduce #2 (float, 16000, sum)",  // more blocks than the others
       all_reduce(10), "all_reduce #2 (float, 10, sum)"},
      {all_reduce(10, DataType::kInt32), "all_reduce #2 (int32, 10, sum)",  // as many bytes
       all_reduce(10), "all_reduce #2 (float, 10, sum)"},
      {all_reduce(10, f, Reduction::kMax), "all_reduce #2 (float, 10, max)",  //
       all_reduce(10), "all_reduce #2 (float, 10, sum)"},
      {all_reduce(10, f, ReduceOp::pre_mul_sum(0.5)), "all_reduce #2 (float, 10, mulsum)",
       all_reduce(10, f, ReduceOp::pre_mul_sum(2)), "all_reduce #2 (float, 10, mulsum)", "",
       " with another scale"},
      // Of more: in buffers. One kernel and another.
      {all_reduce(100'000), "all_reduce #2 (float, 100000, sum)",  //
       all_reduce(50'000), "all_reduce #2 (float, 50000, sum)"},
      {all_reduce(10), "all_reduce #2 (float, 10, sum)",  //
       all_reduce(100'000), "all_reduce #2 (float, 100000, sum)"},
      {all_reduce(100'000), "all_reduce #2 (float, 100000, sum)",  //
       all_reduce(10), "all_reduce #2 (float, 10, sum)"},
      {move(kBroadcast, 1000, 1), "broadcast #2 (float, 1000, root 1)", move(kBroadcast, 1000, 2),
       "broadcast #2 (float, 1000, root 2)"},
      {move(kAllGather, 1000), "all_gather #2 (float, 1000)",  //
       move(kAllToAll, 1000), "all_to_all #2 (float, 1000)"},
      {move(kAllGather, 30'000), "all_gather #2 (float, 30000)",  //
       move(kAllGather, 10), "all_gather #2 (float, 10)"},
      {move(kReduceScatter, 1000), "reduce_scatter #2 (float, 1000, sum)", move(kReduce, 1000),
       "reduce #2 (float, 1000, sum, root 0)"},
      {move(kBarrier, 0), "barrier #2",  //
       all_reduce(10), "all_reduce #2 (float, 10, sum)"},
      {move(kScatter, 10, 2), "scatter #2 (float, 10, root 2)",  //
       move(kBarrier, 0), "barrier #2"},
      // The interpreter, on all ranks or on some.
      {all_reduce(1000), "all_reduce #2 (float, 1000, sum)",  //
       all_reduce(100'000), "all_reduce #2 (float, 100000, sum)", "ring"},
      {move(kScatter, 1000), "scatter #2 (float, 1000, root 0)",  //
       move(kAllGather, 1000), "all_gather #2 (float, 1000)", "ring"},
  };
}

std::string sentence(const Difference& difference, int rank, int odd, int other) {
  const auto called = [&](int who) {
    return "rank " + std::to_string(who) + " called " +
           (who == odd ? difference.odd_words : difference.even_words);
  };
  return called(other) + ", " + called(rank) + difference.addition;
}

void expect_told(DeviceRank& rank, const Difference& difference, bool engine = false,
                 std::optional<std::size_t> copies_from = {}) {
  constexpr int kOdd = 1;
  const auto executor = make_executor(rank, difference.algorithm, engine, copies_from);
  ASSERT_TRUE(executor->enqueue({}, rank.stream()).ok());
  ASSERT_TRUE(rank.synchronize().ok());
  const bool is_odd = rank.rank() == kOdd;
  const DeviceCall call = placed(is_odd ? difference.odd : difference.even, rank);
  ASSERT_TRUE(executor->enqueue(call, rank.stream()).ok());
  const Status status = wait_for_trouble(*executor);
  EXPECT_EQ(status.code(), Code::kMismatch) << status.to_string();
  // The odd rank may have met any of the others.
  std::set<std::string> expected;
  for (int other = 0; other < rank.boards().team().ranks; ++other) {
    if ((other == kOdd) != is_odd) expected.insert(sentence(difference, rank.rank(), kOdd, other));
  }
  EXPECT_EQ(expected.count(status.message()), 1u) << status.message() << "\n" << *expected.begin();
  // The stream goes on, and later calls are refused.
  EXPECT_TRUE(end_stream(rank, *executor).ok());
  EXPECT_EQ(executor->enqueue({}, rank.stream()), status);
}

void expect_all_told(bool engine) {
  for (const Difference& difference : differences()) {
    SCOPED_TRACE(std::string(difference.odd_words) + " and " + difference.even_words);
    const DeviceGround ground{.ranks = 3, .most_delay = 50us};
    test::run_device_ranks(ground, 2 * kBytes, [&](DeviceRank& rank) {
      std::fill_n(rank.image(), 2 * kBytes, kUntouched);
      expect_told(rank, difference, engine);
      // Nobody has worked in anybody's buffers.
      EXPECT_EQ(std::count(rank.image(), rank.image() + 2 * kBytes, kUntouched), 2 * kBytes);
    });
    if (testing::Test::HasFailure()) return;
  }
}

TEST(CudaMismatch, AllRanksAreToldWhoCalledWhat) { expect_all_told(/*engine=*/false); }

// Steps that an engine had issued go on in scratch, unordered: nobody looks at that any more.
TEST(CudaMismatch, AllRanksOfEnginesAreToldAndTheirStreamRacesOn) {
  expect_all_told(/*engine=*/true);
}

// Copies on all ranks, or on some: they write to outputs, which mean nothing, and to nothing else.
TEST(CudaMismatch, RanksWhoseBytesAreCopiedAreToldAndTheirStreamRacesOn) {
  using enum Collective;
  const Difference cases[] = {
      {move(kAllGather, 30'000), "all_gather #2 (float, 30000)",  //
       move(kAllGather, 20'000), "all_gather #2 (float, 20000)"},
      {move(kAllGather, 10), "all_gather #2 (float, 10)",  //
       move(kAllGather, 20'000), "all_gather #2 (float, 20000)"},
      {move(kAllToAll, 20'000), "all_to_all #2 (float, 20000)",  //
       all_reduce(100'000), "all_reduce #2 (float, 100000, sum)"},
  };
  for (const Difference& difference : cases) {
    SCOPED_TRACE(std::string(difference.odd_words) + " and " + difference.even_words);
    const DeviceGround ground{.ranks = 3, .most_delay = 50us};
    test::run_device_ranks(ground, 2 * kBytes, [&](DeviceRank& rank) {
      std::fill_n(rank.image(), 2 * kBytes, kUntouched);
      expect_told(rank, difference, /*engine=*/false, /*copies_from=*/1000);
      const DeviceCall& call = rank.rank() == 1 ? difference.odd : difference.even;
      const std::size_t output = call.collective == kAllReduce ? 0 : 3 * 4 * call.count;
      EXPECT_EQ(std::count(rank.image(), rank.image() + kBytes, kUntouched), kBytes);
      const std::size_t rest = kBytes - output;
      EXPECT_EQ(std::count(rank.image() + kBytes + output, rank.image() + 2 * kBytes, kUntouched),
                rest);
    });
    if (HasFailure()) return;
  }
}

// A count of some pieces, and one of a single piece.
TEST(CudaMismatch, RanksInProcessesAreToldToo) {
  const Difference difference{all_reduce(100'000), "all_reduce #2 (float, 100000, sum)",
                              all_reduce(20'000), "all_reduce #2 (float, 20000, sum)"};
  const DeviceGround ground{.ranks = 2, .scratch_bytes = std::size_t{256} << 10};
  for (const bool engine : {false, true}) {
    test::run_device_processes(ground, 2 * kBytes,
                               [&](DeviceRank& rank) { expect_told(rank, difference, engine); });
  }
}

TEST(CudaMismatch, AllToAllInPlaceOnSomeRanksOnly) {
  test::run_device_ranks({.ranks = 2}, 2 * kBytes, [&](DeviceRank& rank) {
    const auto executor = make_executor(rank);
    DeviceCall call = placed(move(Collective::kAllToAll, 100), rank);
    if (rank.rank() == 1) call.output = rank.image();
    ASSERT_TRUE(executor->enqueue(call, rank.stream()).ok());
    const std::string who = rank.rank() == 1
                                ? "rank 0 called all_to_all #1 (float, 100), rank 1 called "
                                  "all_to_all #1 (float, 100): the latter in place, the former not"
                                : "rank 1 called all_to_all #1 (float, 100), rank 0 called "
                                  "all_to_all #1 (float, 100): the former in place, the latter not";
    EXPECT_EQ(wait_for_trouble(*executor), Status(Code::kMismatch, who));
    EXPECT_TRUE(rank.synchronize().ok());
  });
}

// Also one that comes when its peers have given up long ago, with calls that they had issued after.
void expect_late_told(std::size_t count, bool engine) {
  test::run_device_ranks({.ranks = 3}, 2 * kBytes, [&](DeviceRank& rank) {
    const auto executor = make_executor(rank, "", engine);
    if (rank.rank() == 2) std::this_thread::sleep_for(50ms);
    const bool is_odd = rank.rank() == 1;
    const auto issue = [&](std::size_t elements) {
      const DeviceCall call = placed(all_reduce(elements), rank);
      const Status status = executor->enqueue(call, rank.stream());
      EXPECT_TRUE(status.ok() || status.code() == Code::kMismatch) << status.to_string();
    };
    issue(is_odd ? 20 : count);
    for (const std::size_t elements : {5, 60'000, 6, 7}) issue(elements);
    const Status status = wait_for_trouble(*executor);
    EXPECT_EQ(status.code(), Code::kMismatch) << status.to_string();
    EXPECT_NE(status.message().find("all_reduce #1 (float, 20, sum)"), std::string::npos)
        << status.message();
    EXPECT_TRUE(end_stream(rank, *executor).ok());
  });
}

TEST(CudaMismatch, WhoComesLateIsToldToo) {
  for (const std::size_t count : {10, 100'000}) expect_late_told(count, /*engine=*/false);
}

TEST(CudaMismatch, WhoComesLateToAnEngineIsToldAndItsStreamRacesOn) {
  expect_late_told(10, /*engine=*/true);
}

// A graph says again what it said when it was recorded, whatever has been called since.
TEST(CudaMismatch, ReplayedCallsAgree) {
  test::run_device_ranks({.ranks = 3}, 2 * kBytes, [&](DeviceRank& rank) {
    const auto executor = make_executor(rank);
    const auto issue = [&](const DeviceCall& call) {
      ASSERT_TRUE(executor->enqueue(placed(call, rank), rank.stream()).ok());
    };
    rank.device().begin_recording(rank.stream());
    issue(all_reduce(10));
    issue(all_reduce(100'000));
    const auto recording = rank.device().end_recording(rank.stream());
    for (int i = 0; i < 5; ++i) {
      rank.device().replay(rank.stream(), recording);
      issue(move(Collective::kBroadcast, 5, i % 3));
      issue(all_reduce(3, DataType::kInt8, Reduction::kMin));
    }
    ASSERT_TRUE(rank.synchronize().ok());
    EXPECT_TRUE(executor->health().ok()) << executor->health().to_string();
    // One rank replays what the others call otherwise.
    if (rank.rank() == 1) rank.device().replay(rank.stream(), recording);
    if (rank.rank() != 1) issue(all_reduce(11));
    const Status status = wait_for_trouble(*executor);
    EXPECT_EQ(status.code(), Code::kMismatch) << status.to_string();
    EXPECT_NE(status.message().find("(float, 11, sum)"), std::string::npos) << status.message();
    EXPECT_NE(status.message().find("(float, 10, sum)"), std::string::npos) << status.message();
    EXPECT_TRUE(rank.synchronize().ok());
  });
}

// ---- the word

TEST(CallWord, DiffersWhereRanksMustAgreeAndIsReadBack) {
  std::set<std::uint64_t> words;
  std::size_t calls = 0;
  const auto add = [&](const DeviceCall& call) {
    const std::uint64_t word = cuda::word_of(call, false);
    EXPECT_TRUE(words.insert(word).second) << describe(cuda::signature_of(word));
    ++calls;
    const SignatureFacts facts = unpack(cuda::signature_of(word).what);
    EXPECT_EQ(facts.collective, call.collective);
    EXPECT_EQ(facts.type, call.type);
    EXPECT_EQ(facts.root, call.root);
    EXPECT_EQ(cuda::signature_of(word).count, call.count);
  };
  for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{1} << 39}) {
    for (int type = 0; type < kDataTypes; ++type) {
      for (int reduction = 0; reduction < static_cast<int>(Reduction::kUser); ++reduction) {
        add(all_reduce(count, static_cast<DataType>(type), static_cast<Reduction>(reduction)));
      }
      for (const int root : {0, 1, cuda::kMostRanks - 1}) {
        DeviceCall call = move(Collective::kBroadcast, count, root);
        call.type = static_cast<DataType>(type);
        add(call);
      }
    }
  }
  EXPECT_EQ(words.size(), calls);
}

TEST(CallWord, LeavesOutWhatDoesNotMatter) {
  const auto word = [](DeviceCall call) { return cuda::word_of(call, /*in_place=*/false); };
  DeviceCall barrier = move(Collective::kBarrier, 7, 1);
  EXPECT_EQ(word(barrier), word({}));
  DeviceCall gather = move(Collective::kAllGather, 7, 1);
  gather.op = Reduction::kMax;
  EXPECT_EQ(word(gather), word(move(Collective::kAllGather, 7)));
  EXPECT_EQ(cuda::word_of(all_reduce(7), true), word(all_reduce(7)));
  DeviceCall sum = all_reduce(7);
  sum.op.scale = 3;  // of a sum that does not multiply
  EXPECT_EQ(word(sum), word(all_reduce(7)));
}

}  // namespace
}  // namespace tutti
