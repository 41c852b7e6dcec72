// Boards between ranks of several processes: what is allocated in one is what others see.
//
// ROOMS: cuda_p2p
// TIER: fast

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bootstrap/thread_bootstrap.h"
#include "device/thread_device.h"
#include "device_wrapper.h"
#include "expect_ok.h"
#include "pipe_bootstrap.h"
#include "processes.h"
#include "transports/cuda_p2p/boards.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using Codes = std::vector<int>;
using Created = Result<std::unique_ptr<Boards>>;

constexpr std::size_t kScratch = 1 << 20;

Deadline soon() { return std::chrono::steady_clock::now() + 20s; }

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::byte value_of(int rank) { return static_cast<std::byte>(0x50 + rank); }

using MakeDevice = std::function<std::shared_ptr<Device>(int rank)>;

std::shared_ptr<Device> device_number(int ordinal) {
  ThreadDeviceSettings settings;
  settings.facts = thread_device_facts(ordinal);
  return std::make_shared<ThreadDevice>(std::move(settings));
}
std::shared_ptr<Device> same_device(int) { return device_number(0); }
std::shared_ptr<Device> own_device(int rank) { return device_number(rank); }

struct Rank {
  int rank;
  Bootstrap& bootstrap;
  std::shared_ptr<Device> device;
  Created boards;
};

Codes run(int ranks, const MakeDevice& make, const std::function<void(Rank&)>& use) {
  const test::PipeWires wires(ranks);
  return test::run_ranks_as_processes(ranks, [&](int rank) {
    test::PipeBootstrap bootstrap(wires, rank);
    std::shared_ptr<Device> device = make(rank);
    Rank state{rank, bootstrap, device, Boards::create(device, bootstrap, kScratch, soon())};
    use(state);
    return 0;
  });
}

void meet(Rank& rank) { EXPECT_OK(rank.bootstrap.all_gather("", soon()).status()); }

std::uint64_t meet(Rank& rank, std::uint64_t mine, int whose) {
  const auto all = rank.bootstrap.all_gather(std::to_string(mine), soon());
  EXPECT_OK(all.status());
  return std::stoull((*all)[static_cast<std::size_t>(whose)]);
}

// What the table on the device says, as a kernel would read it.
std::byte* in_table(const Boards& boards, int peer, cuda::Place place) {
  const std::uint64_t number = place >> cuda::kPlaceShift;
  const std::uint64_t offset = place & ((std::uint64_t{1} << cuda::kPlaceShift) - 1);
  return boards.team().shared[peer * cuda::kMostShared + static_cast<int>(number)] + offset;
}

TEST(BoardsOfProcesses, AreMemoryThatAllSee) {
  constexpr int kRanks = 4;
  EXPECT_EQ(run(kRanks, own_device,
                [](Rank& rank) {
                  ASSERT_OK(rank.boards.status());
                  Boards& boards = **rank.boards;
                  EXPECT_FALSE(boards.one_process());
                  EXPECT_FALSE(boards.kernels_take_turns());
                  EXPECT_EQ(boards.ranks_per_device(), 1);
                  // Everybody writes a byte into everybody's scratch.
                  const cuda::Place scratch = *boards.place_of(boards.scratch(), kScratch);
                  for (int peer = 0; peer < kRanks; ++peer) {
                    boards.at(peer, scratch)[rank.rank] = value_of(rank.rank);
                  }
                  meet(rank);
                  for (int peer = 0; peer < kRanks; ++peer) {
                    EXPECT_EQ(boards.scratch()[peer], value_of(peer));
                    EXPECT_EQ(in_table(boards, peer, scratch), boards.at(peer, scratch));
                  }
                  meet(rank);
                }),
            Codes(kRanks, 0));
}

// As under a ptrace_scope of Yama's: no process may look into another.
TEST(BoardsOfProcesses, NeedNoPermissionToTraceEachOther) {
  const auto make = [](int rank) {
    const bool is_root = geteuid() == 0;  // it may trace anybody
    EXPECT_TRUE(!is_root || setuid(65534) == 0);
    EXPECT_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
    return same_device(rank);
  };
  EXPECT_EQ(run(2, make,
                [](Rank& rank) {
                  ASSERT_OK(rank.boards.status());
                  Boards& boards = **rank.boards;
                  const cuda::Place scratch = *boards.place_of(boards.scratch(), kScratch);
                  boards.at(1 - rank.rank, scratch)[0] = value_of(rank.rank);
                  meet(rank);
                  EXPECT_EQ(boards.scratch()[0], value_of(1 - rank.rank));
                  std::byte* const memory = *rank.device->allocate(3000);
                  const Allocation mine = *rank.device->allocation_of(memory);
                  EXPECT_OK(boards.share(rank.bootstrap, mine, soon()));
                  meet(rank);
                }),
            Codes(2, 0));
}

