// The fast kernels on ranks that are devices made of threads: each against the reference execution
// of the schedule that it stands for, bit by bit, and how they wait.
//
// ROOMS: executor algorithms
// TIER: fast

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "device/thread_device.h"
#include "executor/cuda/kernel_image.h"
#include "executor/cuda/kernels.h"
#include "executor/cuda/kernels_host.h"
#include "expect_ok.h"
#include "sanitizers.h"
#include "trial.h"

namespace tutti::cuda {
namespace {

using namespace std::chrono_literals;
using test::Trial;
using test::TrialShape;

constexpr auto kSoon = 60s;

// Zeroed memory on a line of its own.
class Memory {
 public:
  explicit Memory(std::size_t bytes) : bytes_(bytes + kLine) {}
  std::byte* data() {
    return bytes_.data() + (-reinterpret_cast<std::uintptr_t>(bytes_.data()) & (kLine - 1));
  }

 private:
  static constexpr std::size_t kLine = 256;
  std::vector<std::byte> bytes_;
};

// Ranks with a board and a stream each; what they launch runs at its own pace.
class Ranks {
 public:
  explicit Ranks(int ranks, std::chrono::nanoseconds patience = kSoon,
                 std::chrono::microseconds delay = 0us)
      : shared_(static_cast<std::size_t>(ranks) * kMostShared), troubles_(ranks) {
    const std::span<const ThreadKernel> kernels = fast_thread_kernels();
    for (int rank = 0; rank < ranks; ++rank) {
      boards_.emplace_back(scratch_offset(ranks));
      ThreadDeviceSettings settings{.facts = thread_device_facts(rank),
                                    .kernels = {kernels.begin(), kernels.end()},
                                    .delays = {delay, static_cast<std::uint64_t>(rank)}};
      devices_.push_back(std::make_unique<ThreadDevice>(std::move(settings)));
      streams_.push_back(devices_.back()->make_stream().value());
    }
    for (int rank = 0; rank < ranks; ++rank) {
      Team team{.rank = rank, .ranks = ranks, .shared = shared_.data()};
      for (int peer = 0; peer < ranks; ++peer) team.boards[peer] = board(peer);
      team.trouble = &troubles_[rank];
      team.patience_ns = static_cast<std::uint64_t>(patience.count());
      teams_.push_back(team);
    }
  }

  int size() const { return static_cast<int>(teams_.size()); }
  const Team& team(int rank) const { return teams_[rank]; }
  Board* board(int rank) { return reinterpret_cast<Board*>(boards_[rank].data()); }
  Trouble& trouble(int rank) { return troubles_[rank]; }

  /// Every rank has an allocation of the number, and a peer finds `base` there.
  void share(int rank, int number, std::byte* base) {
    shared_[static_cast<std::size_t>(rank) * kMostShared + number] = base;
  }

  void launch(int rank, const char* kernel, const FastCall& call, int blocks) {
    EXPECT_OK(
        devices_[rank]->launch(streams_[rank], {.kernel = kernel,
                                                .blocks = blocks,
                                                .threads = 32,
                                                .arguments = std::as_bytes(std::span(&call, 1))}));
  }
  bool is_done(int rank, std::chrono::milliseconds timeout) {
    return devices_[rank]->synchronize(streams_[rank], timeout).ok();
  }
  void finish(int rank) { EXPECT_OK(devices_[rank]->synchronize(streams_[rank], kSoon)); }
  void finish() {
    for (int rank = 0; rank < size(); ++rank) finish(rank);
  }

  /// The code of the rank's trouble; all else of it may be read after.
  std::uint32_t code(int rank) {
    return std::atomic_ref(troubles_[rank].code).load(std::memory_order_acquire);
  }

  /// As if so many meetings, and calls of packets, had been.
  void age(std::uint32_t count) {
    for (int rank = 0; rank < size(); ++rank) {
      for (int block = 0; block < kMostBlocks; ++block) {
        Board::Counters& counters = board(rank)->counters[block];
        counters.calls = counters.meetings = counters.packets = count;
        for (std::uint32_t& met : board(rank)->meetings[block]) met = count;
      }
    }
  }

