// Devices: what device.h promises, of ThreadDevice and, where there is a GPU, of CudaDevice.
//
// ROOMS: device
// TIER: fast gpu

#include "device/device.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#include "device/cuda_device.h"
#include "device/thread_device.h"
#include "expect_ok.h"
#include "pages.h"
#include "processes.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;

constexpr auto kSoon = 10s;
constexpr std::size_t kLarge = std::size_t{3} << 20;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

using MakeDevice = std::function<std::unique_ptr<Device>()>;
struct Maker {
  const char* name;
  MakeDevice make;  // answers none where it cannot be had
};

void PrintTo(const Maker& maker, std::ostream* out) { *out << maker.name; }

class DeviceSuite : public testing::TestWithParam<Maker> {
 protected:
  void SetUp() override {
    device_ = GetParam().make();
    if (device_ == nullptr) GTEST_SKIP() << "no " << GetParam().name << " here";
  }

  template <class T>
  T* allocate(std::size_t count) {
    const Result<std::byte*> memory = device_->allocate(count * sizeof(T));
    EXPECT_OK(memory.status());
    return reinterpret_cast<T*>(*memory);
  }

  Stream make_stream() {
    const Result<Stream> stream = device_->make_stream();
    EXPECT_OK(stream.status());
    return *stream;
  }

  void finish(Stream stream) { EXPECT_OK(device_->synchronize(stream, kSoon)); }

  std::unique_ptr<Device> device_;
};

// Memory of the host that the device reaches: pages of its own, as a GPU pins whole ones.
template <class T>
class Pinned {
 public:
  Pinned(Device& device, std::size_t count)
      : device_(device), pages_(count * sizeof(T)), count_(count) {
    const Result<std::byte*> seen = device.pin(pages_.span());
    EXPECT_OK(seen.status());
    seen_ = reinterpret_cast<T*>(*seen);
  }
  ~Pinned() { device_.unpin(pages_.span().data()); }

  T* seen_by_device() const { return seen_; }
  std::span<T> values() const { return {reinterpret_cast<T*>(pages_.span().data()), count_}; }

 private:
  Device& device_;
  test::Pages pages_;
  std::size_t count_;
  T* seen_ = nullptr;
};

TEST_P(DeviceSuite, SaysWhatItIs) {
  EXPECT_FALSE(device_->facts().name.empty());
  EXPECT_GE(device_->facts().multiprocessors, 1);
  EXPECT_NE(device_->facts().uuid, (std::array<std::uint8_t, 16>{}));
  EXPECT_EQ(GetParam().make()->facts(), device_->facts());
}

TEST_P(DeviceSuite, MemoryIsZeroedAndAligned) {
  std::byte* const memory = allocate<std::byte>(kLarge);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 256, 0u);
  Pinned<std::byte> seen(*device_, kLarge);
  std::memset(seen.values().data(), 1, kLarge);
  ASSERT_OK(device_->copy(nullptr, seen.seen_by_device(), memory, kLarge));
  finish(nullptr);
  EXPECT_EQ(std::count(seen.values().begin(), seen.values().end(), std::byte{0}),
            static_cast<std::ptrdiff_t>(kLarge));
  device_->release(memory);
}

TEST_P(DeviceSuite, AStreamKeepsItsOrder) {
  constexpr int kCopies = 200;
  const Stream stream = make_stream();
  int* const memory = allocate<int>(2);
  Pinned<int> host(*device_, kCopies + 1);
  std::iota(host.values().begin(), host.values().end(), 0);
  for (int i = 0; i < kCopies; ++i) {
    ASSERT_OK(device_->copy(stream, &memory[i % 2], host.seen_by_device() + i, sizeof(int)));
  }
  ASSERT_OK(device_->copy(stream, host.seen_by_device() + kCopies, &memory[1], sizeof(int)));
  finish(stream);
  EXPECT_EQ(host.values()[kCopies], kCopies - 1);
  device_->end_stream(stream);
  device_->release(reinterpret_cast<std::byte*>(memory));
}