TEST(BoardsOfProcesses, OnOneDeviceTakeTurns) {
  EXPECT_EQ(run(2, same_device,
                [](Rank& rank) {
                  ASSERT_OK(rank.boards.status());
                  EXPECT_TRUE((*rank.boards)->kernels_take_turns());
                  EXPECT_EQ((*rank.boards)->ranks_per_device(), 2);
                }),
            Codes(2, 0));
}

TEST(BoardsOfProcesses, ShareAllocationsOfSomeRanks) {
  EXPECT_EQ(run(3, same_device,
                [](Rank& rank) {
                  ASSERT_OK(rank.boards.status());
                  Boards& boards = **rank.boards;
                  std::byte* const memory = *rank.device->allocate(3000);
                  std::memset(memory, static_cast<int>(value_of(rank.rank)), 3000);
                  EXPECT_EQ(boards.place_of(memory, 1), std::nullopt);
                  const bool shares = rank.rank != 1;
                  const Allocation mine =
                      shares ? *rank.device->allocation_of(memory) : Allocation{};
                  ASSERT_OK(boards.share(rank.bootstrap, mine, soon()));
                  EXPECT_EQ(boards.place_of(memory, 3000).has_value(), shares);
                  const cuda::Place place = boards.place_of(memory + 2999, 1).value_or(0);
                  for (const int peer : {0, 2}) {
                    const cuda::Place theirs = meet(rank, place, peer);
                    EXPECT_EQ(*boards.at(peer, theirs), value_of(peer));
                    EXPECT_EQ(*in_table(boards, peer, theirs), value_of(peer));
                  }
                  ASSERT_OK(boards.withdraw(rank.bootstrap, mine, soon()));
                  EXPECT_EQ(boards.place_of(memory, 1), std::nullopt);
                  rank.device->release(memory);
                }),
            Codes(3, 0));
}

TEST(BoardsOfProcesses, ABoardThatIsImportedOutlivesItsProcess) {
  const Codes codes = run(2, same_device, [](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    if (rank.rank == 0) {
      (*rank.boards)->scratch()[5] = value_of(0);
      meet(rank);
      raise(SIGKILL);
    }
    meet(rank);
    const Deadline deadline = std::chrono::steady_clock::now() + 300ms;
    EXPECT_FALSE(rank.bootstrap.all_gather("", deadline).ok()) << "rank 0 should be gone";
    const cuda::Place place = *(*rank.boards)->place_of((*rank.boards)->scratch() + 5, 1);
    EXPECT_EQ(*(*rank.boards)->at(0, place), value_of(0));
  });
  EXPECT_EQ(codes, (Codes{test::died_of(SIGKILL), 0}));
}

// Cannot export, or cannot import.
class Shy final : public test::DeviceWrapper {
 public:
  Shy(std::unique_ptr<Device> device, bool exports)
      : DeviceWrapper(std::move(device)), exports_(exports) {}

  Result<SharedMemory> share(const Allocation& allocation) override {
    if (exports_) return DeviceWrapper::share(allocation);
    return Status(Code::kNotSupported, "not here");
  }
  Result<std::byte*> import_memory(const SharedMemory&) override {
    return Status(Code::kNotSupported, "not there");
  }

 private:
  const bool exports_;
};

TEST(BoardsOfProcesses, WhatOneRankCannotShareFailsOnAll) {
  for (const bool exports : {false, true}) {
    const MakeDevice make = [&](int rank) -> std::shared_ptr<Device> {
      auto device = std::make_unique<ThreadDevice>(ThreadDeviceSettings());
      if (rank != 1) return device;
      return std::make_shared<Shy>(std::move(device), exports);
    };
    const std::string expected = exports ? "rank 1: cannot reach device memory of rank 0: not there"
                                         : "rank 1: cannot share memory of threads: not here";
    EXPECT_EQ(run(3, make,
                  [&](Rank& rank) {
                    EXPECT_EQ(rank.boards.status().code(), Code::kNotSupported);
                    EXPECT_EQ(rank.boards.status().message(), expected);
                  }),
              Codes(3, 0));
  }
}

