// Boards on whatever devices there are: two ranks, as threads and as processes, on one device, made
// of threads and, where there is one, a GPU. Memory is looked at by copies only.
//
// Everything happens in processes of its own, since CUDA does not survive a fork.
//
// ROOMS: cuda_p2p
// TIER: fast gpu

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bootstrap/thread_bootstrap.h"
#include "device/cuda_device.h"
#include "device/thread_device.h"
#include "expect_ok.h"
#include "pages.h"
#include "pipe_bootstrap.h"
#include "processes.h"
#include "transports/cuda_p2p/boards.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using Codes = std::vector<int>;

constexpr std::size_t kScratch = 1 << 20;
constexpr std::size_t kBytes = 3 << 20;  // of a buffer
constexpr int kNoDevice = 77;

Deadline soon() { return std::chrono::steady_clock::now() + 20s; }

std::byte value_of(int rank) { return static_cast<std::byte>(0x50 + rank); }

// Reads and writes memory of a device, byte by byte.
class Hand {
 public:
  explicit Hand(Device& device)
      : device_(device),
        stream_(*device.make_stream()),
        page_(4096),
        pinned_(*device.pin(page_.span())) {}
  ~Hand() {
    device_.unpin(page_.span().data());
    device_.end_stream(stream_);
  }
  Hand(const Hand&) = delete;
  Hand& operator=(const Hand&) = delete;

  std::byte read(const std::byte* from) {
    page_.span()[0] = std::byte{0};
    EXPECT_OK(device_.copy(stream_, pinned_, from, 1));
    EXPECT_OK(device_.synchronize(stream_, 10s));
    return page_.span()[0];
  }
  std::byte* read_address(const void* from) {
    EXPECT_OK(device_.copy(stream_, pinned_, from, sizeof(std::byte*)));
    EXPECT_OK(device_.synchronize(stream_, 10s));
    return *reinterpret_cast<std::byte**>(page_.span().data());
  }
  void write(std::byte* to, std::byte value) {
    page_.span()[0] = value;
    EXPECT_OK(device_.copy(stream_, to, pinned_, 1));
    EXPECT_OK(device_.synchronize(stream_, 10s));
  }

 private:
  Device& device_;
  const Stream stream_;
  const test::Pages page_;
  std::byte* const pinned_;
};

// What two ranks do with their boards; whether they are of one process.
void use(const std::shared_ptr<Device>& device, Bootstrap& bootstrap, bool one_process) {
  const auto created = Boards::create(device, bootstrap, kScratch, soon());
  ASSERT_OK(created.status());
  Boards& boards = **created;
  EXPECT_EQ(boards.one_process(), one_process);
  EXPECT_EQ(boards.kernels_take_turns(), !one_process && !device->facts().shares_kernels);
  EXPECT_EQ(boards.ranks_per_device(), 2);
  const int rank = bootstrap.rank(), peer = 1 - rank;
  Hand hand(*device);
  const auto meet = [&](std::uint64_t mine) {
    const auto all = bootstrap.all_gather(std::to_string(mine), soon());
    EXPECT_OK(all.status());
    return std::stoull((*all)[static_cast<std::size_t>(peer)]);
  };

  // What this rank writes into the peer's scratch, the peer reads there.
  const cuda::Place scratch = *boards.place_of(boards.scratch() + kScratch - 1, 1);
  EXPECT_EQ(hand.read(boards.at(peer, scratch)), std::byte{0});
  meet(0);
  hand.write(boards.at(peer, scratch), value_of(rank));
  meet(0);
  EXPECT_EQ(hand.read(boards.scratch() + kScratch - 1), value_of(peer));

  // The same of an allocation that is shared: the middle of it.
  std::byte* const memory = *device->allocate(kBytes);
  std::byte* const middle = memory + kBytes / 2 + 1;
  hand.write(middle, value_of(rank));
  const Allocation allocation = *device->allocation_of(middle);
  EXPECT_EQ(boards.place_of(middle, 1).has_value(), one_process);
  ASSERT_OK(boards.share(bootstrap, allocation, soon()));
  const cuda::Place theirs = meet(*boards.place_of(middle, 1));
  EXPECT_EQ(hand.read(boards.at(peer, theirs)), value_of(peer));
  std::byte* const* const entry =
      boards.team().shared + peer * cuda::kMostShared + (theirs >> cuda::kPlaceShift);
  const std::uint64_t offset = theirs & ((std::uint64_t{1} << cuda::kPlaceShift) - 1);
  EXPECT_EQ(hand.read_address(entry) + offset, boards.at(peer, theirs));
  meet(0);
  ASSERT_OK(boards.withdraw(bootstrap, allocation, soon()));
  device->release(memory);
}

using MakeDevice = std::function<std::shared_ptr<Device>()>;
struct Maker {
  const char* name;
  MakeDevice make;  // answers none where it cannot be had
};
void PrintTo(const Maker& maker, std::ostream* out) { *out << maker.name; }

std::shared_ptr<Device> make_gpu() {
  Result<std::unique_ptr<Device>> device = open_device(0, {});
  return device.ok() ? std::move(*device) : nullptr;
}

class OnDevice : public testing::TestWithParam<Maker> {
 protected:
  static void check(const Codes& codes) {
    if (codes == Codes(codes.size(), kNoDevice))
      GTEST_SKIP() << "no " << GetParam().name << " here";
    EXPECT_EQ(codes, Codes(codes.size(), 0));
  }
};
INSTANTIATE_TEST_SUITE_P(
    Boards, OnDevice,
    testing::Values(Maker{"threads",
                          [] { return std::make_shared<ThreadDevice>(ThreadDeviceSettings()); }},
                    Maker{"cuda", &make_gpu}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(OnDevice, ThreadsReachEachOther) {
  check(test::run_ranks_as_processes(1, [](int) {
    const std::shared_ptr<Device> device = GetParam().make();
    if (!device) return kNoDevice;
    auto bootstraps = make_thread_bootstraps(2);
    test::run_ranks_as_threads(2, [&](int rank) {
      use(device, *bootstraps[static_cast<std::size_t>(rank)], /*one_process=*/true);
      return 0;
    });
    return 0;
  }));
}

TEST_P(OnDevice, ProcessesReachEachOther) {
  const test::PipeWires wires(2);
  check(test::run_ranks_as_processes(2, [&](int rank) {
    const std::shared_ptr<Device> device = GetParam().make();
    if (!device) return kNoDevice;
    test::PipeBootstrap bootstrap(wires, rank);
    use(device, bootstrap, /*one_process=*/false);
    return 0;
  }));
}

}  // namespace
}  // namespace tutti
