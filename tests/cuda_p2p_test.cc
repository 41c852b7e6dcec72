// Boards between ranks that are threads of one process, and what all ranks conclude of each other.
// Between processes: cuda_p2p_processes_test.cc.
//
// ROOMS: cuda_p2p
// TIER: fast

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bootstrap/thread_bootstrap.h"
#include "device/thread_device.h"
#include "device_wrapper.h"
#include "expect_ok.h"
#include "processes.h"
#include "transports/cuda_p2p/boards.h"
#include "transports/cuda_p2p/members.h"
#include "transports/cuda_p2p/registry.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using cuda_p2p::Introduction;
using cuda_p2p::Members;
using cuda_p2p::Registry;
using Created = Result<std::unique_ptr<Boards>>;

constexpr std::size_t kScratch = 1 << 20;
constexpr Allocation kNone = {};

Deadline soon() { return std::chrono::steady_clock::now() + 20s; }

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// ---- What ranks conclude ----

std::vector<Introduction> introductions(int ranks) {
  std::vector<Introduction> all(static_cast<std::size_t>(ranks));
  for (Introduction& one : all) one = *cuda_p2p::introduce(thread_device_facts(0), kScratch);
  return all;
}

void put_on_device(Introduction& rank, std::uint8_t device) { rank.device[15] = device; }

TEST(Members, ThreadsOnOneDeviceAreOneProcessWhoseKernelsRunTogether) {
  const Result<Members> members = Members::make(introductions(3));
  ASSERT_OK(members.status());
  EXPECT_TRUE(members->one_process());
  EXPECT_TRUE(members->one_device());
  EXPECT_FALSE(members->kernels_take_turns());
  EXPECT_EQ(members->ranks_per_device(), 3);
  EXPECT_EQ(members->of_process(1), 3);
}

TEST(Members, ProcessesOnOneDeviceTakeTurnsUnlessAllShareKernels) {
  std::vector<Introduction> all = introductions(2);
  ++all[1].process.pid;
  EXPECT_TRUE(Members::make(all)->kernels_take_turns());
  EXPECT_FALSE(Members::make(all)->one_process());
  all[0].shares_kernels = true;
  EXPECT_TRUE(Members::make(all)->kernels_take_turns());
  all[1].shares_kernels = true;
  EXPECT_FALSE(Members::make(all)->kernels_take_turns());
}

TEST(Members, ProcessesOnDevicesOfTheirOwnDoNotTakeTurns) {
  std::vector<Introduction> all = introductions(2);
  ++all[1].process.pid;
  put_on_device(all[1], 7);
  EXPECT_FALSE(Members::make(all)->kernels_take_turns());
  EXPECT_FALSE(Members::make(all)->one_device());
  EXPECT_EQ(Members::make(all)->ranks_per_device(), 1);
}

TEST(Members, TheFullestDeviceCounts) {
  std::vector<Introduction> all = introductions(5);
  put_on_device(all[0], 9);
  put_on_device(all[3], 9);
  EXPECT_EQ(Members::make(all)->ranks_per_device(), 3);
}

TEST(Members, AForkedProcessIsAnother) {
  const auto codes = test::run_ranks_as_processes(1, [parent = *cuda_p2p::process_here()](int) {
    EXPECT_NE(*cuda_p2p::process_here(), parent);
    EXPECT_EQ(*cuda_p2p::process_here(), *cuda_p2p::process_here());
    return 0;
  });
  EXPECT_EQ(codes, std::vector<int>{0});
}

TEST(Members, AnotherHostIsNotSupported) {
  std::vector<Introduction> all = introductions(3);
  all[2].host.boot_id[0] ^= 1;
  const Status status = Members::make(all).status();
  EXPECT_EQ(status.code(), Code::kNotSupported);
  EXPECT_TRUE(contains(status.message(), "rank 2 on host")) << status.message();
}

