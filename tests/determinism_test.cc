// Tests what docs/determinism.md promises, on floats whose sum depends on the order.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <thread>
#include <vector>

#include "algorithms/catalog.h"
#include "cases.h"
#include "communicators.h"
#include "sanitizers.h"

namespace tutti {
namespace {

using namespace test;

constexpr Collective kReducing[] = {Collective::kAllReduce, Collective::kReduceScatter,
                                    Collective::kReduce};

// A float with a full mantissa between 2^-8 and 2^8.
double rough(int rank, std::size_t index) {
  const std::uint64_t mixed = (index * 64 + rank + 1) * 0x9E3779B97F4A7C15u;
  const double mantissa = 1 + static_cast<double>(mixed >> 40) / (1 << 24);
  const double sign = (mixed >> 8 & 1) != 0 ? -1 : 1;
  return sign * std::ldexp(mantissa, static_cast<int>((mixed >> 16) % 16) - 8);
}

using Bits = std::vector<std::uint64_t>;

Bits rough_elements(DataType type, int rank, std::size_t count) {
  const Codec codec(type);
  Bits bits(count);
  for (std::size_t i = 0; i < count; ++i) bits[i] = codec.encode(rough(rank, i));
  return bits;
}

// The output of one reduction of rough numbers; empty where a rank has none.
Bits reduce_rough(Communicator& comm, Collective collective, DataType type, std::size_t count) {
  const bool many = collective == Collective::kReduceScatter;
  WatchedBuffer in(type, count * (many ? comm.ranks() : 1)), out(type, count);
  const Bits elements = rough_elements(type, comm.rank(), in.count());
  for (std::size_t i = 0; i < in.count(); ++i) in.set(i, elements[i]);
  Call call = all_reduce(in.all(), out.all());
  call.collective = collective;
  EXPECT_OK(comm.run(call));
  Bits bits;
  if (collective == Collective::kReduce && comm.rank() != 0) return bits;
  for (std::size_t i = 0; i < count; ++i) bits.push_back(out.get(i));
  return bits;
}

// Element by element, rank 0 first.
Bits in_rank_order(DataType type, Collective collective, int rank, int ranks, std::size_t count) {
  const bool many = collective == Collective::kReduceScatter;
  std::vector<Bits> inputs;
  for (int r = 0; r < ranks; ++r)
    inputs.push_back(rough_elements(type, r, count * (many ? ranks : 1)));
  const ScalarReduction sum(type, Reduction::kSum);
  Bits bits;
  if (collective == Collective::kReduce && rank != 0) return bits;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::uint64_t> elements;
    for (const Bits& input : inputs) elements.push_back(input[many ? rank * count + i : i]);
    bits.push_back(sum(elements));
  }
  return bits;
}

Options forcing(Collective collective, std::string_view algorithm) {
  Options options = patient_options();
  options.algorithm = std::string(name(collective)) + ":" + std::string(algorithm);
  return options;
}

void expect_rank_order(int ranks, const Options& options, Collective collective) {
  on_ranks(ranks, options, [&](Communicator& comm) {
    for (const DataType type : {DataType::kFloat32, DataType::kFloat64, DataType::kBfloat16}) {
      for (const std::size_t count : {1, 100, or_few(4001, 301)}) {
        EXPECT_EQ(reduce_rough(comm, collective, type, count),
                  in_rank_order(type, collective, comm.rank(), ranks, count))
            << name(collective) << " " << comm.explain().algorithm << " " << name(type) << " "
            << count;
      }
    }
  });
}

TEST(Reproducible, IsTheSumInRankOrderWhateverTheAlgorithm) {
  for (const Algorithm& algorithm : catalog()) {
    if (std::find(std::begin(kReducing), std::end(kReducing), algorithm.collective) ==
            std::end(kReducing) ||
        !algorithm.rank_order) {
      continue;
    }
    for (const int ranks : {2, 3, or_few(7, 4)}) {
      Options options = forcing(algorithm.collective, algorithm.name);
      options.reproducible = true;
      expect_rank_order(ranks, options, algorithm.collective);
    }
  }
}

TEST(Reproducible, IsTheSumInRankOrderWhateverTheTilesAndLanes) {
  for (const std::size_t tile : {0, 64, 1000, 1 << 20}) {
    for (const int lanes : {0, 1, 16}) {
      Options options = patient_options();
      options.reproducible = true;
      options.tile_bytes = tile;
      options.lanes = lanes;
      for (const Collective collective : kReducing) expect_rank_order(4, options, collective);
    }
  }
}

TEST(Reproducible, IsTheSumInRankOrderWhateverTheInstructionSet) {
  for (const char* isa : {"portable", "avx2", "avx512"}) {
    Options options = patient_options();
    options.reproducible = true;
    options.isa = isa;
    for (const Collective collective : kReducing) expect_rank_order(5, options, collective);
  }
}

TEST(Reproducible, IsTheSumInRankOrderInMemoryThatPeersReach) {
  Options options = patient_options();
  options.reproducible = true;
  on_ranks(4, options, [](Communicator& comm) {
    constexpr std::size_t kCount = 50'000;
    Result<Memory> memory = comm.allocate(kCount * sizeof(float));
    ASSERT_OK(memory.status());
    const std::span<float> data = memory->as<float>(kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
      data[i] = static_cast<float>(rough(comm.rank(), i));
    }
    ASSERT_OK(comm.all_reduce(data, data));
    EXPECT_TRUE(comm.explain().mapped);
    const Bits expected = in_rank_order(DataType::kFloat32, Collective::kAllReduce, 0, 4, kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(data[i]), expected[i]) << "at " << i;
    }
  });
}

TEST(Reproducible, RefusesAlgorithmsOfAnotherOrder) {
  Options options = forcing(Collective::kAllReduce, "ring");
  options.reproducible = true;
  on_ranks(3, options, [](Communicator& comm) {
    std::vector<float> data(100);
    const Status status = comm.all_reduce(data, data);
    EXPECT_EQ(status.code(), Code::kNotSupported);
    EXPECT_NE(status.message().find("rank order"), std::string::npos) << status.message();
  });
}

void wait_a_little(int rank, int run) {
  std::this_thread::sleep_for(std::chrono::microseconds((rank * 7 + run * 5) % 11 * 300));
}

// Who comes first must make no difference.
TEST(EveryAlgorithm, GivesTheSameBitsInEveryRunOnEveryRank) {
  constexpr int kRanks = 5;
  for (const Algorithm& algorithm : catalog()) {
    if (std::find(std::begin(kReducing), std::end(kReducing), algorithm.collective) ==
            std::end(kReducing) ||
        !allows(algorithm, kRanks)) {
      continue;
    }
    std::vector<Bits> first(kRanks);
    for (int run = 0; run < 3; ++run) {
      std::vector<Bits> now(kRanks);
      on_ranks(kRanks, forcing(algorithm.collective, algorithm.name), [&](Communicator& comm) {
        wait_a_little(comm.rank(), run);
        now[comm.rank()] = reduce_rough(comm, algorithm.collective, DataType::kFloat32, 3001);
      });
      if (run == 0) first = now;
      EXPECT_EQ(now, first) << name(algorithm.collective) << " " << algorithm.name;
    }
    if (algorithm.collective != Collective::kAllReduce) continue;
    for (const Bits& bits : first) EXPECT_EQ(bits, first[0]) << algorithm.name;
  }
}

}  // namespace
}  // namespace tutti