 private:
  std::vector<Memory> boards_;
  std::vector<std::byte*> shared_;
  std::vector<Trouble> troubles_;
  std::vector<Team> teams_;
  std::vector<std::unique_ptr<ThreadDevice>> devices_;
  std::vector<Stream> streams_;
};

// What a kernel stands for.
struct Stand {
  Collective collective;
  const char* algorithm;
  FastKernel kernel;
  bool only_in_place = false;
};
constexpr Stand kStands[] = {
    {Collective::kAllReduce, "one_shot", FastKernel::kOneShot},
    {Collective::kAllReduce, "two_shot_pull", FastKernel::kReduce},
    {Collective::kReduceScatter, "all_pairs_pull", FastKernel::kReduce},
    {Collective::kReduce, "reduce_scatter_gather_pull", FastKernel::kReduce},
    {Collective::kAllGather, "all_pairs", FastKernel::kMove},
    {Collective::kBroadcast, "scatter_all_gather", FastKernel::kMove},
    {Collective::kGather, "direct", FastKernel::kMove},
    {Collective::kScatter, "direct_pull", FastKernel::kMove},
    {Collective::kAllToAll, "all_pairs", FastKernel::kMove},
    {Collective::kAllToAll, "staged", FastKernel::kMove, /*only_in_place=*/true},
};

// A call of a kernel: the trial of what it stands for, and memory for every rank.
class Performance {
 public:
  Performance(Ranks& ranks, const Stand& stand, const TrialShape& shape, int number)
      : ranks_(ranks), stand_(stand), trial_(shape), number_(number) {
    for (int rank = 0; rank < ranks.size(); ++rank) {
      const std::vector<std::byte>& before = trial_.memory(rank).before;
      memories_.emplace_back(before.size() + kShift);
      std::memcpy(at(rank), before.data(), before.size());
      if (!in_address_space()) ranks.share(rank, allocation(), at(rank));
    }
  }

  void launch(int rank, int blocks) {
    const TrialShape& shape = trial_.shape();
    const Trial::Memory& m = trial_.memory(rank);
    FastCall call{.team = ranks_.team(rank),
                  .count = shape.count,
                  .collective = stand_.collective,
                  .root = shape.root,
                  .element_bytes = static_cast<int>(size_of(shape.type)),
                  .in_place = shape.in_place,
                  .arithmetic = arithmetic_of(shape.type, shape.op, ranks_.size())};
    call.team.call = static_cast<std::uint32_t>(number_);
    if (trial_.has(Space::kInput, rank)) {
      call.input = at(rank) + m.input_at;
      call.places.input = place(rank, m.input_at);
    }
    if (trial_.has(Space::kOutput, rank)) {
      call.output = at(rank) + m.output_at;
      call.places.output = place(rank, m.output_at);
    }
    ranks_.launch(rank, kernel_name(stand_.kernel, shape.type, call.arithmetic), call, blocks);
  }

  void check() {
    for (int rank = 0; rank < ranks_.size(); ++rank) {
      const std::vector<std::byte>& after = trial_.memory(rank).after;
      const auto wrong = std::mismatch(after.begin(), after.end(), at(rank)).first;
      ASSERT_EQ(wrong, after.end())
          << trial_.to_string() << ": byte " << wrong - after.begin() << " of rank " << rank
          << ", input at " << trial_.memory(rank).input_at << ", output at "
          << trial_.memory(rank).output_at;
    }
  }

 private:
  static constexpr std::size_t kShift = 8;

  // Every other call's buffers lie eight bytes further; every third's are known by addresses.
  std::byte* at(int rank) { return memories_[rank].data() + number_ % 2 * kShift; }
  bool in_address_space() const { return number_ % 3 == 0; }
  int allocation() const { return 2 + number_ % (kMostShared - 2); }
  Place place(int rank, std::size_t offset) {
    if (in_address_space()) return reinterpret_cast<Place>(at(rank) + offset);
    return static_cast<Place>(allocation()) << kPlaceShift | offset;
  }

  Ranks& ranks_;
  const Stand& stand_;
  const Trial trial_;
  const int number_;
  std::vector<Memory> memories_;
};

// Makes performances; then all ranks go through them without waiting for each other in between.
class Concert {
 public:
  explicit Concert(Ranks& ranks) : ranks_(ranks) {}

  void add(const Stand& stand, DataType type, const ReduceOp& op, std::size_t count,
           bool in_place) {
    const Algorithm* const algorithm = find_algorithm(stand.collective, stand.algorithm);
    ASSERT_NE(algorithm, nullptr) << stand.algorithm;
    if (in_place ? !algorithm->in_place : stand.only_in_place) return;
    const int number = static_cast<int>(performances_.size());
    performances_.push_back(std::make_unique<Performance>(ranks_, stand,
                                                          TrialShape{.algorithm = algorithm,
                                                                     .group = Group(ranks_.size()),
                                                                     .root = number % ranks_.size(),
                                                                     .type = type,
                                                                     .op = op,
                                                                     .count = count,
                                                                     .in_place = in_place},
                                                          number));
  }