TEST(Members, ScratchMustBeAlike) {
  std::vector<Introduction> all = introductions(3);
  all[1].scratch_bytes = 5;
  const Status status = Members::make(all).status();
  EXPECT_EQ(status.code(), Code::kMismatch);
  EXPECT_TRUE(contains(status.message(), "rank 1 for 5")) << status.message();
}

// ---- Numbers ----

TEST(Registry, NumbersAreUsedAgainAndIdentitiesAreKeptApart) {
  std::byte somewhere[2];
  const Allocation first = {somewhere, 1, 10}, same_place = {somewhere, 1, 11},
                   other = {somewhere + 1, 1, 12};
  Registry registry;
  EXPECT_EQ(registry.add(first, {}).number, 2u);
  EXPECT_EQ(registry.add(other, {}).number, 3u);
  EXPECT_EQ(registry.find(same_place), nullptr);
  EXPECT_EQ(registry.find(other)->number, 3u);
  registry.remove(first);
  EXPECT_EQ(registry.find(first), nullptr);
  EXPECT_EQ(registry.add(same_place, {}).number, 2u);
}

TEST(Registry, IsFullOnceTheTableIs) {
  std::vector<std::byte> places(cuda::kMostShared);
  Registry registry;
  std::size_t added = 0;
  while (!registry.full()) registry.add({&places[added++], 1, 0}, {});
  EXPECT_EQ(added, cuda::kMostShared - 2u);  // without the address space and the board
  registry.remove({&places[5], 1, 0});
  EXPECT_FALSE(registry.full());
}

// ---- Boards of threads ----

// Reads a byte at a place of a peer's, as kernels do.
struct Peek {
  cuda::Team team;
  int peer = 0;
  cuda::Place place = 0;
  std::byte* answer = nullptr;
};
void peek(const void* arguments, int, int) {
  const Peek& peek = *static_cast<const Peek*>(arguments);
  const std::byte* const base =
      peek.team.shared[peek.peer * cuda::kMostShared + (peek.place >> cuda::kPlaceShift)];
  const std::uint64_t offset = peek.place & ((std::uint64_t{1} << cuda::kPlaceShift) - 1);
  *peek.answer =
      *reinterpret_cast<const std::byte*>(reinterpret_cast<std::uintptr_t>(base) + offset);
}

ThreadDeviceSettings settings_of(int ordinal, const std::shared_ptr<ThreadMemory>& memory) {
  ThreadDeviceSettings settings;
  settings.facts = thread_device_facts(ordinal);
  settings.kernels = {{"peek", peek}};
  settings.memory = memory;
  return settings;
}

using MakeDevice = std::function<std::shared_ptr<Device>(int rank)>;

// A device for every rank.
MakeDevice own_devices() {
  return [memory = std::make_shared<ThreadMemory>()](int rank) {
    return std::make_shared<ThreadDevice>(settings_of(rank, memory));
  };
}

MakeDevice one_device() {
  auto device = std::make_shared<ThreadDevice>(settings_of(0, std::make_shared<ThreadMemory>()));
  return [device](int) { return device; };
}

struct Rank {
  int rank;
  Bootstrap& bootstrap;
  std::shared_ptr<Device> device;
  Created boards;
};

void run(int ranks, const MakeDevice& make, const std::function<void(Rank&)>& use) {
  auto bootstraps = make_thread_bootstraps(ranks);
  test::run_ranks_as_threads(ranks, [&](int rank) {
    Bootstrap& bootstrap = *bootstraps[static_cast<std::size_t>(rank)];
    std::shared_ptr<Device> device = make(rank);
    Rank state{rank, bootstrap, device, Boards::create(device, bootstrap, kScratch, soon())};
    use(state);
    bootstraps[static_cast<std::size_t>(rank)].reset();
    return 0;
  });
}

void meet(Rank& rank) { EXPECT_OK(rank.bootstrap.all_gather("", soon()).status()); }

std::uint64_t meet(Rank& rank, std::uint64_t mine, int whose) {
  const auto all = rank.bootstrap.all_gather(std::to_string(mine), soon());
  EXPECT_OK(all.status());
  return std::stoull((*all)[static_cast<std::size_t>(whose)]);
}

