// CudaDevice over a driver that the test makes up: which calls it makes, what it says of errors,
// what it leaves behind. That the driver's functions do what is expected of them is shown by
// device_test.cc where there is a GPU.
//
// ROOMS: device
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>

#include "device/cuda_device.h"
#include "device/gpu_bench.h"
#include "device/opened_devices.h"
#include "expect_ok.h"
#include "made_up_driver.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using test::MadeUpDriver;

constexpr bool kByFile = true;
constexpr bool kByHandle = false;
const std::byte kFatbin[] = {std::byte{1}};
const char* const kNames[] = {"k"};
constexpr std::span<const std::byte> kFatbins[] = {kFatbin};
const KernelImage kImage = {kFatbins, kNames};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t open_files() {
  using std::filesystem::directory_iterator;
  return static_cast<std::size_t>(
      std::distance(directory_iterator("/proc/self/fd"), directory_iterator()));
}

class CudaDriver : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(driver_.called_without_context, 0);
    EXPECT_EQ(open_files(), files_before_);
  }

  /// Of which memory is shared so: as files where it can be virtual.
  std::unique_ptr<CudaDevice> open(bool by_file, int ordinal = 0) {
    driver_.attributes[driver::kVirtualMemorySupported] = by_file ? 1 : 0;
    Result<std::unique_ptr<CudaDevice>> device = CudaDevice::open(driver_.table(), ordinal, kImage);
    EXPECT_OK(device.status());
    return device.ok() ? std::move(*device) : nullptr;
  }

  Status failure_to_open(const KernelImage& image = kImage, int ordinal = 0) {
    return CudaDevice::open(driver_.table(), ordinal, image).status();
  }

  // A range that the driver knows, and that nothing lies behind.
  const std::byte* know(MadeUpDriver::Range range) {
    range.start = range.start == 0 ? 0x10000000 : range.start;
    range.bytes = range.bytes == 0 ? 4096 : range.bytes;
    driver_.ranges[range.start] = range;
    return reinterpret_cast<const std::byte*>(range.start);
  }

  const std::size_t files_before_ = open_files();
  MadeUpDriver driver_;
};

TEST_F(CudaDriver, FactsAreTheDrivers) {
  driver_.attributes[driver::kMpsEnabled] = 1;
  driver_.attributes[driver::kMulticastSupported] = 1;
  const auto device = open(kByFile, 1);
  DeviceFacts expected;
  expected.ordinal = 1;
  expected.name = "Made up 1";
  expected.uuid.fill(2);
  expected.multiprocessors = 132;
  expected.compute_capability = 90;
  expected.shares_kernels = true;
  expected.waits_on_memory = true;
  expected.has_kernels = true;
  expected.memory = MemoryKind::kCuda;
  expected.has_multicast = true;
  EXPECT_EQ(device->facts(), expected);
}

// Only where they are not in order by themselves; where neither can be had, nobody may write.
TEST_F(CudaDriver, WritesOfTheNetworkAreFlushedWhereTheyMust) {
  struct {
    int supported, ordering, options;
    bool taken, flushed;
  } const cases[] = {{1, 100, 0, true, false},
                     {1, 200, 1, true, false},
                     {1, 0, 1, true, true},
                     {1, 0, 2, false, false},
                     {0, 100, 1, false, false}};
  for (const auto& one : cases) {
    driver_.attributes[driver::kGpuDirectRdmaSupported] = one.supported;
    driver_.attributes[driver::kGpuDirectRdmaWritesOrdering] = one.ordering;
    driver_.attributes[driver::kGpuDirectRdmaFlushOptions] = one.options;
    const auto device = open(kByFile);
    EXPECT_EQ(device->facts().takes_network_writes, one.taken);
    if (!one.taken) continue;
    driver_.calls.clear();
    EXPECT_OK(device->flush_network_writes());
    const auto flushes =
        std::count(driver_.calls.begin(), driver_.calls.end(), "cuFlushGPUDirectRDMAWrites");
    EXPECT_EQ(flushes, one.flushed ? 1 : 0) << one.ordering;
  }
}