// As CUDA's legacy handles are: what was exported must not be freed before all have closed it.
class ByHandle final : public test::DeviceWrapper {
 public:
  ByHandle(std::unique_ptr<Device> device, std::vector<std::byte*>& released)
      : DeviceWrapper(std::move(device)), released_(released) {}

  void release(std::byte* memory) override {
    released_.push_back(memory);
    DeviceWrapper::release(memory);
  }
  Result<SharedMemory> share(const Allocation& allocation) override {
    Result<SharedMemory> shared = DeviceWrapper::share(allocation);
    if (shared.ok()) shared->kind = SharedMemory::Kind::kHandle;
    return shared;
  }
  Result<std::byte*> import_memory(const SharedMemory& shared) override {
    SharedMemory file = shared;
    file.kind = SharedMemory::Kind::kFile;
    return DeviceWrapper::import_memory(file);
  }

 private:
  std::vector<std::byte*>& released_;
};

TEST(BoardsOfProcesses, ABoardSharedByHandleStaysUntilTheProcessEnds) {
  const test::PipeWires wires(2);
  const Codes codes = test::run_ranks_as_processes(2, [&](int rank) {
    test::PipeBootstrap bootstrap(wires, rank);
    std::vector<std::byte*> released;
    std::byte* scratch = nullptr;
    {
      auto device = std::make_shared<ByHandle>(
          std::make_unique<ThreadDevice>(ThreadDeviceSettings()), released);
      Created boards = Boards::create(std::move(device), bootstrap, kScratch, soon());
      EXPECT_OK(boards.status());
      if (!boards.ok()) return 1;
      scratch = (*boards)->scratch();
      scratch[0] = value_of(rank);
    }
    EXPECT_EQ(released.size(), 1u) << "the table, and not the board";
    EXPECT_EQ(scratch[0], value_of(rank));  // still mapped
    return 0;
  });
  EXPECT_EQ(codes, Codes(2, 0));
}

// Two processes of two threads each.
TEST(BoardsOfProcesses, MayBeOfSeveralThreadsEach) {
  constexpr int kRanks = 4;
  const test::PipeWires wires(kRanks);
  const Codes codes = test::run_ranks_as_processes(2, [&](int process) {
    const auto memory = std::make_shared<ThreadMemory>();
    const auto run_rank = [&](int thread) {
      const int number = 2 * process + thread;
      test::PipeBootstrap bootstrap(wires, number);
      ThreadDeviceSettings settings;
      settings.facts = thread_device_facts(number);
      settings.memory = memory;
      auto device = std::make_shared<ThreadDevice>(std::move(settings));
      Rank rank{number, bootstrap, device, Boards::create(device, bootstrap, kScratch, soon())};
      EXPECT_OK(rank.boards.status());
      if (!rank.boards.ok()) return 1;
      Boards& boards = **rank.boards;
      EXPECT_FALSE(boards.one_process());
      std::byte* const mine = *device->allocate(10);
      mine[9] = value_of(number);
      EXPECT_OK(boards.share(bootstrap, *device->allocation_of(mine), soon()));
      const cuda::Place place = *boards.place_of(mine + 9, 1);
      for (int peer = 0; peer < kRanks; ++peer) {
        const cuda::Place theirs = meet(rank, place, peer);
        EXPECT_EQ(*boards.at(peer, theirs), value_of(peer));
        EXPECT_EQ(in_table(boards, peer, theirs), boards.at(peer, theirs));
      }
      EXPECT_OK(boards.withdraw(bootstrap, *device->allocation_of(mine), soon()));
      return 0;
    };
    const Codes threads = test::run_ranks_as_threads(2, run_rank);
    return threads == Codes{0, 0} ? 0 : 1;
  });
  EXPECT_EQ(codes, Codes(2, 0));
}

TEST(BoardsOfProcesses, ARankThatDoesNotComeIsNamed) {
  const test::PipeWires wires(2);
  const Codes codes = test::run_ranks_as_processes(2, [&](int rank) {
    if (rank == 1) return 0;
    test::PipeBootstrap bootstrap(wires, rank);
    const Deadline deadline = std::chrono::steady_clock::now() + 200ms;
    const Created boards = Boards::create(same_device(0), bootstrap, kScratch, deadline);
    EXPECT_EQ(boards.status().code(), Code::kTimeout);
    EXPECT_TRUE(contains(boards.status().message(), "rank 1")) << boards.status().to_string();
    return 0;
  });
  EXPECT_EQ(codes, Codes(2, 0));
}

}  // namespace
}  // namespace tutti