std::byte value_of(int rank) { return static_cast<std::byte>(0x50 + rank); }

// What a kernel of this rank finds at a place of the peer's.
std::byte look(Rank& rank, int peer, cuda::Place place) {
  std::byte* const answer = *rank.device->allocate(1);
  const Stream stream = *rank.device->make_stream();
  const Peek arguments = {(*rank.boards)->team(), peer, place, answer};
  EXPECT_OK(rank.device->launch(stream, {"peek", 1, 1, std::as_bytes(std::span(&arguments, 1))}));
  EXPECT_OK(rank.device->synchronize(stream, 10s));
  const std::byte seen = *answer;  // threads' memory is the host's
  rank.device->end_stream(stream);
  rank.device->release(answer);
  return seen;
}

class OfThreads : public testing::TestWithParam<bool> {
 protected:
  static MakeDevice devices() { return GetParam() ? one_device() : own_devices(); }
};
INSTANTIATE_TEST_SUITE_P(Boards, OfThreads, testing::Bool(),
                         [](const auto& info) { return info.param ? "OneDevice" : "OwnDevices"; });

TEST_P(OfThreads, AreWhatAllRanksReach) {
  constexpr int kRanks = 3;
  run(kRanks, devices(), [&](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    Boards& boards = **rank.boards;
    EXPECT_TRUE(boards.one_process());
    EXPECT_FALSE(boards.kernels_take_turns());
    EXPECT_EQ(boards.ranks_per_device(), GetParam() ? kRanks : 1);
    EXPECT_EQ(boards.scratch_bytes(), kScratch);
    EXPECT_EQ(boards.team().rank, rank.rank);
    EXPECT_EQ(boards.team().ranks, kRanks);
    std::byte* const last = boards.scratch() + kScratch - 1;
    *last = value_of(rank.rank);
    const auto place = boards.place_of(last, 1);
    ASSERT_TRUE(place.has_value());
    EXPECT_EQ(*place >> cuda::kPlaceShift, cuda::kOwnBoard);
    meet(rank);
    for (int peer = 0; peer < kRanks; ++peer) {
      EXPECT_EQ(*boards.at(peer, *place), value_of(peer));  // boards are laid out alike
      EXPECT_EQ(look(rank, peer, *place), value_of(peer));
    }
    meet(rank);
  });
}

TEST_P(OfThreads, AnyAddressIsAPlaceAndNeedsNoSharing) {
  run(2, devices(), [](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    Boards& boards = **rank.boards;
    std::byte* const memory = *rank.device->allocate(100);
    memory[99] = value_of(rank.rank);
    const auto place = boards.place_of(memory + 99, 1);
    ASSERT_TRUE(place.has_value());
    const int peer = 1 - rank.rank;
    const cuda::Place theirs = meet(rank, *place, peer);
    EXPECT_EQ(look(rank, peer, theirs), value_of(peer));
    EXPECT_EQ(*boards.at(peer, theirs), value_of(peer));
    // Sharing is allowed all the same.
    const Allocation allocation = *rank.device->allocation_of(memory);
    EXPECT_OK(boards.share(rank.bootstrap, allocation, soon()));
    const cuda::Place again = meet(rank, *boards.place_of(memory + 99, 1), peer);
    EXPECT_EQ(look(rank, peer, again), value_of(peer));
    EXPECT_OK(boards.withdraw(rank.bootstrap, allocation, soon()));
    meet(rank);
    rank.device->release(memory);
  });
}

// A rank that has ended leaves its board to those who may still write there.
TEST_P(OfThreads, ABoardOutlivesItsRank) {
  std::atomic<bool> ended = false;
  run(2, devices(), [&](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    if (rank.rank == 0) {
      (*rank.boards)->scratch()[0] = value_of(0);
      meet(rank);
      rank.boards->reset();
      rank.device.reset();
      ended = true;
      return;
    }
    meet(rank);
    while (!ended) std::this_thread::yield();
    const cuda::Place place = *(*rank.boards)->place_of((*rank.boards)->scratch(), 1);
    EXPECT_EQ(look(rank, 0, place), value_of(0));
  });
}