TEST_F(CudaDriver, EverythingIsGivenBack) {
  for (const bool by_file : {kByFile, kByHandle}) {
    {
      const auto device = open(by_file);
      std::byte* const kept = *device->allocate(100);  // never released
      device->withdraw(*device->share(*device->allocation_of(kept)));
      const std::size_t files = open_files();
      std::byte* const memory = *device->allocate(100);
      ASSERT_OK(device->share(*device->allocation_of(memory)).status());  // never withdrawn
      device->release(memory);
      EXPECT_EQ(open_files(), files);
      device->end_stream(*device->make_stream());
      ASSERT_OK(device->reach(open(by_file, 1)->facts()));
      int host = 0;
      device->unpin(*device->pin(std::as_writable_bytes(std::span(&host, 1))));
    }
    EXPECT_EQ(driver_.what_is_left(), "");
  }
}

TEST_F(CudaDriver, NothingIsLeftWhereOpeningFails) {
  open(kByFile);
  const std::vector<std::string> calls = driver_.calls;
  for (const std::string& call : calls) {
    if (contains(call, "Destroy") || contains(call, "Unload") || contains(call, "Release") ||
        call == "cuFuncGetParamInfo") {
      continue;  // no matter
    }
    driver_.errors = {{call, 2}};
    const Status status = failure_to_open();
    EXPECT_TRUE(contains(status.message(), call)) << call << ": " << status.to_string();
    EXPECT_TRUE(contains(status.message(), "CUDA_ERROR_OUT_OF_MEMORY (out of memory)"))
        << status.to_string();
    EXPECT_EQ(driver_.what_is_left(), "") << call;
  }
}

TEST_F(CudaDriver, NothingIsLeftWhereAllocatingFails) {
  for (const bool by_file : {kByFile, kByHandle}) {
    const auto device = open(by_file);
    driver_.calls.clear();
    device->release(*device->allocate(100));
    const std::vector<std::string> calls = driver_.calls;
    for (const std::string& call : calls) {
      if (contains(call, "Free") || contains(call, "Peer") || contains(call, "Pointer") ||
          contains(call, "Count") || contains(call, "Destroy")) {
        continue;  // no matter
      }
      driver_.errors = {{call, 2}};
      const Status status = device->allocate(100).status();
      EXPECT_TRUE(contains(status.message(), call)) << call << ": " << status.to_string();
      EXPECT_TRUE(driver_.ranges.empty() && driver_.files.empty() && driver_.reserved.empty())
          << call;
    }
    driver_.errors.clear();
  }
}

TEST_F(CudaDriver, ErrorsNameTheCallTheDeviceAndTheSize) {
  const auto device = open(kByHandle, 1);
  driver_.errors["cuMemAlloc"] = 2;
  EXPECT_EQ(device->allocate(100).status(),
            Status(Code::kSystem,
                   "cuMemAlloc of 100 bytes on device 1: CUDA_ERROR_OUT_OF_MEMORY "
                   "(out of memory)"));
  driver_.errors["cuMemcpyAsync"] = 12345;
  EXPECT_EQ(device->copy(nullptr, &driver_, &driver_, 3),
            Status(Code::kSystem,
                   "cuMemcpyAsync of 3 bytes on device 1: error 12345, which this "
                   "driver does not know"));
}

TEST_F(CudaDriver, ErrorsThatLastSaySo) {
  const auto device = open(kByHandle);
  for (const driver::Outcome outcome :
       {700, 702, 710, 714, 715, 716, 717, 718, 719, 214, 220, 226}) {
    driver_.errors["cuStreamQuery"] = outcome;
    const Status status = device->synchronize(nullptr, 1s);
    EXPECT_EQ(status.code(), Code::kSystem);
    EXPECT_TRUE(contains(status.message(), "cannot use the device any more")) << outcome;
  }
  driver_.errors["cuStreamQuery"] = 2;
  EXPECT_FALSE(contains(device->synchronize(nullptr, 1s).message(), "any more"));
}

TEST_F(CudaDriver, WithoutGpusItSaysWhy) {
  driver_.errors["cuInit"] = driver::kNoDevice;
  const Status none = failure_to_open();
  EXPECT_EQ(none.code(), Code::kNotSupported);
  EXPECT_TRUE(contains(none.message(), "no GPU can be used: cuInit: ")) << none.message();
  driver_.errors["cuInit"] = driver::kNotInitialized;
  EXPECT_TRUE(contains(failure_to_open().message(), "forked"));
  driver_.errors.clear();
  for (const int ordinal : {-1, 2}) {
    const Status other = failure_to_open(kImage, ordinal);
    EXPECT_EQ(other.code(), Code::kInvalidArgument);
    EXPECT_TRUE(contains(other.message(), "there is no device " + std::to_string(ordinal) + ": 2"))
        << other.message();
  }
}

