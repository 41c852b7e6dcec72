// Tests src/communicator/options.cc: the environment becomes options, or a sentence about the
// variable that is wrong.
//
// ROOMS: communicator
// TIER: fast
// SANITIZERS: address

#include "tutti/options.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern char** environ;

namespace tutti {
namespace {

using namespace std::chrono_literals;

class FromEnvironment : public testing::Test {
 protected:
  FromEnvironment() { clear(); }
  ~FromEnvironment() override { clear(); }

  static Result<Options> with(const char* variable, const char* value) {
    clear();
    setenv(variable, value, 1);
    return Options::from_environment();
  }

 private:
  static void clear() {
    std::vector<std::string> ours;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view text(*entry);
      if (text.starts_with("TUTTI_")) ours.emplace_back(text.substr(0, text.find('=')));
    }
    for (const std::string& variable : ours) unsetenv(variable.c_str());
  }
};

TEST_F(FromEnvironment, NothingGivesTheDefaults) {
  const Result<Options> options = Options::from_environment();
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(*options, Options());
}

TEST_F(FromEnvironment, EveryVariableSetsItsOption) {
  EXPECT_EQ(with("TUTTI_START_TIMEOUT", "2.5")->start_timeout, 2500ms);
  EXPECT_EQ(with("TUTTI_TIMEOUT", "7")->call_timeout, 7000ms);
  EXPECT_TRUE(with("TUTTI_REPRODUCIBLE", "1")->reproducible);
  EXPECT_FALSE(with("TUTTI_REPRODUCIBLE", "0")->reproducible);
  EXPECT_EQ(with("TUTTI_ALGORITHM", "all_reduce:ring")->algorithm, "all_reduce:ring");
  EXPECT_EQ(with("TUTTI_TILE", "4096")->tile_bytes, 4096u);
  EXPECT_EQ(with("TUTTI_NCCL_VERSION", "22707")->nccl_version, 22707);
  EXPECT_EQ(with("TUTTI_LANES", "16")->lanes, 16);
  EXPECT_EQ(with("TUTTI_SCRATCH", "16M")->scratch_bytes, std::size_t{16} << 20);
  EXPECT_EQ(with("TUTTI_HEAP", "3G")->heap_bytes, std::size_t{3} << 30);
  EXPECT_EQ(with("TUTTI_ISA", "avx2")->isa, "avx2");
  EXPECT_EQ(with("TUTTI_INTERFACE", "eth0")->interface, "eth0");
  EXPECT_EQ(with("TUTTI_NET_DEVICES", "eth0,mlx5_0:1")->net_devices, "eth0,mlx5_0:1");
  EXPECT_EQ(with("TUTTI_PEER_TIMEOUT", "0.4")->peer_timeout, 400ms);
  EXPECT_EQ(with("TUTTI_HOST", "left")->host, "left");
  EXPECT_EQ(with("TUTTI_LOG", "2")->log_level, 2);
  EXPECT_EQ(with("TUTTI_DEVICE", "7")->device, 7);
  EXPECT_EQ(with("TUTTI_DEVICE_BLOCKS", "8")->device_blocks, 8);
  EXPECT_EQ(with("TUTTI_DEVICE_THREADS", "256")->device_threads, 256);
  EXPECT_EQ(with("TUTTI_DEVICE_COPIES", "2M")->device_copies, std::size_t{2} << 20);
  EXPECT_FALSE(with("TUTTI_NVLS", "0")->nvls);
  EXPECT_TRUE(with("TUTTI_NVLS", "1")->nvls);
  EXPECT_FALSE(with("TUTTI_GPUDIRECT", "0")->gpudirect.value());
  EXPECT_TRUE(with("TUTTI_GPUDIRECT", "1")->gpudirect.value());
  EXPECT_FALSE(Options().gpudirect.has_value());
}

TEST_F(FromEnvironment, VariablesAreTakenTogether) {
  setenv("TUTTI_LANES", "3", 1);
  setenv("TUTTI_TILE", "8K", 1);
  const Result<Options> options = Options::from_environment();
  ASSERT_TRUE(options.ok());
  Options expected;
  expected.lanes = 3;
  expected.tile_bytes = 8192;
  EXPECT_EQ(*options, expected);
}

TEST_F(FromEnvironment, BytesHaveSuffixes) {
  for (const auto& [text, bytes] : std::vector<std::pair<const char*, std::size_t>>{
           {"0", 0}, {"1", 1}, {"64K", 65536}, {"1M", 1048576}, {"4096G", std::size_t{1} << 42}}) {
    EXPECT_EQ(with("TUTTI_HEAP", text)->heap_bytes, bytes) << text;
  }
}

TEST_F(FromEnvironment, WrongValuesAreNamed) {
  const std::vector<std::pair<const char*, std::vector<const char*>>> wrong = {
      {"TUTTI_START_TIMEOUT", {"", "0", "-1", "soon", "3s", "nan", "inf", "1e300", "0.0001"}},
      {"TUTTI_TIMEOUT", {"", "0", "-0.5", "1,5"}},
      {"TUTTI_PEER_TIMEOUT", {"", "0", "-1", "2.5s", "400ms"}},
      {"TUTTI_REPRODUCIBLE", {"", "yes", "2", "-1", "1 "}},
      {"TUTTI_TILE", {"", "-1", "1T", "K", "1.5K", "1k", "18446744073709551616"}},
      {"TUTTI_DEVICE_BLOCKS", {"", "0", "65", "-1", "all"}},
      {"TUTTI_DEVICE_THREADS", {"", "0", "31", "513", "1K"}},
      {"TUTTI_DEVICE_COPIES", {"", "never", "-1"}},
      {"TUTTI_LANES", {"", "17", "-1", "two", "0x3"}},
      {"TUTTI_SCRATCH", {"", "8 M", "8MB", "99999999999G"}},
      {"TUTTI_HEAP", {"-5", "4097G"}},
      {"TUTTI_LOG", {"", "3", "loud"}},
      {"TUTTI_GPUDIRECT", {"", "2", "-1", "auto"}},
      {"TUTTI_DEVICE", {"", "-2", "cuda:0", "1024"}},
  };
  for (const auto& [variable, values] : wrong) {
    for (const char* value : values) {
      const Status status = with(variable, value).status();
      EXPECT_EQ(status.code(), Code::kInvalidArgument) << variable << "=" << value;
      const std::string begin = std::string(variable) + "=" + value + ": expected ";
      EXPECT_TRUE(status.message().starts_with(begin)) << status.message();
    }
  }
}

TEST_F(FromEnvironment, UnknownVariablesAreErrors) {
  for (const char* variable : {"TUTTI_TIMEOUTS", "TUTTI_", "TUTTI_lanes"}) {
    const Status status = with(variable, "1").status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_NE(status.message().find(std::string(variable) + ": no such setting"), std::string::npos)
        << status.message();
  }
}

TEST_F(FromEnvironment, OtherVariablesAreNobodysBusiness) {
  setenv("TUTTINO", "1", 1);
  setenv("tutti_lanes", "99", 1);
  EXPECT_TRUE(Options::from_environment().ok());
  unsetenv("TUTTINO");
  unsetenv("tutti_lanes");
}

}  // namespace
}  // namespace tutti