TEST(Boards, SixteenRanksAreEnoughAndSeventeenTooMany) {
  run(16, one_device(), [](Rank& rank) { EXPECT_OK(rank.boards.status()); });
  run(17, one_device(), [](Rank& rank) {
    EXPECT_EQ(rank.boards.status().code(), Code::kNotSupported);
    EXPECT_EQ(rank.boards.status().message(),
              "17 ranks on one host: device memory is shared by at most 16");
  });
}

TEST(Boards, OneRankHasABoardForItself) {
  run(1, one_device(), [](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    const void* const board = (*rank.boards)->team().boards[0];
    EXPECT_EQ(board, (*rank.boards)->at(0, cuda::kOwnBoard << cuda::kPlaceShift));
  });
}

// Fails at one of the things that boards need.
class Broken final : public test::DeviceWrapper {
 public:
  enum class At { kAllocate, kPin, kReach, kCopy };
  Broken(std::unique_ptr<Device> device, At at) : DeviceWrapper(std::move(device)), at_(at) {}

  Result<std::byte*> allocate(std::size_t bytes) override {
    return at_ == At::kAllocate ? broken() : DeviceWrapper::allocate(bytes);
  }
  Result<std::byte*> pin(std::span<std::byte> memory) override {
    return at_ == At::kPin ? broken() : DeviceWrapper::pin(memory);
  }
  Status reach(const DeviceFacts& other) override {
    return at_ == At::kReach ? broken().status() : DeviceWrapper::reach(other);
  }
  Status copy(Stream stream, void* target, const void* source, std::size_t bytes) override {
    return at_ == At::kCopy ? broken().status()
                            : DeviceWrapper::copy(stream, target, source, bytes);
  }

 private:
  static Result<std::byte*> broken() { return Status(Code::kNotSupported, "it is broken"); }
  const At at_;
};

TEST(Boards, WhatFailsOnOneRankFailsOnAllInItsWords) {
  using At = Broken::At;
  for (const At at : {At::kAllocate, At::kPin, At::kReach, At::kCopy}) {
    const auto memory = std::make_shared<ThreadMemory>();
    const MakeDevice make = [&](int rank) -> std::shared_ptr<Device> {
      auto device = std::make_unique<ThreadDevice>(settings_of(rank, memory));
      if (rank != 1) return device;
      return std::make_shared<Broken>(std::move(device), at);
    };
    run(3, make, [&](Rank& rank) {
      EXPECT_EQ(rank.boards.status().code(), Code::kNotSupported) << static_cast<int>(at);
      EXPECT_EQ(rank.boards.status().message(), "rank 1: it is broken") << static_cast<int>(at);
    });
  }
}

TEST(Boards, DevicesThatDoNotReachEachOtherAreNotSupported) {
  const auto memory = std::make_shared<ThreadMemory>();
  const MakeDevice make = [&](int rank) {
    ThreadDeviceSettings settings = settings_of(rank, memory);
    settings.reaches_others = rank != 0;
    return std::make_shared<ThreadDevice>(std::move(settings));
  };
  run(2, make, [](Rank& rank) {
    EXPECT_EQ(rank.boards.status().message(), "rank 0: device 0 cannot reach memory of device 1");
  });
}

// ---- Allocations whose address does not do ----

// A device whose allocations have to be exported even for devices of its own process, as those of
// PyTorch's expandable segments have.
class Exporting final : public test::DeviceWrapper {
 public:
  explicit Exporting(std::unique_ptr<Device> device) : DeviceWrapper(std::move(device)) {}

