// Tests calls on more bytes than 32 bits count.
//
// ROOMS: communicator
// TIER: long
// SANITIZERS: none

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "communicators.h"

namespace tutti {
namespace {

using namespace test;

constexpr std::size_t kGiB = std::size_t{1} << 30;
constexpr std::size_t kStride = 1'000'003;  // elements between those that are looked at

bool has_memory(std::size_t bytes) {
  const std::size_t pages = static_cast<std::size_t>(sysconf(_SC_AVPHYS_PAGES));
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) > bytes + 2 * kGiB;
}

std::uint8_t value(int rank, std::size_t i) {
  return static_cast<std::uint8_t>((i * 0x9E3779B97F4A7C15u >> 56) + rank);
}

void fill(std::span<std::uint8_t> data, int rank) {
  for (std::size_t i = 0; i < data.size(); i += kStride) data[i] = value(rank, i);
  data.back() = value(rank, data.size() - 1);
}

void expect_values(std::span<const std::uint8_t> data, int rank) {
  for (std::size_t i = 0; i < data.size(); i += kStride) ASSERT_EQ(data[i], value(rank, i)) << i;
  EXPECT_EQ(data.back(), value(rank, data.size() - 1));
}

TEST(Huge, BroadcastOfMoreThan4GiB) {
  constexpr std::size_t kBytes = 4 * kGiB + 4097;
  if (!has_memory(2 * kBytes)) GTEST_SKIP() << "needs 11 GiB of memory";
  on_ranks(2, [](Communicator& comm) {
    std::vector<std::uint8_t> data(kBytes);
    if (comm.rank() == 1) fill(data, 1);
    ASSERT_OK(comm.broadcast(data, data, 1));
    expect_values(data, 1);
  });
}

TEST(Huge, AllGatherToMoreThan4GiB) {
  constexpr std::size_t kPart = 2 * kGiB + 12'289;
  if (!has_memory(4 * kPart)) GTEST_SKIP() << "needs 11 GiB of memory";
  on_ranks(2, [](Communicator& comm) {
    std::vector<std::uint8_t> all(2 * kPart);
    const std::span<std::uint8_t> mine = std::span(all).subspan(comm.rank() * kPart, kPart);
    fill(mine, comm.rank());
    ASSERT_OK(comm.all_gather(mine, all));
    expect_values(std::span(all).first(kPart), 0);
    expect_values(std::span(all).last(kPart), 1);
  });
}

TEST(Huge, AllReduceInMemoryThatPeersReach) {
  constexpr std::size_t kBytes = 4 * kGiB + 8;
  if (!has_memory(2 * kBytes)) GTEST_SKIP() << "needs 11 GiB of memory";
  Options options = patient_options();
  options.heap_bytes = 5 * kGiB;
  options.call_timeout = std::chrono::seconds(120);
  on_ranks(2, options, [](Communicator& comm) {
    Result<Memory> memory = comm.allocate(kBytes);
    ASSERT_OK(memory.status());
    const std::span<std::uint8_t> data = memory->as<std::uint8_t>(kBytes);
    fill(data, comm.rank());
    ASSERT_OK(comm.all_reduce(data, data, Reduction::kMax));
    EXPECT_TRUE(comm.explain().mapped);
    for (std::size_t i = 0; i < kBytes; i += kStride) {
      ASSERT_EQ(data[i], std::max(value(0, i), value(1, i))) << i;
    }
  });
}

TEST(Huge, MessageOfMoreThan4GiB) {
  constexpr std::size_t kBytes = 4 * kGiB + 1;
  if (!has_memory(2 * kBytes)) GTEST_SKIP() << "needs 11 GiB of memory";
  on_ranks(2, [](Communicator& comm) {
    std::vector<std::uint8_t> data(kBytes);
    if (comm.rank() == 0) fill(data, 0);
    ASSERT_OK(comm.rank() == 0 ? comm.send(data, 1) : comm.receive(data, 0));
    expect_values(data, 0);
  });
}

}  // namespace
}  // namespace tutti