TEST_P(DeviceSuite, AStreamWaitsForAFlagOfAnother) {
  if (!device_->facts().waits_on_memory) GTEST_SKIP() << "streams cannot wait for memory";
  const Stream waits = make_stream();
  const Stream sets = make_stream();
  std::uint32_t* const flag = allocate<std::uint32_t>(1);
  Pinned<int> host(*device_, 2);
  host.values()[0] = 7;
  ASSERT_OK(device_->wait_until(waits, flag, 2));
  ASSERT_OK(device_->copy(waits, host.seen_by_device() + 1, host.seen_by_device(), sizeof(int)));
  EXPECT_EQ(device_->synchronize(waits, 20ms).code(), Code::kTimeout);
  EXPECT_EQ(host.values()[1], 0);
  ASSERT_OK(device_->set(sets, flag, 1));  // not yet
  finish(sets);
  EXPECT_EQ(device_->synchronize(waits, 20ms).code(), Code::kTimeout);
  ASSERT_OK(device_->set(sets, flag, 3));  // more than what is waited for
  finish(waits);
  EXPECT_EQ(host.values()[1], 7);
  for (const Stream stream : {waits, sets}) {
    finish(stream);
    device_->end_stream(stream);
  }
  device_->release(reinterpret_cast<std::byte*>(flag));
}

TEST_P(DeviceSuite, AFlagMayPassTheLargestNumber) {
  if (!device_->facts().waits_on_memory) GTEST_SKIP() << "streams cannot wait for memory";
  const Stream stream = make_stream();
  std::uint32_t* const flag = allocate<std::uint32_t>(1);
  ASSERT_OK(device_->set(stream, flag, 2));
  ASSERT_OK(device_->wait_until(stream, flag, 0xfffffffe));  // 4 before 2
  finish(stream);
  device_->end_stream(stream);
  device_->release(reinterpret_cast<std::byte*>(flag));
}

TEST_P(DeviceSuite, AnAddressInsideBelongsToItsAllocation) {
  std::byte* const memory = allocate<std::byte>(kLarge);
  const Result<Allocation> whole = device_->allocation_of(memory);
  ASSERT_OK(whole.status());
  EXPECT_EQ(whole->base, memory);
  EXPECT_GE(whole->bytes, kLarge);
  for (const std::size_t offset : {std::size_t{1}, kLarge / 2, kLarge - 1}) {
    const Result<Allocation> inside = device_->allocation_of(memory + offset);
    ASSERT_OK(inside.status());
    EXPECT_EQ(*inside, *whole) << offset;
  }
  device_->release(memory);
}

TEST_P(DeviceSuite, MemoryOfTheHostIsNone) {
  int on_the_stack = 0;
  const Status status = device_->allocation_of(&on_the_stack).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_TRUE(contains(status.message(), "is memory of the host")) << status.message();
  Pinned<int> pinned(*device_, 100);
  const Status of_pinned = device_->allocation_of(pinned.seen_by_device() + 50).status();
  EXPECT_EQ(of_pinned.code(), Code::kInvalidArgument);
  EXPECT_TRUE(contains(of_pinned.message(), "is memory of the host")) << of_pinned.message();
  EXPECT_EQ(device_->allocation_of(nullptr).status().code(), Code::kInvalidArgument);
}

TEST_P(DeviceSuite, AnotherAllocationAtTheSamePlaceHasAnotherIdentity) {
  std::byte* memory = allocate<std::byte>(kLarge);
  const Allocation first = *device_->allocation_of(memory);
  device_->release(memory);
  EXPECT_FALSE(device_->allocation_of(first.base).ok());
  memory = allocate<std::byte>(kLarge);
  EXPECT_NE(device_->allocation_of(memory)->identity, first.identity);
  EXPECT_EQ(device_->share(first).status().code(), Code::kInvalidArgument);
  device_->release(memory);
}