TEST_F(CudaDriver, WithoutADriverItSaysSo) {
  if (load_driver().ok()) GTEST_SKIP() << "there is a driver here";
  const Status status = open_device(0, {}).status();
  EXPECT_EQ(status.code(), Code::kNotSupported);
  EXPECT_TRUE(contains(status.message(), "NVIDIA's driver cannot be used: libcuda.so.1"))
      << status.message();
}

// Whatever a caller has current stays so, and so does its mode of capture.
TEST_F(CudaDriver, TheCallersContextComesBack) {
  const driver::Context others = MadeUpDriver::context_of(7);
  MadeUpDriver::contexts() = {others};
  MadeUpDriver::capture_mode() = 1;
  const auto unchanged = [&](const char* after) {
    EXPECT_EQ(MadeUpDriver::contexts(), std::vector<driver::Context>{others}) << after;
    EXPECT_EQ(MadeUpDriver::capture_mode(), 1) << after;
  };
  for (const bool by_file : {kByFile, kByHandle}) {
    const auto device = open(by_file);
    unchanged("open");
    std::byte* const memory = *device->allocate(4096);
    unchanged("allocate");
    auto* const flag = reinterpret_cast<std::uint32_t*>(memory);
    const Result<SharedMemory> shared = device->share(*device->allocation_of(memory));
    ASSERT_OK(shared.status());
    unchanged("share");
    device->close_import(*device->import_memory(*shared));
    unchanged("import");
    const Stream stream = *device->make_stream();
    driver_.owner_of_stream[static_cast<driver::Stream>(stream)] = 0;
    unchanged("make_stream");
    EXPECT_OK(device->look_at(stream).status());
    driver_.owner_of_stream[static_cast<driver::Stream>(stream)] = 1;
    EXPECT_FALSE(device->look_at(stream).ok());
    unchanged("look_at");
    EXPECT_OK(device->set(stream, flag, 1));
    EXPECT_OK(device->wait_until(stream, flag, 1));
    EXPECT_OK(device->copy(stream, flag, flag + 1, 4));
    const std::byte arguments[16] = {};
    EXPECT_OK(device->launch(stream, {.kernel = "k", .arguments = arguments}));
    EXPECT_OK(device->synchronize(stream, 1s));
    unchanged("work");
    device->end_stream(stream);
    device->release(memory);
    unchanged("release");
  }
  unchanged("end");
  MadeUpDriver::contexts().clear();
  MadeUpDriver::capture_mode() = 0;
}

TEST_F(CudaDriver, MemoryIsPlainWhereItCannotBeVirtual) {
  const auto device = open(kByHandle);
  std::byte* const memory = *device->allocate(100);
  EXPECT_TRUE(driver_.was_called("cuMemAlloc"));
  EXPECT_FALSE(driver_.was_called("cuMemCreate"));
  EXPECT_EQ(std::count(memory, memory + 100, std::byte{0}), 100);
  const Allocation allocation = *device->allocation_of(memory + 99);
  EXPECT_EQ(allocation.base, memory);
  EXPECT_EQ(allocation.bytes, 100u);
  const SharedMemory shared = *device->share(allocation);
  EXPECT_EQ(shared.kind, SharedMemory::Kind::kHandle);
  EXPECT_EQ(shared.bytes, 100u);
  EXPECT_EQ(shared.process, getpid());
  EXPECT_EQ(shared.identity, allocation.identity);
  device->release(memory);
}

TEST_F(CudaDriver, MemoryIsPlainWhereTheDeviceHasNoOther) {
  driver_.attributes[driver::kPosixFileSupported] = 0;
  const auto device = open(kByFile);
  ASSERT_OK(device->allocate(100).status());
  EXPECT_TRUE(driver_.was_called("cuMemAlloc"));
}

