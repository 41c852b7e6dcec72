// Tests src/communicator/validate.cc: calls that are wrong on a rank fail there, with a sentence
// that names the value and what was expected, and leave the communicator as it was; who waits for
// that rank learns by the deadline whom it waits for.
//
// ROOMS: communicator
// TIER: fast

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "communicators.h"

namespace tutti {
namespace {

using namespace test;

constexpr int kRanks = 3;

struct BadCall {
  const char* name;
  std::function<Call()> make;
  std::vector<std::string> words;  // all of them appear in the message
  Code code = Code::kInvalidArgument;
};

// Memory for the calls below; never read or written.
float floats[64];
int ints[64];
const std::vector<std::size_t> kTwoCounts = {1, 2}, kThreeCounts = {1, 2, 3},
                               kHugeCounts = {1, 2, static_cast<std::size_t>(-1)};

void nothing(const void*, void*, std::size_t, DataType, void*) {}

Buffer some(std::size_t count) { return {floats, count, DataType::kFloat32}; }
Buffer others(std::size_t count) { return {floats + 32, count, DataType::kFloat32}; }

// Every call is wrong on each of three ranks.
const std::vector<BadCall>& bad_calls() {
  static const std::vector<BadCall> calls = {
      {"NegativeCount",
       [] { return all_reduce(some(-1), others(4)); },
       {"all_reduce", "input has 18446744073709551615 elements", "at most 2^40"}},
      {"NegativeOutput", [] { return all_reduce(some(4), others(-4)); }, {"output", "2^40"}},
      {"HugeCount",
       [] { return broadcast(some(4), others(std::size_t{1} << 39), 0); },
       {"output has 549755813888 elements", "2^40 bytes"}},
      {"NullInput",
       [] {
         return all_reduce({nullptr, 4, DataType::kFloat32}, others(4));
       },
       {"input is null", "4 elements"}},
      {"NullOutput",
       [] {
         return all_gather(some(4), {nullptr, 12, DataType::kFloat32});
       },
       {"output is null", "12 elements"}},
      {"NullMessage",
       [] {
         return send({nullptr, 1, DataType::kFloat32}, 0);
       },
       {"input is null"}},
      {"Misaligned",
       [] {
         return all_reduce({reinterpret_cast<std::byte*>(floats) + 2, 4, DataType::kFloat32},
                           others(4));
       },
       {"input is not aligned", "multiple of 4 bytes"}},
      {"ShortOutput",
       [] { return all_reduce(some(4), others(3)); },
       {"output has 3 elements", "expected 4"}},
      {"LongOutput", [] { return all_reduce(some(4), others(5)); }, {"output has 5", "expected 4"}},
      {"ShortGather",
       [] { return all_gather(some(4), others(11)); },
       {"output has 11 elements", "expected 12"}},
      {"NullScanOperation",
       [] { return scan(some(4), others(4), ReduceOp::ordered(8, nullptr)); },
       {"scan: op is the caller's and has no function"}},
      {"ElementsOfNoBytes",
       [] { return scan(some(4), others(4), ReduceOp::ordered(0, nothing)); },
       {"scan: op has elements of 0 bytes", "expected 1 to 2^40"}},
      {"ElementsOfHalfAFloat",
       [] { return exclusive_scan(some(4), others(4), ReduceOp::ordered(6, nothing)); },
       {"exclusive_scan: op has elements of 6 bytes", "multiple of the 4 of float"}},
      {"UnevenElements",
       [] { return scan(some(4), others(4), ReduceOp::ordered(12, nothing)); },
       {"input has 16 bytes", "multiple of the 12 of an element"}},
      {"ElementsElsewhere",
       [] { return all_reduce(some(4), others(4), ReduceOp::ordered(8, nothing)); },
       {"all_reduce: op is ordered, on elements of 8 bytes", "scan and exclusive_scan only"}},
      {"MeanOfTheFirst",
       [] { return scan(some(4), others(4), Reduction::kAvg); },
       {"scan: avg has no meaning"}},
      {"UnknownDirection",
       [] { return scan(some(4), others(4), {}, static_cast<Direction>(7)); },
       {"scan: unknown direction 7", "expected 0 or 1"}},
      {"ShortScan",
       [] { return scan(some(4), others(3)); },
       {"output has 3 elements", "expected 4"}},
      {"UnevenInput",
       [] { return reduce_scatter(some(10), others(3)); },
       {"input has 10 elements", "multiple of 3 ranks"}},
      {"UnevenAllToAll", [] { return all_to_all(some(10), others(10)); }, {"multiple of 3 ranks"}},
      {"UnknownType",
       [] {
         return all_reduce({floats, 1, static_cast<DataType>(77)}, others(1));
       },
       {"unknown data type 77", "0 to 13"}},
      {"UnknownReduction",
       [] { return all_reduce(some(1), others(1), static_cast<Reduction>(88)); },
       {"unknown reduction 88", "0 to 12"}},
      {"UnknownCollective",
       [] {
         Call call;
         call.collective = static_cast<Collective>(99);
         return call;
       },
       {"unknown collective 99"}},
      {"OtherTypes",
       [] { return all_reduce(std::span(ints, 4), others(4)); },
       {"input is int32", "output float", "same type"}},
      {"RootTooLarge", [] { return broadcast(some(4), others(4), 3); }, {"root 3", "0 to 2"}},
      {"RootNegative", [] { return reduce(some(4), others(4), {}, -1); }, {"root -1", "0 to 2"}},
      {"PeerTooLarge", [] { return send(some(4), 3); }, {"peer 3", "0 to 2"}},
      {"PeerNegative", [] { return receive(some(4), -2); }, {"peer -2", "0 to 2"}},
      {"Overlapping",
       [] {
         return all_reduce(some(8), {floats + 4, 8, DataType::kFloat32});
       },
       {"overlap", "in place"}},
      {"OverlappingGather",
       [] {
         return all_gather({floats + 1, 4, DataType::kFloat32}, some(12));
       },
       {"overlap"}},
      {"VariableInPlace",
       [] { return all_to_all_v(some(6), kThreeCounts, some(6), kThreeCounts); },
       {"all_to_all_v", "overlap"}},
      {"BitwiseOnFloats",
       [] { return all_reduce(some(4), others(4), Reduction::kBitAnd); },
       {"float", "band"},
       Code::kNotSupported},
      {"NoFunction",
       [] { return all_reduce(some(4), others(4), Reduction::kUser); },
       {"no function"}},
      {"TooFewCounts",
       [] { return all_gather_v(some(1), others(3), kTwoCounts); },
       {"counts has 2 counts", "one per rank, 3"}},
      {"SumOfCounts",
       [] { return all_gather_v(some(1), others(7), kThreeCounts); },
       {"sums to 6", "7 elements"}},
      {"HugeCounts",
       [] { return reduce_scatter_v(some(6), others(1), kHugeCounts); },
       {"holds 18446744073709551615", "2^40"}},
      {"OwnCount",
       [] { return all_gather_v(some(4), others(6), kThreeCounts); },
       {"input has 4 elements", "counts["}},
      {"SendCounts",
       [] { return all_to_all_v(some(5), kThreeCounts, others(6), kThreeCounts); },
       {"send_counts sums to 6", "5 elements"}},
      {"ReceiveCounts",
       [] { return all_to_all_v(some(6), kThreeCounts, others(6), kTwoCounts); },
       {"receive_counts has 2 counts"}},
      {"NoVariableForm",
       [] {
         Call call = all_reduce(some(4), others(4));
         call.variable = true;
         return call;
       },
       {"no form with counts per rank"}},
  };
  return calls;
}

void expect_words(const Status& status, const BadCall& bad) {
  EXPECT_EQ(status.code(), bad.code) << status.to_string();
  for (const std::string& word : bad.words) {
    EXPECT_NE(status.message().find(word), std::string::npos)
        << "\"" << word << "\" is not in: " << status.message();
  }
}

class BadInput : public testing::TestWithParam<BadCall> {};

TEST_P(BadInput, IsNamedAndLeavesTheCommunicatorUsable) {
  on_ranks(kRanks, impatient_options(std::chrono::seconds(5)), [](Communicator& comm) {
    const Call bad = GetParam().make();
    expect_words(comm.run(bad), GetParam());
    expect_words(comm.run({all_reduce(some(4), others(4)), bad}), GetParam());
    Result<Request> request = comm.start(bad);
    expect_words(request.ok() ? request->wait() : request.status(), GetParam());
    int one = 1, sum = 0;
    EXPECT_OK(comm.all_reduce(std::span(&one, 1), std::span(&sum, 1)));
    EXPECT_EQ(sum, kRanks);
  });
}

INSTANTIATE_TEST_SUITE_P(Calls, BadInput, testing::ValuesIn(bad_calls()),
                         [](const auto& info) { return std::string(info.param.name); });

// Calls of a known shape take a shorter way.
TEST(BadBuffers, AreFoundAfterGoodCallsOfTheSameShape) {
  on_ranks(kRanks, impatient_options(std::chrono::seconds(5)), [](Communicator& comm) {
    std::vector<float> in(8, 1), out(9);
    const Buffer good(out.data(), 8, DataType::kFloat32);
    const Buffer null(nullptr, 8, DataType::kFloat32);
    const Buffer crooked(reinterpret_cast<std::byte*>(out.data()) + 2, 8, DataType::kFloat32);
    const Buffer shifted(out.data() + 1, 8, DataType::kFloat32);
    for (int round = 0; round < 3; ++round) {
      EXPECT_OK(comm.all_reduce(in, good));
      EXPECT_OK(comm.all_reduce(good, good));
      EXPECT_EQ(out[7], kRanks * kRanks);
      for (const Buffer& bad : {null, crooked, shifted}) {
        EXPECT_EQ(comm.all_reduce(good, bad).code(), Code::kInvalidArgument);
        EXPECT_EQ(comm.all_reduce(bad, good).code(), Code::kInvalidArgument);
      }
    }
  });
}

// In a process that uses CUDA, memory that only a device reaches would end it.
TEST(BadBuffers, OfADeviceAreNamed) {
  void* const cuda = dlopen(TUTTI_MADE_UP_LIBCUDA, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(cuda, nullptr) << dlerror();
  auto* const device = static_cast<float*>(dlsym(cuda, "made_up_device_memory"));
  auto* const managed = static_cast<float*>(dlsym(cuda, "made_up_managed_memory"));
  on_ranks(1, [&](Communicator& comm) {
    const Buffer on_device(device, 8, DataType::kFloat32), both(managed, 8, DataType::kFloat32);
    const Buffer on_host = some(8);
    EXPECT_OK(comm.all_reduce(on_host, on_host));
    EXPECT_OK(comm.all_reduce(both, both));
    const Status input = comm.all_reduce(on_device, on_host);
    EXPECT_EQ(input, Status(Code::kInvalidArgument,
                            "all_reduce: input is memory of a CUDA device: expected memory of the "
                            "host; enqueue() takes the device's"));
    const Status output = comm.all_reduce(on_host, on_device);
    EXPECT_NE(output.message().find("output is memory of a CUDA device"), std::string::npos)
        << output.message();
    EXPECT_EQ(comm.start(all_reduce(on_device, on_device)).status().code(), Code::kInvalidArgument);
    EXPECT_OK(comm.barrier());
  });
  dlclose(cuda);
}

// What a rank does not use may be anything.
TEST(UnusedBuffers, AreNotLookedAt) {
  on_ranks(kRanks, [](Communicator& comm) {
    const bool root = comm.rank() == 0;
    const Buffer nonsense(nullptr, 17, static_cast<DataType>(77));
    std::vector<int> part(2, 1), all(6, 2);
    const Buffer mine(part), whole(all);
    EXPECT_OK(comm.broadcast(root ? ConstBuffer(mine) : nonsense, mine, 0));
    EXPECT_OK(comm.reduce(mine, root ? Buffer(whole.data, 2, whole.type) : nonsense, {}, 0));
    EXPECT_OK(comm.gather(mine, root ? whole : nonsense, 0));
    EXPECT_OK(comm.scatter(root ? ConstBuffer(whole) : nonsense, mine, 0));
  });
}

// Nobody hears of a call that its rank refused, but the deadline says whose it was.
TEST(BadInputOfOneRank, IsNamedByTheOthersWhenTheDeadlinePasses) {
  on_ranks(kRanks, impatient_options(std::chrono::milliseconds(300)), [](Communicator& comm) {
    if (comm.rank() == 1) {
      EXPECT_EQ(comm.all_reduce(some(-1), some(4)).code(), Code::kInvalidArgument);
      return;
    }
    std::vector<int> data(1000);
    const Status status = comm.all_reduce(data, data);
    EXPECT_EQ(status.code(), Code::kTimeout) << status.to_string();
    for (const char* word : {"all_reduce #1 (int32, 1000, sum)", "rank 1 (pid ", "has not entered",
                             "it has called nothing yet", "0.3 s"}) {
      EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
    }
  });
}

TEST(BadInputOfOneRank, InAGroupIsFoundBeforeAnythingIsSent) {
  on_ranks(2, impatient_options(std::chrono::milliseconds(300)), [](Communicator& comm) {
    std::vector<int> data(10);
    const int wrong_peer = comm.rank() == 0 ? 7 : 0;
    const Status status = comm.run({all_reduce(data, data), send(data, wrong_peer)});
    EXPECT_EQ(status.code(), comm.rank() == 0 ? Code::kInvalidArgument : Code::kTimeout)
        << status.to_string();
  });
}

TEST(EmptyCommunicator, AnswersInsteadOfCrashing) {
  on_ranks(2, [](Communicator& comm) {
    Result<Communicator> nobody = comm.split(-1);
    ASSERT_OK(nobody.status());
    ASSERT_TRUE(nobody->empty());
    EXPECT_EQ(nobody->ranks(), 0);
    EXPECT_EQ(nobody->rank(), -1);
    EXPECT_EQ(nobody->barrier().code(), Code::kInvalidArgument);
    EXPECT_EQ(nobody->start(barrier()).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(nobody->allocate(1).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(nobody->register_memory({}).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(nobody->split(0).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(nobody->shrink().status().code(), Code::kInvalidArgument);
    EXPECT_EQ(nobody->explain().algorithm, "");
    nobody->abort();
  });
}

}  // namespace
}  // namespace tutti