TEST_P(DeviceSuite, SynchronizeAnswersInTime) {
  if (!device_->facts().waits_on_memory) GTEST_SKIP() << "streams cannot wait for memory";
  const Stream stream = make_stream();
  std::uint32_t* const flag = allocate<std::uint32_t>(1);
  ASSERT_OK(device_->wait_until(stream, flag, 1));
  const auto begin = std::chrono::steady_clock::now();
  const Status late = device_->synchronize(stream, 50ms);
  EXPECT_EQ(late.code(), Code::kTimeout);
  EXPECT_TRUE(contains(late.message(), "50 ms")) << late.message();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
  const Stream other = make_stream();
  ASSERT_OK(device_->set(other, flag, 1));
  finish(stream);
  finish(other);
  device_->end_stream(other);
  device_->end_stream(stream);
  device_->release(reinterpret_cast<std::byte*>(flag));
}

TEST_P(DeviceSuite, StreamsAreNotCaptured) {
  const Stream stream = make_stream();
  EXPECT_FALSE(device_->look_at(stream)->capturing);
  EXPECT_FALSE(device_->look_at(nullptr)->capturing);
  device_->end_stream(stream);
}

TEST_P(DeviceSuite, BadArgumentsAreNamed) {
  EXPECT_EQ(device_->allocate(0).status().code(), Code::kInvalidArgument);
  const Status too_much = device_->allocate(std::size_t{1} << 60).status();
  EXPECT_FALSE(too_much.ok());
  EXPECT_TRUE(contains(too_much.message(), std::to_string(std::size_t{1} << 60)))
      << too_much.message();
  EXPECT_EQ(device_->pin({}).status().code(), Code::kInvalidArgument);
  const Status no_kernel = device_->launch(nullptr, {.kernel = "nonesuch"});
  EXPECT_EQ(no_kernel.code(), Code::kInvalidArgument);
  EXPECT_TRUE(contains(no_kernel.message(), "nonesuch")) << no_kernel.message();
  EXPECT_EQ(device_->import_memory({}).status().code(), Code::kInvalidArgument);
  std::uint32_t* const flag = allocate<std::uint32_t>(2);
  auto* const between = reinterpret_cast<std::uint32_t*>(reinterpret_cast<std::byte*>(flag) + 1);
  const Status askew = device_->set(nullptr, between, 1);
  EXPECT_EQ(askew.code(), Code::kInvalidArgument);
  EXPECT_TRUE(contains(askew.message(), "aligned")) << askew.message();
  device_->release(reinterpret_cast<std::byte*>(flag));
}

TEST_P(DeviceSuite, ManyThreadsMayUseIt) {
  Pinned<int> host(*device_, 8);
  std::iota(host.values().begin(), host.values().end(), 1);
  test::run_ranks_as_threads(8, [&](int rank) {
    const Stream stream = *device_->make_stream();
    for (int i = 0; i < 20; ++i) {
      std::byte* const memory = *device_->allocate(4096);
      int* const mine = host.seen_by_device() + rank;
      EXPECT_OK(device_->copy(stream, memory, mine, sizeof(int)));
      EXPECT_OK(device_->copy(stream, mine, memory, sizeof(int)));
      EXPECT_OK(device_->synchronize(stream, kSoon));
      device_->release(memory);
    }
    device_->end_stream(stream);
    return 0;
  });
  for (int rank = 0; rank < 8; ++rank) EXPECT_EQ(host.values()[rank], rank + 1);
}

std::unique_ptr<Device> make_thread_device(std::chrono::microseconds most_delay) {
  ThreadDeviceSettings settings;
  settings.delays = {.most = most_delay, .seed = 7};
  return std::make_unique<ThreadDevice>(std::move(settings));
}

std::unique_ptr<Device> make_cuda_device() {
  Result<std::unique_ptr<Device>> device = open_device(0, {});
  return device.ok() ? std::move(*device) : nullptr;
}

INSTANTIATE_TEST_SUITE_P(
    Every, DeviceSuite,
    testing::Values(Maker{"threads", [] { return make_thread_device(0us); }},
                    Maker{"slow_threads", [] { return make_thread_device(200us); }},
                    Maker{"cuda", &make_cuda_device}),
    [](const testing::TestParamInfo<Maker>& info) { return std::string(info.param.name); });

// Of ThreadDevice alone.