TEST_F(CudaDriver, VirtualMemoryIsSeenByAllDevicesThatReachIt) {
  const auto device = open(kByFile);
  std::byte* const memory = *device->allocate(100);
  const auto address = reinterpret_cast<std::uint64_t>(memory);
  EXPECT_EQ(driver_.accessible[address], (std::vector<int>{0, 1}));
  EXPECT_EQ(device->allocation_of(memory)->bytes, MadeUpDriver::kGranularity);
  driver_.peers_reach = false;
  std::byte* const alone = *device->allocate(100);
  EXPECT_EQ(driver_.accessible[reinterpret_cast<std::uint64_t>(alone)], std::vector<int>{0});
}

TEST_F(CudaDriver, FilesAreImportedOnceAndClosedOnce) {
  const auto exporter = open(kByFile, 0);
  const auto importer = open(kByFile, 1);
  std::byte* const memory = *exporter->allocate(100);
  const SharedMemory shared = *exporter->share(*exporter->allocation_of(memory));
  EXPECT_EQ(shared.kind, SharedMemory::Kind::kFile);
  const SharedMemory again = *exporter->share(*exporter->allocation_of(memory));
  EXPECT_NE(shared.file, again.file);

  std::byte* const seen = *importer->import_memory(shared);
  EXPECT_EQ(*importer->import_memory(again), seen);
  EXPECT_EQ(
      std::count(driver_.calls.begin(), driver_.calls.end(), "cuMemImportFromShareableHandle"), 1);
  EXPECT_NE(seen, memory);
  EXPECT_EQ(driver_.accessible[reinterpret_cast<std::uint64_t>(seen)], std::vector<int>{1});
  seen[50] = std::byte{5};
  EXPECT_EQ(memory[50], std::byte{5});
  const Status others = importer->allocation_of(seen + 1).status();
  EXPECT_TRUE(contains(others.message(), "memory of another process")) << others.message();

  importer->close_import(seen);
  EXPECT_EQ(seen[50], std::byte{5});  // still mapped
  importer->close_import(seen);
  EXPECT_EQ(driver_.ranges.size(), 1u);
  exporter->withdraw(shared);
  exporter->withdraw(again);
  exporter->release(memory);
  const Status gone = importer->import_memory(again).status();
  EXPECT_TRUE(contains(gone.message(), "without giving a file")) << gone.message();
}

TEST_F(CudaDriver, HandlesAreImportedOnceAndClosedOnce) {
  const auto exporter = open(kByHandle, 0);
  const auto importer = open(kByHandle, 1);
  std::byte* const memory = *exporter->allocate(100);
  const SharedMemory shared = *exporter->share(*exporter->allocation_of(memory));
  std::byte* const seen = *importer->import_memory(shared);
  EXPECT_EQ(*importer->import_memory(shared), seen);
  int& opened = driver_.ipc_opened[reinterpret_cast<std::uint64_t>(seen)];
  EXPECT_EQ(opened, 1);
  importer->close_import(seen);
  EXPECT_EQ(opened, 1);
  importer->close_import(seen);
  EXPECT_EQ(opened, 0);
  driver_.errors["cuIpcOpenMemHandle"] = driver::kInvalidContext;
  const Status own = importer->import_memory(shared).status();
  EXPECT_TRUE(contains(own.message(), "of process " + std::to_string(getpid()))) << own.message();
}

TEST_F(CudaDriver, ImportsThatFailLeaveNothing) {
  const auto exporter = open(kByFile, 0);
  const auto importer = open(kByFile, 1);
  std::byte* const memory = *exporter->allocate(100);
  const SharedMemory shared = *exporter->share(*exporter->allocation_of(memory));
  for (const char* const call :
       {"cuMemImportFromShareableHandle", "cuMemAddressReserve", "cuMemMap", "cuMemSetAccess"}) {
    driver_.errors = {{call, driver::kNotSupported}};
    const Status status = importer->import_memory(shared).status();
    EXPECT_EQ(status.code(), Code::kNotSupported) << call;
    EXPECT_TRUE(contains(status.message(), call)) << status.message();
    EXPECT_EQ(driver_.ranges.size(), 1u) << call;
    EXPECT_EQ(driver_.reserved.size(), 1u) << call;
    EXPECT_EQ(driver_.files.size(), 1u) << call;
  }
  driver_.errors.clear();
  EXPECT_EQ(importer->import_memory({}).status().code(), Code::kInvalidArgument);
}