  Result<Allocation> allocation_of(const void* address) override {
    Result<Allocation> allocation = DeviceWrapper::allocation_of(address);
    if (allocation.ok()) allocation->by_address = false;
    return allocation;
  }
  Result<SharedMemory> share(const Allocation& allocation) override {
    Allocation plain = allocation;
    plain.by_address = true;
    ++shared;
    return DeviceWrapper::share(plain);
  }
  void withdraw(const SharedMemory& memory) override {
    --shared;
    DeviceWrapper::withdraw(memory);
  }
  Result<std::byte*> import_memory(const SharedMemory& memory) override {
    if (fail_imports) return Status(Code::kSystem, "no");
    Result<std::byte*> base = DeviceWrapper::import_memory(memory);
    if (base.ok()) imports.insert(*base);
    return base;
  }
  void close_import(std::byte* memory) override {
    EXPECT_EQ(imports.erase(memory), 1u);
    DeviceWrapper::close_import(memory);
  }

  int shared = 0;
  std::set<std::byte*> imports;
  bool fail_imports = false;
};

MakeDevice exporting_devices() {
  return [memory = std::make_shared<ThreadMemory>()](int rank) {
    return std::make_shared<Exporting>(std::make_unique<ThreadDevice>(settings_of(rank, memory)));
  };
}

Exporting& exporting(Rank& rank) { return static_cast<Exporting&>(*rank.device); }

std::byte* filled(Rank& rank, std::size_t bytes) {
  std::byte* const memory = *rank.device->allocate(bytes);
  std::memset(memory, static_cast<int>(value_of(rank.rank)), bytes);
  return memory;
}

TEST(Sharing, MakesAnAllocationReachable) {
  run(2, exporting_devices(), [](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    Boards& boards = **rank.boards;
    std::byte* const memory = filled(rank, 1000);
    const Allocation allocation = *rank.device->allocation_of(memory);
    EXPECT_EQ(boards.place_of(memory, 1), std::nullopt);
    ASSERT_OK(boards.share(rank.bootstrap, allocation, soon()));
    const int peer = 1 - rank.rank;
    const cuda::Place theirs = meet(rank, *boards.place_of(memory + 900, 100), peer);
    EXPECT_EQ(*boards.at(peer, theirs), value_of(peer));
    EXPECT_EQ(look(rank, peer, theirs), value_of(peer));
    EXPECT_EQ(boards.place_of(memory + 900, allocation.bytes), std::nullopt) << "beyond its end";
    ASSERT_OK(boards.withdraw(rank.bootstrap, allocation, soon()));
    EXPECT_EQ(boards.place_of(memory, 1), std::nullopt);
    EXPECT_EQ(exporting(rank).shared, 0);
    EXPECT_TRUE(exporting(rank).imports.empty());
    rank.device->release(memory);
  });
}

TEST(Sharing, IsDoneOnceAndLastsAsLongAsSomebodyAsks) {
  run(2, exporting_devices(), [](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    Boards& boards = **rank.boards;
    std::byte* const memory = filled(rank, 1);
    const Allocation allocation = *rank.device->allocation_of(memory);
    for (int i = 0; i < 3; ++i) EXPECT_OK(boards.share(rank.bootstrap, allocation, soon()));
    EXPECT_EQ(exporting(rank).shared, 1);
    EXPECT_EQ(exporting(rank).imports.size(), 1u);
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(boards.place_of(memory, 1).has_value());
      EXPECT_OK(boards.withdraw(rank.bootstrap, allocation, soon()));
    }
    EXPECT_EQ(exporting(rank).shared, 0);
    EXPECT_EQ(boards.withdraw(rank.bootstrap, allocation, soon()).code(), Code::kInvalidArgument);
    rank.device->release(memory);
  });
}

TEST(Sharing, SomeRanksMayHaveNothing) {
  run(3, exporting_devices(), [](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    Boards& boards = **rank.boards;
    std::byte* const memory = filled(rank, 64);
    const bool shares = rank.rank == 1;
    const Allocation mine = shares ? *rank.device->allocation_of(memory) : kNone;
    ASSERT_OK(boards.share(rank.bootstrap, mine, soon()));
    EXPECT_EQ(boards.place_of(memory, 1).has_value(), shares);
    const cuda::Place place = meet(rank, boards.place_of(memory, 1).value_or(0), 1);
    EXPECT_EQ(look(rank, 1, place), value_of(1));
    ASSERT_OK(boards.withdraw(rank.bootstrap, mine, soon()));
    rank.device->release(memory);
  });
}