// Blocks that wait for each other, and write where each was.
struct Meeting {
  std::uint32_t* met;
  std::uint32_t* seen;
  std::uint32_t number;
};

void meet(const void* arguments, int block, int blocks) {
  const auto& meeting = *static_cast<const Meeting*>(arguments);
  std::atomic_ref met(*meeting.met);
  met.fetch_add(1, std::memory_order_acq_rel);
  while (met.load(std::memory_order_acquire) < static_cast<std::uint32_t>(blocks)) {
    std::this_thread::yield();
  }
  meeting.seen[block] = meeting.number;
}

ThreadDeviceSettings with_kernels(int ordinal = 0) {
  ThreadDeviceSettings settings;
  settings.facts = thread_device_facts(ordinal);
  settings.kernels = {{"meet", &meet}};
  return settings;
}

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

TEST(ThreadDevice, BlocksRunAtOnceWithArgumentsAsTheyWereAtLaunch) {
  ThreadDeviceSettings settings = with_kernels();
  settings.delays = {.most = 300us, .seed = 1};
  ThreadDevice device(std::move(settings));
  auto* const memory = reinterpret_cast<std::uint32_t*>(*device.allocate(4096));
  for (const int blocks : {1, 5, 32, 3}) {
    memory[0] = 0;
    Meeting meeting = {memory, memory + 1, static_cast<std::uint32_t>(blocks)};
    ASSERT_OK(device.launch(
        nullptr,
        {.kernel = "meet", .blocks = blocks, .threads = 1, .arguments = bytes_of(meeting)}));
    meeting.number = 99;
    ASSERT_OK(device.synchronize(nullptr, kSoon));
    for (int block = 0; block < blocks; ++block) {
      EXPECT_EQ(memory[1 + block], static_cast<std::uint32_t>(blocks)) << block;
    }
  }
}

TEST(ThreadDevice, ARecordingIsReplayedWithItsArguments) {
  ThreadDevice device(with_kernels());
  const Stream stream = *device.make_stream();
  const Stream other = *device.make_stream();
  auto* const memory = reinterpret_cast<std::uint32_t*>(*device.allocate(4096));
  const Meeting meeting = {memory, memory + 1, 5};
  device.begin_recording(stream);
  EXPECT_TRUE(device.look_at(stream)->capturing);
  EXPECT_EQ(device.synchronize(stream, 1ms).code(), Code::kInvalidArgument);
  ASSERT_OK(device.set(stream, memory, 0));
  ASSERT_OK(device.launch(
      stream, {.kernel = "meet", .blocks = 2, .threads = 1, .arguments = bytes_of(meeting)}));
  const ThreadStream::Recording recording = device.end_recording(stream);
  EXPECT_FALSE(device.look_at(stream)->capturing);
  ASSERT_OK(device.synchronize(stream, kSoon));
  EXPECT_EQ(memory[1], 0u);
  for (const Stream where : {other, other, stream}) {
    memory[1] = memory[2] = 0;
    device.replay(where, recording);
    ASSERT_OK(device.synchronize(where, kSoon));
    EXPECT_EQ(memory[1], 5u);
    EXPECT_EQ(memory[2], 5u);
  }
}

TEST(ThreadDevice, DevicesOfAProcessKnowEachOthersMemory) {
  ThreadDeviceSettings settings = with_kernels(0);
  ThreadDeviceSettings next = with_kernels(1);
  next.memory = settings.memory;
  ThreadDevice zero(std::move(settings));
  ThreadDevice one(std::move(next));
  std::byte* const memory = *one.allocate(100);
  std::byte* const own = *zero.allocate(100);
  const Status other = zero.allocation_of(memory + 99).status();
  EXPECT_TRUE(contains(other.message(), "memory of device 1")) << other.message();
  const Status unreached = zero.copy(nullptr, own, memory, 100);
  EXPECT_EQ(unreached.code(), Code::kInvalidArgument);
  EXPECT_TRUE(contains(unreached.message(), "does not reach")) << unreached.message();
  ASSERT_OK(zero.reach(one.facts()));
  memory[99] = std::byte{3};
  ASSERT_OK(zero.copy(nullptr, own, memory, 100));
  ASSERT_OK(zero.synchronize(nullptr, kSoon));
  EXPECT_EQ(own[99], std::byte{3});
  EXPECT_NE(zero.facts().uuid, one.facts().uuid);
}

