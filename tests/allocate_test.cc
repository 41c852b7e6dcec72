// Tests src/communicator/memory.cc: memory of the library, which peers read and write in place.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "communicators.h"
#include "sanitizers.h"
#include "tutti/algorithms.h"

namespace tutti {
namespace {

using namespace test;

constexpr int kRanks = 4;
constexpr std::size_t kCount = or_few(40'000, 8'000);  // ints; a multiple of the ranks
constexpr std::size_t kPart = kCount / kRanks;

bool all_are(std::span<const int> data, int value) {
  return std::all_of(data.begin(), data.end(), [&](int x) { return x == value; });
}

int value(int rank, std::size_t i) { return rank * 1000 + static_cast<int>(i % 997); }

void fill(std::span<int> data, int rank) {
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = value(rank, i);
}

// data[i] = value(from, first + i), the way that parts of peers arrive.
void expect_part(std::span<const int> data, int from, std::size_t first) {
  for (std::size_t i = 0; i < data.size(); ++i) ASSERT_EQ(data[i], value(from, first + i)) << i;
}

void expect_sum(std::span<const int> data, std::size_t first) {
  for (std::size_t i = 0; i < data.size(); ++i) {
    int sum = 0;
    for (int r = 0; r < kRanks; ++r) sum += value(r, first + i);
    ASSERT_EQ(data[i], sum) << i;
  }
}

// Every collective on `in` and `out`, of kCount ints each, which do not overlap.
void run_all(Communicator& comm, std::span<int> in, std::span<int> out, bool mapped) {
  const int rank = comm.rank();
  const std::size_t mine = rank * kPart;
  const auto ran = [&](Status status) {
    EXPECT_OK(status);
    EXPECT_EQ(comm.explain().mapped, mapped) << comm.explain().algorithm;
  };
  fill(in, rank);
  ran(comm.all_reduce(in, out));
  expect_sum(out, 0);
  ran(comm.all_gather(in.first(kPart), out));
  for (int r = 0; r < kRanks; ++r) expect_part(out.subspan(r * kPart, kPart), r, 0);
  ran(comm.reduce_scatter(in, out.first(kPart)));
  expect_sum(out.first(kPart), mine);
  ran(comm.all_to_all(in, out));
  for (int r = 0; r < kRanks; ++r) expect_part(out.subspan(r * kPart, kPart), r, mine);
  ran(comm.broadcast(in, out, 2));
  expect_part(out, 2, 0);
  ran(comm.reduce(in, out, {}, 1));
  if (rank == 1) expect_sum(out, 0);
  ran(comm.gather(in.first(kPart), out, 3));
  for (int r = 0; r < kRanks && rank == 3; ++r) expect_part(out.subspan(r * kPart, kPart), r, 0);
  ran(comm.scatter(in, out.first(kPart), 0));
  expect_part(out.first(kPart), 0, mine);
  expect_part(in, rank, 0);
}

void run_all_in_place(Communicator& comm, std::span<int> data) {
  const int rank = comm.rank();
  const std::span<int> mine = data.subspan(rank * kPart, kPart);
  fill(data, rank);
  EXPECT_OK(comm.all_reduce(data, data));
  expect_sum(data, 0);
  fill(data, rank);
  EXPECT_OK(comm.all_gather(mine, data));
  for (int r = 0; r < kRanks; ++r) expect_part(data.subspan(r * kPart, kPart), r, r * kPart);
  fill(data, rank);
  EXPECT_OK(comm.reduce_scatter(data, mine));
  expect_sum(mine, rank * kPart);
  fill(data, rank);
  EXPECT_OK(comm.all_to_all(data, data));
  for (int r = 0; r < kRanks; ++r) {
    expect_part(data.subspan(r * kPart, kPart), r, rank * kPart);
  }
  fill(data, rank);
  EXPECT_OK(comm.broadcast(data, data, 0));
  expect_part(data, 0, 0);
  fill(data, rank);
  EXPECT_OK(comm.reduce(data, data, {}, 2));
  if (rank == 2) expect_sum(data, 0);
  if (rank != 2) expect_part(data, rank, 0);
}

TEST(AllocatedMemory, IsUsedInPlaceByEveryCollective) {
  on_ranks(kRanks, [](Communicator& comm) {
    Result<Memory> in = comm.allocate(kCount * sizeof(int)), out = comm.allocate(kCount * 4);
    ASSERT_OK(in.status());
    ASSERT_OK(out.status());
    for (int round = 0; round < 3; ++round) {
      run_all(comm, in->as<int>(kCount), out->as<int>(kCount), /*mapped=*/true);
      run_all_in_place(comm, out->as<int>(kCount));
    }
  });
}

TEST(AllocatedMemory, IsUsedInPlaceByEveryAlgorithm) {
  for (int c = 0; c < kCollectives; ++c) {
    const auto collective = static_cast<Collective>(c);
    for (const std::string& algorithm : algorithm_names(collective, kRanks)) {
      SCOPED_TRACE(std::string(name(collective)) + " " + algorithm);
      Options options = patient_options();
      options.algorithm = std::string(name(collective)) + ":" + algorithm;
      on_ranks(kRanks, options, [&](Communicator& comm) {
        Result<Memory> in = comm.allocate(kCount * 4), out = comm.allocate(kCount * 4);
        run_all(comm, in->as<int>(kCount), out->as<int>(kCount), /*mapped=*/true);
        if (collective != Collective::kAllToAll) run_all_in_place(comm, out->as<int>(kCount));
      });
    }
  }
}

// One rank has plain memory: all stage, and all get their results.
TEST(PlainMemoryOfOneRank, ReachesEverybody) {
  on_ranks(kRanks, [](Communicator& comm) {
    Result<Memory> in = comm.allocate(kCount * 4), out = comm.allocate(kCount * 4);
    std::vector<int> plain_in(kCount), plain_out(kCount);
    for (int odd = 0; odd < kRanks; ++odd) {
      const bool mine = comm.rank() == odd;
      // A root that only reads, or a rank that only writes, has nothing plain in these.
      fill(in->as<int>(kCount), comm.rank());
      fill(plain_in, comm.rank());
      const std::span<int> input = mine ? std::span<int>(plain_in) : in->as<int>(kCount);
      const std::span<int> output = mine ? std::span<int>(plain_out) : out->as<int>(kCount);
      ASSERT_OK(comm.all_reduce(input, output));
      EXPECT_FALSE(comm.explain().mapped);
      expect_sum(output, 0);
      // Only its input, only its output.
      ASSERT_OK(comm.all_reduce(input, out->as<int>(kCount)));
      EXPECT_FALSE(comm.explain().mapped);
      ASSERT_OK(comm.all_reduce(in->as<int>(kCount), output));
      EXPECT_FALSE(comm.explain().mapped);
      expect_sum(output, 0);
      ASSERT_OK(comm.all_to_all(input, output));
      ASSERT_OK(comm.all_reduce(in->as<int>(kCount), out->as<int>(kCount)));
      EXPECT_TRUE(comm.explain().mapped);
    }
    run_all(comm, comm.rank() == 1 ? std::span<int>(plain_in) : in->as<int>(kCount),
            comm.rank() == 1 ? std::span<int>(plain_out) : out->as<int>(kCount), false);
  });
}

TEST(AllocatedMemory, OfOtherSizesAndPlacesOnEveryRank) {
  on_ranks(kRanks, [](Communicator& comm) {
    Result<Memory> shift = comm.allocate((comm.rank() + 1) * 100'000);
    Result<Memory> data = comm.allocate(kCount * 4 + comm.rank() * 4096);
    ASSERT_OK(shift.status());
    ASSERT_OK(data.status());
    const std::span<int> ints = data->as<int>(kCount + comm.rank()).last(kCount);
    std::fill(ints.begin(), ints.end(), 1);
    ASSERT_OK(comm.all_reduce(ints, ints));
    EXPECT_TRUE(comm.explain().mapped);
    EXPECT_TRUE(all_are(ints, kRanks));
  });
}

TEST(AllocatedMemory, BeginsZeroAlsoWhenItIsUsedAgain) {
  on_ranks(2, [](Communicator& comm) {
    for (int round = 0; round < 5; ++round) {
      Result<Memory> memory = comm.allocate(kCount * 4);
      ASSERT_OK(memory.status());
      const std::span<int> data = memory->as<int>(kCount);
      EXPECT_TRUE(all_are(data, 0));
      std::fill(data.begin(), data.end(), comm.rank() + 1);
      ASSERT_OK(comm.all_reduce(data, data));
      EXPECT_TRUE(all_are(data, 3));
    }
  });
}

TEST(AllocatedMemory, ComesBackWhenItIsFreed) {
  Options options = patient_options();
  options.heap_bytes = 1 << 20;
  on_ranks(2, options, [](Communicator& comm) {
    for (int round = 0; round < 20; ++round) {
      Result<Memory> first = comm.allocate(600 << 10);
      ASSERT_OK(first.status());
      EXPECT_FALSE(comm.allocate(600 << 10).ok());
      Memory kept = std::move(*first);
      EXPECT_EQ(first->data(), nullptr);
      EXPECT_NE(kept.data(), nullptr);
    }
  });
}

TEST(Allocate, ThatFailsOnOneRankFailsOnAll) {
  Options options = patient_options();
  options.heap_bytes = 1 << 20;
  on_ranks(3, options, [](Communicator& comm) {
    for (const std::size_t huge : {std::size_t{2} << 20, std::size_t(-1)}) {
      const bool mine = comm.rank() == 1;
      const Status status = comm.allocate(mine ? huge : 4096).status();
      EXPECT_EQ(status.code(), Code::kSystem);
      const std::string words = mine ? "allocate: " + std::to_string(huge) +
                                           " bytes: the largest free piece of the heap (option "
                                           "heap_bytes) has 1048576"
                                     : "allocate: 4096 bytes: another rank could not";
      EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
    }
    Result<Memory> whole = comm.allocate(1 << 20);
    EXPECT_OK(whole.status());
  });
}

TEST(Allocate, WaitsForCallsThatWereStarted) {
  on_ranks(2, [](Communicator& comm) {
    std::vector<int> plain(100'000, 1);
    Result<Request> request = comm.start(all_reduce(plain, plain));
    Result<Memory> memory = comm.allocate(kCount * 4);
    ASSERT_OK(memory.status());
    EXPECT_TRUE(request->test());
    const std::span<int> data = memory->as<int>(kCount);
    std::fill(data.begin(), data.end(), 1);
    if (comm.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    request = comm.start(all_reduce(data, data));
    ASSERT_OK(request.status());
    { const Memory gone = std::move(*memory); }
    EXPECT_OK(request->wait());
    EXPECT_TRUE(comm.explain().mapped);
  });
}

TEST(AllocatedMemory, BetweenProcesses) {
  Rendezvous rendezvous;
  const std::vector<int> codes = run_ranks_as_processes(kRanks, [&](int rank) {
    Result<Communicator> comm = rendezvous.meet(rank, kRanks, patient_options());
    if (!comm.ok()) return 2;
    Result<Memory> in = comm->allocate(kCount * 4), out = comm->allocate(kCount * 4);
    if (!in.ok() || !out.ok()) return 3;
    run_all(*comm, in->as<int>(kCount), out->as<int>(kCount), /*mapped=*/true);
    run_all_in_place(*comm, out->as<int>(kCount));
    return 0;
  });
  EXPECT_EQ(codes, std::vector<int>(kRanks, 0));
}

}  // namespace
}  // namespace tutti