TEST_F(CudaDriver, MemoryOfOthersIsWhatItIs) {
  const auto device = open(kByFile);
  const auto says = [&](const std::byte* address, const std::string& what) {
    const Status status = device->allocation_of(address).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_TRUE(contains(status.message(), " is " + what + ", expected memory of device 0"))
        << status.message();
  };
  says(know({.ordinal = 1}), "memory of device 1");
  says(know({.type = driver::kTypeHost}), "memory of the host, pinned");
  says(know({.managed = true}), "managed memory");
  driver_.ranges.clear();
  says(reinterpret_cast<const std::byte*>(&driver_), "memory of the host");
  says(nullptr, "memory of the host");
}

TEST_F(CudaDriver, MemoryThatCannotBeSharedIsRefused) {
  const auto device = open(kByFile);
  const auto says = [&](const std::byte* address, const std::string& what) {
    const Result<Allocation> allocation = device->allocation_of(address);
    ASSERT_OK(allocation.status());
    const Status status = device->share(*allocation).status();
    EXPECT_EQ(status.code(), Code::kNotSupported);
    EXPECT_TRUE(contains(status.message(), what)) << status.message();
  };
  says(know({.legacy = false, .pool = 5}), "memory of a pool");
  says(know({.legacy = false}), "gives no handles");
  driver_.files[77] = dup(0);
  driver_.users[77] = 1;
  says(know({.legacy = false, .memory = 77}), "without a file descriptor");
  close(driver_.files[77]);
}

// PyTorch's expandable segments: one range of addresses, in which pieces come and go.
TEST_F(CudaDriver, OfARangeOfAddressesTheMappingIsTheAllocation) {
  const auto device = open(kByFile);
  MadeUpDriver::Range range;
  range.start = 0x10000000;
  range.bytes = 1 << 30;
  range.buffer = 3;
  range.legacy = false;
  range.mapping_start = 0x10200000;
  range.mapping_bytes = 2 << 20;
  range.block = 3;
  range.memory = 77;
  driver_.files[77] = dup(0);
  driver_.users[77] = 1;
  know(range);
  const auto* const inside = reinterpret_cast<const std::byte*>(std::uintptr_t{0x10200100});
  const Allocation first = *device->allocation_of(inside);
  EXPECT_EQ(reinterpret_cast<std::uint64_t>(first.base), range.mapping_start);
  EXPECT_EQ(first.bytes, range.mapping_bytes);
  EXPECT_NE(first.identity, range.buffer);  // blocks are counted apart
  range.block = 4;
  know(range);
  EXPECT_NE(device->allocation_of(inside)->identity, first.identity);
  EXPECT_TRUE(contains(device->share(first).status().message(), "has ended"));
  EXPECT_EQ(driver_.users[77], 1);
  close(driver_.files[77]);
}

TEST_F(CudaDriver, ReachEnablesPeerAccess) {
  const auto device = open(kByFile, 0);
  const auto other = open(kByFile, 1);
  EXPECT_OK(device->reach(device->facts()));
  EXPECT_FALSE(driver_.was_called("cuCtxEnablePeerAccess"));
  EXPECT_OK(device->reach(other->facts()));
  EXPECT_TRUE(driver_.was_called("cuCtxEnablePeerAccess"));
  driver_.errors["cuCtxEnablePeerAccess"] = driver::kPeerAccessAlreadyEnabled;
  EXPECT_OK(device->reach(other->facts()));
  driver_.errors["cuCtxEnablePeerAccess"] = 711;
  EXPECT_TRUE(contains(device->reach(other->facts()).message(), "to device 1"));
  driver_.peers_reach = false;
  const Status apart = device->reach(other->facts());
  EXPECT_EQ(apart.code(), Code::kNotSupported);
  EXPECT_TRUE(contains(apart.message(), "device 0 cannot reach memory of device 1"))
      << apart.message();
}