  void perform(int most_blocks = 3) {
    for (int rank = 0; rank < ranks_.size(); ++rank) {
      std::mt19937 random(1);  // all ranks draw the same
      for (const auto& performance : performances_) {
        performance->launch(rank, 1 + static_cast<int>(random() % most_blocks));
      }
    }
    ranks_.finish();
    for (int rank = 0; rank < ranks_.size(); ++rank) {
      EXPECT_EQ(ranks_.code(rank), kNoTrouble)
          << "rank " << rank << " waited for " << ranks_.trouble(rank).peer << " in call "
          << ranks_.trouble(rank).call;
    }
    for (const auto& performance : performances_) {
      performance->check();
      if (testing::Test::HasFatalFailure()) return;
    }
  }

 private:
  Ranks& ranks_;
  std::vector<std::unique_ptr<Performance>> performances_;
};

const ReduceOp kOps[] = {Reduction::kSum, Reduction::kAvg,  Reduction::kMax,
                         Reduction::kMin, Reduction::kProd, ReduceOp::pre_mul_sum(0.75)};

void add_all(Concert& concert, int ranks, unsigned seed) {
  const std::size_t n = static_cast<std::size_t>(ranks);
  unsigned drawn = seed;
  for (const Stand& stand : kStands) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, n - 1, n + 1, std::size_t{61},
                                    std::size_t{1002}, std::size_t{1009}, std::size_t{4096}}) {
      for (const bool in_place : {false, true}) {
        const auto type = static_cast<DataType>(drawn % kDataTypes);
        concert.add(stand, type, kOps[drawn / 2 % std::size(kOps)], count, in_place);
        ++drawn;
      }
    }
  }
}

TEST(CudaKernels, GiveTheBitsOfWhatTheyStandFor) {
  for (const int size : {1, 2, 3, 4, test::or_few(8, 5)}) {
    Ranks ranks(size);
    Concert concert(ranks);
    add_all(concert, size, 0);
    concert.perform();
    if (HasFailure()) return;
  }
}

TEST(CudaKernels, DoSoForEveryTypeAndOperation) {
  for (const int size : {2, 3}) {
    Ranks ranks(size);
    Concert concert(ranks);
    for (int type = 0; type < kDataTypes; ++type) {
      for (const ReduceOp& op : kOps) {
        concert.add(kStands[0], static_cast<DataType>(type), op, 77, type % 2 == 0);
        concert.add(kStands[1], static_cast<DataType>(type), op, 303, type % 2 != 0);
      }
    }
    concert.perform();
    if (HasFailure()) return;
  }
}

TEST(CudaKernels, DoSoWhenRanksAndBlocksAreLate) {
  Ranks ranks(4, kSoon, 300us);
  Concert concert(ranks);
  add_all(concert, 4, 3);
  concert.perform(/*most_blocks=*/5);
}

TEST(CudaKernels, DoSoForTheMostRanks) {
  Ranks ranks(kMostRanks);
  Concert concert(ranks);
  for (const Stand& stand : kStands) {
    concert.add(stand, DataType::kBfloat16, Reduction::kSum, 1009, stand.only_in_place);
  }
  concert.perform(/*most_blocks=*/2);
}

TEST(CudaKernels, PacketsTakeAllThatFits) {
  Ranks ranks(3);
  Concert concert(ranks);
  for (int i = 0; i < 4; ++i) {
    concert.add(kStands[0], DataType::kUint8, Reduction::kSum, kPacketBytes - i, i % 2 != 0);
  }
  concert.perform();
}

// Rooms of two calls are used in turn by blocks that differ in number: a slow rank must not find
// the next call's packets where it looks for this one's.
TEST(CudaKernels, SmallCallsOneAfterTheOtherDoNotDisturbEachOther) {
  Ranks ranks(3, kSoon, 20us);
  Concert concert(ranks);
  std::mt19937 random(2);
  for (int i = 0; i < 150; ++i) {
    concert.add(kStands[0], DataType::kFloat32, Reduction::kSum, random() % 300, i % 2 != 0);
  }
  concert.perform(/*most_blocks=*/6);
}

TEST(CudaKernels, NumbersOfMeetingsAndCallsWrap) {
  Ranks ranks(3);
  ranks.age(0u - 3);
  Concert concert(ranks);
  for (int i = 0; i < 6; ++i) {
    concert.add(kStands[0], DataType::kFloat32, Reduction::kSum, 100, false);
    concert.add(kStands[1], DataType::kFloat32, Reduction::kSum, 100, true);
  }
  concert.perform();
  EXPECT_LT(ranks.board(0)->counters[0].meetings, 20u);
  EXPECT_EQ(ranks.board(0)->counters[0].packets, 5u);  // … -2, -1, 2, 3, 4, 5
  EXPECT_EQ(ranks.board(0)->counters[kMostBlocks - 1].packets, 5u);
}

