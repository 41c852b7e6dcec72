// Multicast of CudaDevice over a driver that the test makes up: which calls it makes, in which
// order, and what it leaves behind. No test shows that NVIDIA's driver does what is expected.
//
// ROOMS: device
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>

#include "device/cuda_device.h"
#include "expect_ok.h"
#include "made_up_driver.h"

namespace tutti {
namespace {

using test::MadeUpDriver;

const std::byte kFatbin[] = {std::byte{1}};
constexpr std::span<const std::byte> kFatbins[] = {kFatbin};
const char* const kNames[] = {"k"};
const char* const kNewNames[] = {"new"};  // of kernels that there are for some GPUs

class CudaMulticastDriver : public testing::Test {
 protected:
  CudaMulticastDriver() { driver_.attributes[driver::kMulticastSupported] = 1; }

  std::unique_ptr<CudaDevice> open(int ordinal = 0, const Driver* table = nullptr) {
    const KernelImage image{kFatbins, kNames, kNewNames};
    auto device = CudaDevice::open(table == nullptr ? driver_.table() : *table, ordinal, image);
    EXPECT_OK(device.status());
    return device.ok() ? std::move(*device) : nullptr;
  }

  MadeUpDriver driver_;
};

TEST_F(CudaMulticastDriver, IsThereWhereTheGpuTheDriverAndTheKernelsHaveIt) {
  EXPECT_FALSE(open()->facts().has_multicast);  // the kernel is missing: all else works
  driver_.kernels["new"] = 16;
  EXPECT_TRUE(open()->facts().has_multicast);
  Driver older = driver_.table();
  older.bind_multicast = nullptr;
  EXPECT_FALSE(open(0, &older)->facts().has_multicast);
  driver_.attributes[driver::kMulticastSupported] = 0;
  EXPECT_FALSE(open()->facts().has_multicast);
}

TEST_F(CudaMulticastDriver, DevicesJoinBindAndSeeTheirOwnMemoryAndAllOfIt) {
  {
    const auto first = open(0), second = open(1);
    const SharedMemory shared = first->make_multicast(100, 2).value();
    EXPECT_EQ(shared.bytes, 2 * MadeUpDriver::kGranularity);  // what multicast comes in, here
    const auto one = std::move(*first->join_multicast(shared));
    const auto other = std::move(*second->join_multicast(shared));
    first->withdraw(shared);
    EXPECT_EQ(driver_.joined, (std::vector<int>{0, 1}));
    ASSERT_OK(one->bind());
    ASSERT_OK(other->bind());
    EXPECT_EQ(driver_.bound.size(), 2u);
    for (const auto* part : {&one, &other}) {
      const MulticastMemory memory = (*part)->memory();
      EXPECT_EQ(memory.bytes, shared.bytes);
      EXPECT_NE(memory.own, memory.all);
      const int device = part == &one ? 0 : 1;
      for (const std::byte* base : {memory.own, memory.all}) {
        EXPECT_EQ(driver_.accessible[reinterpret_cast<std::uint64_t>(base)],
                  std::vector<int>{device});
      }
    }
  }
  EXPECT_EQ(driver_.what_is_left(), "");
}

TEST_F(CudaMulticastDriver, NothingIsLeftWhereItFails) {
  const auto device = open();
  const auto attempt = [&]() -> Status {
    const Result<SharedMemory> shared = device->make_multicast(100, 1);
    if (!shared.ok()) return shared.status();
    const auto joined = device->join_multicast(*shared);
    device->withdraw(*shared);
    return joined.ok() ? (*joined)->bind() : joined.status();
  };
  driver_.calls.clear();
  ASSERT_OK(attempt());
  const std::vector<std::string> calls = driver_.calls;
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "cuMemMap"), 2);
  for (const std::string& call : calls) {
    if (call == "cuMulticastUnbind") continue;  // no matter
    driver_.errors = {{call, 2}};
    const Status status = attempt();
    EXPECT_NE(status.message().find(call), std::string::npos) << call << ": " << status.to_string();
    EXPECT_TRUE(driver_.ranges.empty() && driver_.files.empty() && driver_.reserved.empty() &&
                driver_.bound.empty())
        << call;
  }
}

}  // namespace
}  // namespace tutti