TEST_F(CudaDriver, KernelsAreLoadedBeforeTheirFirstLaunch) {
  driver_.kernels = {{"k", 16}, {"another", 8}};
  const char* const names[] = {"k", "another"};
  ASSERT_OK(failure_to_open({kFatbins, names}));
  EXPECT_EQ(std::count(driver_.calls.begin(), driver_.calls.end(), "cuFuncLoad"), 2);
  const char* const missing[] = {"k", "nonesuch"};
  const Status unknown = failure_to_open({kFatbins, missing});
  EXPECT_TRUE(contains(unknown.message(), "cuModuleGetFunction of kernel nonesuch"))
      << unknown.message();
  const Status empty = failure_to_open({{}, names});
  EXPECT_EQ(empty.code(), Code::kNotSupported);
  EXPECT_TRUE(contains(empty.message(), "without kernels")) << empty.message();
  EXPECT_OK(failure_to_open({}));
  // Of another GPU, or of a compiler that is newer than the driver: it can be used without kernels.
  for (const driver::Outcome outcome : {200, 209, 221, 222, 223}) {
    driver_.errors["cuModuleLoadData"] = outcome;
    EXPECT_EQ(failure_to_open().code(), Code::kNotSupported) << outcome;
  }
}

TEST_F(CudaDriver, WhoOpensADeviceThatIsOpenGetsTheSame) {
  OpenedDevices opened([&](int ordinal) -> Result<std::shared_ptr<Device>> {
    auto device = CudaDevice::open(driver_.table(), ordinal, kImage);
    if (!device.ok()) return device.status();
    return std::shared_ptr<Device>(std::move(*device));
  });
  const auto loads = [&] {
    return std::count(driver_.calls.begin(), driver_.calls.end(), "cuModuleLoadData");
  };
  {
    const auto first = opened.get(0), second = opened.get(0), other = opened.get(1);
    ASSERT_TRUE(first.ok() && second.ok() && other.ok());
    EXPECT_EQ(*first, *second);
    EXPECT_EQ((*other)->facts().ordinal, 1);
    EXPECT_EQ(loads(), 2);
  }
  EXPECT_EQ(driver_.what_is_left(), "");
  EXPECT_OK(opened.get(0).status());
  EXPECT_EQ(opened.get(2).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(loads(), 3);
}

TEST_F(CudaDriver, LaunchesGoToTheRemoteDomainWhereThereIsOne) {
  std::byte arguments[16] = {};
  arguments[3] = std::byte{9};
  const Launch launch = {.kernel = "k", .blocks = 16, .threads = 512, .arguments = arguments};
  for (const int capability : {9, 8}) {
    driver_.attributes[driver::kComputeCapabilityMajor] = capability;
    driver_.launched.clear();
    ASSERT_OK(open(kByFile)->launch(nullptr, launch));
    ASSERT_EQ(driver_.launched.size(), 1u);
    const MadeUpDriver::Launched& launched = driver_.launched.front();
    EXPECT_EQ(launched.kernel, "k");
    EXPECT_EQ(launched.shape, (std::vector<unsigned>{16, 512}));
    EXPECT_EQ(launched.arguments, std::vector(std::begin(arguments), std::end(arguments)));
    EXPECT_EQ(launched.domain, capability == 9 ? driver::kRemoteDomain : 0);
  }
}

TEST_F(CudaDriver, BadLaunchesAreRefused) {
  const auto device = open(kByFile);
  const std::byte arguments[17] = {};
  const auto says = [&](const Launch& launch, const std::string& what) {
    const Status status = device->launch(nullptr, launch);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_TRUE(contains(status.message(), what)) << status.message();
  };
  const auto right = std::span(arguments).first(16);
  says({.kernel = "nonesuch", .arguments = right}, "no kernel named nonesuch");
  says({.kernel = "k", .blocks = 0, .arguments = right}, "0 blocks of 1 threads for kernel k");
  says({.kernel = "k", .threads = 513, .arguments = right}, "1 to 512");
  says({.kernel = "k", .arguments = arguments}, "17 bytes of arguments for kernel k, expected 16");
  EXPECT_TRUE(driver_.launched.empty());
}

TEST_F(CudaDriver, OlderDriversSetFlagsByFilling) {
  Driver older = driver_.table();
  older.write_value = nullptr;
  older.wait_value = nullptr;
  older.launch_with = nullptr;
  older.load_function = nullptr;
  older.parameter_of = nullptr;
  const auto device = std::move(*CudaDevice::open(older, 0, kImage));
  EXPECT_FALSE(device->facts().waits_on_memory);
  std::uint32_t flag = 0;
  EXPECT_OK(device->set(nullptr, &flag, 5));
  EXPECT_EQ(flag, 5u);
  EXPECT_TRUE(driver_.was_called("cuMemsetD32Async"));
  const std::byte arguments[16] = {};
  EXPECT_OK(device->launch(nullptr, {.kernel = "k", .arguments = arguments}));
  EXPECT_EQ(driver_.launched.front().domain, 0);
}

TEST_F(CudaDriver, StreamsOfOthersAreRefused) {
  const auto device = open(kByFile);
  const auto stream = reinterpret_cast<driver::Stream>(std::uintptr_t{0x500});
  driver_.owner_of_stream[stream] = 1;
  const Status status = device->look_at(stream).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_TRUE(contains(status.message(), "the stream is of device 1, expected"))
      << status.message();
  driver_.owner_of_stream.erase(stream);
  EXPECT_FALSE(device->look_at(stream)->capturing);
}

TEST_F(CudaDriver, CapturesAreSeen) {
  const auto device = open(kByFile);
  driver_.capture = 1;
  EXPECT_TRUE(device->look_at(nullptr)->capturing);
  EXPECT_EQ(device->synchronize(nullptr, 1s).code(), Code::kInvalidArgument);
  EXPECT_FALSE(driver_.was_called("cuStreamQuery"));  // it would end the capture
  driver_.errors["cuStreamIsCapturing"] = driver::kCaptureImplicit;
  EXPECT_EQ(device->look_at(nullptr).status().code(), Code::kInvalidArgument);
}

TEST_F(CudaDriver, SynchronizeAsksUntilTheDeadline) {
  const auto device = open(kByFile);
  driver_.queries_until_done = 5;
  EXPECT_OK(device->synchronize(nullptr, 10s));
  EXPECT_EQ(std::count(driver_.calls.begin(), driver_.calls.end(), "cuStreamQuery"), 6);
  driver_.queries_until_done = 1000000;
  const Status late = device->synchronize(nullptr, 20ms);
  EXPECT_EQ(late.code(), Code::kTimeout);
  EXPECT_TRUE(contains(late.message(), "20 ms")) << late.message();
}

// ---- what benchmarks use

TEST_F(CudaDriver, BenchesCopyMoreThanTheyPin) {
  {
    Result<GpuBench> bench = open_gpu_bench(driver_.table(), 0);
    ASSERT_OK(bench.status());
    EXPECT_EQ(bench->name(), "Made up 0");
    std::vector<std::byte> written(std::size_t{9} << 20), read(written.size());
    for (std::size_t i = 0; i < written.size(); ++i)
      written[i] = static_cast<std::byte>(i * 7 >> 8);
    const Result<std::byte*> memory = bench->allocate(written.size());
    ASSERT_OK(memory.status());
    ASSERT_OK(bench->write(*memory, written));
    ASSERT_OK(bench->read(read, *memory));
    EXPECT_EQ(read, written);
    bench->free(*memory);
  }
  EXPECT_EQ(driver_.what_is_left(), "");
}

TEST_F(CudaDriver, BenchesTimeAndReplayWhatWasCaptured) {
  {
    Result<GpuBench> bench = open_gpu_bench(driver_.table(), 1);
    ASSERT_OK(bench.status());
    for (int round = 0; round < 2; ++round) {
      ASSERT_OK(bench->begin_capture());
      ASSERT_OK(bench->end_capture());
    }
    driver_.clock_ms = 3.0f;
    ASSERT_OK(bench->start_clock());
    ASSERT_OK(bench->replay());
    driver_.clock_ms = 3.5f;
    ASSERT_OK(bench->stop_clock());
    ASSERT_OK(bench->synchronize(std::chrono::milliseconds(100)));
    EXPECT_EQ(*bench->clock_us(), 500);
    EXPECT_EQ(driver_.replays, 1);
  }
  EXPECT_EQ(driver_.what_is_left(), "");
}

TEST_F(CudaDriver, BenchesThatDoNotOpenLeaveNothing) {
  for (const char* call : {"cuEventCreate", "cuStreamCreate", "cuMemHostRegister"}) {
    driver_.errors = {{call, driver::kInvalidValue}};
    EXPECT_FALSE(open_gpu_bench(driver_.table(), 0).ok()) << call;
    driver_.errors.clear();
    EXPECT_EQ(driver_.what_is_left(), "") << call;
  }
}

}  // namespace
}  // namespace tutti