TEST(ThreadDevice, DevicesThatReachNoOtherSaySo) {
  ThreadDeviceSettings settings = with_kernels(0);
  settings.reaches_others = false;
  ThreadDevice device(std::move(settings));
  EXPECT_OK(device.reach(thread_device_facts(0)));
  const Status refused = device.reach(thread_device_facts(3));
  EXPECT_EQ(refused.code(), Code::kNotSupported);
  EXPECT_TRUE(contains(refused.message(), "device 3")) << refused.message();
}

TEST(ThreadDevice, SeveralObjectsMayBeOneDevice) {
  ThreadDeviceSettings settings = with_kernels(0);
  ThreadDeviceSettings again = with_kernels(0);
  again.memory = settings.memory;
  ThreadDevice first(std::move(settings));
  std::byte* memory = nullptr;
  {
    ThreadDevice second(std::move(again));
    memory = *first.allocate(100);
    EXPECT_EQ(second.allocation_of(memory)->base, memory);
    ASSERT_OK(second.allocate(100).status());
  }
  EXPECT_EQ(first.allocation_of(memory)->base, memory);  // the other took its own only
}

TEST(ThreadDevice, CopiesOutsideOfWhatIsReachedAreRefused) {
  ThreadDevice device(with_kernels());
  std::byte* const memory = *device.allocate(100);
  std::byte host[200] = {};
  const Status pageable = device.copy(nullptr, memory, host, 100);
  EXPECT_EQ(pageable.code(), Code::kInvalidArgument);
  EXPECT_TRUE(contains(pageable.message(), "not pinned")) << pageable.message();
  ASSERT_OK(device.pin(host).status());
  EXPECT_EQ(device.pin(std::span(host).subspan(50)).status().code(), Code::kInvalidArgument);
  const Status too_long = device.copy(nullptr, memory + 50, host, 51);
  EXPECT_EQ(too_long.code(), Code::kInvalidArgument);
  EXPECT_TRUE(contains(too_long.message(), "51 bytes")) << too_long.message();
  EXPECT_OK(device.copy(nullptr, memory + 50, host, 50));
  EXPECT_OK(device.synchronize(nullptr, kSoon));
  device.unpin(host);
}

TEST(ThreadDevice, AStreamOfAnotherDeviceIsRefused) {
  ThreadDevice device(with_kernels(0));
  ThreadDevice other(with_kernels(1));
  const Status status = device.look_at(*other.make_stream()).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_TRUE(contains(status.message(), "not one of device 0")) << status.message();
}

TEST(ThreadDevice, EndsWithStreamsThatWait) {
  ThreadDevice device(with_kernels());
  auto* const flag = reinterpret_cast<std::uint32_t*>(*device.allocate(4));
  ASSERT_OK(device.wait_until(*device.make_stream(), flag, 1));
  ASSERT_OK(device.wait_until(nullptr, flag, 1));
}