TEST(CudaKernels, ABarrierEndsOnceAllHaveBegunIt) {
  Ranks ranks(3);
  const auto enter = [&](int rank) {
    ranks.launch(rank, "tutti_move", {.team = ranks.team(rank)}, 2);
  };
  enter(0);
  enter(1);
  EXPECT_FALSE(ranks.is_done(0, 20ms));
  EXPECT_FALSE(ranks.is_done(1, 0ms));
  enter(2);
  ranks.finish();
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(ranks.code(rank), kNoTrouble);
}

FastCall call_of(Ranks& ranks, int rank, Memory& memory) {
  FastCall call{.team = ranks.team(rank),
                .input = memory.data(),
                .output = memory.data(),
                .count = 10,
                .collective = Collective::kAllReduce,
                .element_bytes = 4};
  call.places = {reinterpret_cast<Place>(call.input), reinterpret_cast<Place>(call.output)};
  call.team.call = 42;
  return call;
}

class Absence : public testing::TestWithParam<const char*> {};

TEST_P(Absence, IsReportedByNameWithinPatience) {
  Ranks ranks(4, 100ms);
  std::vector<Memory> memories(4, Memory(64));
  const auto began = std::chrono::steady_clock::now();
  for (const int rank : {0, 1, 3}) {
    ranks.launch(rank, GetParam(), call_of(ranks, rank, memories[rank]), 3);
  }
  for (const int rank : {0, 1, 3}) {
    ranks.finish(rank);
    ASSERT_EQ(ranks.code(rank), kMissed);
    EXPECT_EQ(ranks.trouble(rank).peer, 2);
    EXPECT_EQ(ranks.trouble(rank).call, 42u);
    EXPECT_EQ(ranks.trouble(rank).waited_for, 1u);
  }
  EXPECT_GE(std::chrono::steady_clock::now() - began, 100ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 20s);
}

TEST_P(Absence, EndsWhenTheHostSaysStop) {
  Ranks ranks(2, 1h);
  Memory memory(64);
  ranks.launch(0, GetParam(), call_of(ranks, 0, memory), 2);
  EXPECT_FALSE(ranks.is_done(0, 10ms));
  std::atomic_ref(ranks.trouble(0).stop).store(1, std::memory_order_relaxed);
  ranks.finish(0);
  EXPECT_EQ(ranks.code(0), kStopped);
  EXPECT_EQ(ranks.trouble(0).peer, 1);
}

TEST_P(Absence, LeavesTheFirstReportAsItIs) {
  Ranks ranks(2, 10ms);
  Memory memory(64);
  FastCall call = call_of(ranks, 0, memory);
  ranks.launch(0, GetParam(), call, 2);
  call.team.call = 43;
  call.team.patience_ns = 3'600'000'000'000;  // ends all the same: there is trouble
  ranks.launch(0, GetParam(), call, 2);
  ranks.finish(0);
  EXPECT_EQ(ranks.code(0), kMissed);
  EXPECT_EQ(ranks.trouble(0).call, 42u);
}

INSTANTIATE_TEST_SUITE_P(CudaKernels, Absence,
                         testing::Values("tutti_one_shot_sum_float32", "tutti_reduce_sum_float32",
                                         "tutti_reduce_any_float32", "tutti_move"));

// What the image's code is, scripts/check_kernels looks at.
TEST(CudaKernels, AreInTheImageByName) {
  const KernelImage image = kernel_image();
  std::set<std::string> names(image.names.begin(), image.names.end());
  EXPECT_EQ(names.size(), image.names.size());
  for (const char* name : kernel_names()) EXPECT_EQ(names.count(name), 1u) << name;
  for (const std::span<const std::byte> fatbin : image.fatbins) {
    constexpr std::uint32_t kMagic = 0xBA55ED50;  // as every fatbin begins
    std::uint32_t magic = 0;
    ASSERT_GT(fatbin.size(), sizeof(magic));
    std::memcpy(&magic, fatbin.data(), sizeof(magic));
    EXPECT_EQ(magic, kMagic);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(fatbin.data()) % 8, 0u);
  }
}

TEST(CudaKernels, AreKnownByTheSameNamesEverywhere) {
  std::set<std::string> names, known;
  for (const char* name : kernel_names()) names.insert(name);
  for (const ThreadKernel& kernel : fast_thread_kernels()) known.insert(kernel.name);
  EXPECT_EQ(names, known);
  EXPECT_EQ(names.size(), kernel_names().size());
  std::set<std::string> used;
  for (int type = 0; type < kDataTypes; ++type) {
    for (const FastKernel kernel : {FastKernel::kOneShot, FastKernel::kReduce, FastKernel::kMove}) {
      for (const ReduceOp& op : kOps) {
        const auto data_type = static_cast<DataType>(type);
        used.insert(kernel_name(kernel, data_type, arithmetic_of(data_type, op, 3)));
      }
    }
  }
  EXPECT_EQ(used, names);
}

}  // namespace
}  // namespace tutti::cuda