TEST(Sharing, AnotherAllocationAtTheSameAddressIsNotMistaken) {
  run(2, exporting_devices(), [](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    Boards& boards = **rank.boards;
    std::byte* memory = filled(rank, 4096);
    const Allocation first = *rank.device->allocation_of(memory);
    ASSERT_OK(boards.share(rank.bootstrap, first, soon()));
    const cuda::Place before = *boards.place_of(memory, 1);
    // As CUDA allows for memory that has a file: it goes on living where it is imported.
    rank.device->release(memory);
    memory = filled(rank, 4096);
    const Allocation second = *rank.device->allocation_of(memory);
    EXPECT_NE(first.identity, second.identity);
    EXPECT_EQ(boards.place_of(memory, 1), std::nullopt);
    ASSERT_OK(boards.share(rank.bootstrap, second, soon()));
    EXPECT_NE(*boards.place_of(memory, 1), before);
    EXPECT_OK(boards.withdraw(rank.bootstrap, first, soon()));
    const int peer = 1 - rank.rank;
    EXPECT_EQ(look(rank, peer, meet(rank, *boards.place_of(memory, 1), peer)), value_of(peer));
    EXPECT_OK(boards.withdraw(rank.bootstrap, second, soon()));
    rank.device->release(memory);
  });
}

TEST(Sharing, AFailureOnOneRankUndoesItOnAll) {
  run(3, exporting_devices(), [](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    Boards& boards = **rank.boards;
    std::byte* const memory = filled(rank, 64);
    const Allocation allocation = *rank.device->allocation_of(memory);
    exporting(rank).fail_imports = rank.rank == 2;
    const Status status = boards.share(rank.bootstrap, allocation, soon());
    EXPECT_EQ(status.code(), Code::kSystem);
    EXPECT_EQ(status.message(), "rank 2: cannot reach device memory of rank 0: no");
    EXPECT_EQ(boards.place_of(memory, 1), std::nullopt);
    EXPECT_EQ(exporting(rank).shared, 0);
    EXPECT_TRUE(exporting(rank).imports.empty());
    // Nothing is left that would stand in the way of another try.
    exporting(rank).fail_imports = false;
    EXPECT_OK(boards.share(rank.bootstrap, allocation, soon()));
    EXPECT_OK(boards.withdraw(rank.bootstrap, allocation, soon()));
    rank.device->release(memory);
  });
}

TEST(Sharing, MemoryThatIsGoneIsAnErrorOnAllRanks) {
  run(2, exporting_devices(), [](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    std::byte* const memory = filled(rank, 64);
    Allocation allocation = *rank.device->allocation_of(memory);
    if (rank.rank == 1) ++allocation.identity;
    const Status status = (*rank.boards)->share(rank.bootstrap, allocation, soon());
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_TRUE(contains(status.message(), "rank 1: ")) << status.message();
    EXPECT_TRUE(contains(status.message(), "has ended")) << status.message();
    EXPECT_EQ((*rank.boards)->place_of(memory, 1), std::nullopt);
    rank.device->release(memory);
  });
}

TEST(Sharing, WhatIsStillSharedEndsWithTheBoards) {
  run(2, exporting_devices(), [](Rank& rank) {
    ASSERT_OK(rank.boards.status());
    const Allocation allocation = *rank.device->allocation_of(filled(rank, 64));
    ASSERT_OK((*rank.boards)->share(rank.bootstrap, allocation, soon()));
    rank.boards->reset();
    EXPECT_EQ(exporting(rank).shared, 0);
    EXPECT_TRUE(exporting(rank).imports.empty());
  });
}

}  // namespace
}  // namespace tutti