// The exporting rank writes, the importing one answers in the same memory.
TEST(ThreadDevice, ProcessesShareMemory) {
  int to_importer[2];
  int to_exporter[2];
  ASSERT_EQ(pipe(to_importer), 0);
  ASSERT_EQ(pipe(to_exporter), 0);
  const auto exporter = [&] {
    ThreadDevice device(with_kernels());
    std::byte* const memory = *device.allocate(kLarge);
    memory[kLarge - 1] = std::byte{42};
    const SharedMemory shared = *device.share(*device.allocation_of(memory));
    EXPECT_EQ(write(to_importer[1], &shared, sizeof shared), ssize_t{sizeof shared});
    char done = 0;
    EXPECT_EQ(read(to_exporter[0], &done, 1), 1);
    EXPECT_EQ(memory[0], std::byte{43});
    return 0;
  };
  const auto importer = [&] {
    SharedMemory shared;
    EXPECT_EQ(read(to_importer[0], &shared, sizeof shared), ssize_t{sizeof shared});
    ThreadDevice device(with_kernels());
    const Result<std::byte*> memory = device.import_memory(shared);
    EXPECT_OK(memory.status());
    if (!memory.ok()) return 1;
    EXPECT_EQ((*memory)[kLarge - 1], std::byte{42});
    EXPECT_OK(device.copy(nullptr, *memory, *memory + kLarge - 1, 1));  // it reaches it
    EXPECT_OK(device.synchronize(nullptr, kSoon));
    (*memory)[0] = std::byte{43};
    EXPECT_TRUE(contains(device.allocation_of(*memory).status().message(), "another process"));
    device.close_import(*memory);
    EXPECT_EQ(write(to_exporter[1], "!", 1), 1);
    return 0;
  };
  EXPECT_EQ(test::run_ranks_as_processes(
                2, [&](int rank) { return rank == 0 ? exporter() : importer(); }),
            (std::vector<int>{0, 0}));
  for (const int end : {to_importer[0], to_importer[1], to_exporter[0], to_exporter[1]}) close(end);
}

TEST(ThreadDevice, AnImportIsMappedOnceUntilClosedAsOften) {
  ThreadDevice exporter(with_kernels(0));
  ThreadDevice importer(with_kernels(1));
  std::byte* const memory = *exporter.allocate(100);
  const Allocation allocation = *exporter.allocation_of(memory);
  const SharedMemory shared = *exporter.share(allocation);
  const SharedMemory again = *exporter.share(allocation);
  std::byte* const first = *importer.import_memory(shared);
  EXPECT_EQ(*importer.import_memory(again), first);
  EXPECT_NE(first, memory);
  importer.close_import(first);
  memory[7] = std::byte{9};
  EXPECT_EQ(first[7], std::byte{9});
  importer.close_import(first);
  exporter.withdraw(shared);
  exporter.withdraw(shared);  // once more changes nothing
  EXPECT_OK(importer.import_memory(again).status());
  exporter.release(memory);
  const Status gone = importer
                          .import_memory({.kind = SharedMemory::Kind::kFile,
                                          .process = getpid(),
                                          .file = again.file,
                                          .invitation = again.invitation,
                                          .bytes = 100,
                                          .identity = 1234})
                          .status();
  EXPECT_EQ(gone, Status(Code::kSystem, "process " + std::to_string(getpid()) +
                                            " closed the connection without giving a file"));
}

TEST(ThreadDevice, WithdrawingWhatHasEndedSparesWhatCameAfter) {
  ThreadDevice device(with_kernels());
  std::byte* const first = *device.allocate(100);
  const SharedMemory ended = *device.share(*device.allocation_of(first));
  device.release(first);
  const SharedMemory next = *device.share(*device.allocation_of(*device.allocate(100)));
  device.withdraw(ended);
  EXPECT_OK(device.import_memory(next).status());
}

TEST(ThreadDevice, AnAllocationEndsWhereItEnds) {
  ThreadDevice device(with_kernels());
  std::byte* const memory = *device.allocate(100);
  EXPECT_OK(device.allocation_of(memory + 99).status());
  EXPECT_FALSE(device.allocation_of(memory + 100).ok());
  EXPECT_FALSE(device.allocation_of(memory - 1).ok());
}

TEST(ThreadDevice, DelaysAreTaken) {
  const auto time = [](std::uint64_t seed) {
    ThreadDeviceSettings settings = with_kernels();
    settings.delays = {.most = 20ms, .seed = seed};
    ThreadDevice device(std::move(settings));
    auto* const flag = reinterpret_cast<std::uint32_t*>(*device.allocate(4));
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 10; ++i) EXPECT_OK(device.set(nullptr, flag, 1));
    EXPECT_OK(device.synchronize(nullptr, kSoon));
    return std::chrono::steady_clock::now() - begin;
  };
  EXPECT_GE(time(1), 10ms);  // ten sleeps of up to 20 ms: less is as good as impossible
}

}  // namespace
}  // namespace tutti
