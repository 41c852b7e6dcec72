// Tests transports/ucx/survey.cc: on made-up devices, and on a made-up /sys.
//
// ROOMS: ucx
// TIER: fast

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "transports/ucx/survey.h"

namespace tutti::ucx {
namespace {

namespace fs = std::filesystem;

const Device kFast{
    .name = "eth1", .is_preferred = true, .speed = 100'000, .network = "10.1.0.0/24"};
const Device kSlow{.name = "eth0", .is_preferred = true, .speed = 1'000, .network = "10.0.0.0/24"};
const Device kBridge{.name = "docker0", .network = "172.17.0.0/16"};
const Device kLoopback{.name = "lo", .network = "127.0.0.0/8"};
const Device kRdma{
    .name = "mlx5_0:1", .is_rdma = true, .is_preferred = true, .speed = 200'000, .network = ""};

// What became of each device, by name; "chosen" or why not.
std::map<std::string, std::string> verdicts(const std::vector<Device>& devices,
                                            const std::string& interface,
                                            const std::string& wanted) {
  const auto rails = choose_rails(devices, wanted);
  std::map<std::string, std::string> all;
  for (const Surveyed& one : explain_choice(
           devices, rails.ok() ? *rails : std::vector<RailDevices>(), interface, wanted)) {
    EXPECT_EQ(one.is_chosen, one.why_not.empty()) << one.device.name;
    EXPECT_EQ(one.is_excluded, one.why_not.starts_with("not ")) << one.why_not;
    all[one.device.name] = one.is_chosen ? "chosen" : one.why_not;
  }
  return all;
}

using Verdicts = std::map<std::string, std::string>;

TEST(UcxSurvey, SaysWhyEachDeviceIsNotUsed) {
  EXPECT_EQ(verdicts({kSlow, kFast, kBridge, kLoopback}, "", ""),
            (Verdicts{{"eth0", "slower than eth1"},
                      {"eth1", "chosen"},
                      {"docker0", "for containers on this host"},
                      {"lo", "loopback"}}));
}

TEST(UcxSurvey, InterfacesGiveWayToRdma) {
  EXPECT_EQ(verdicts({kRdma, kFast}, "", ""),
            (Verdicts{{"mlx5_0:1", "chosen"}, {"eth1", "RDMA is used instead"}}));
}

TEST(UcxSurvey, InterfacesThatAreNamedBesideRdmaGiveWayToo) {
  EXPECT_EQ(verdicts({kRdma, kFast, kSlow}, "", "eth1,mlx5_0:1"),
            (Verdicts{{"mlx5_0:1", "chosen"},
                      {"eth1", "RDMA is used instead"},
                      {"eth0", "not in net_devices (eth1,mlx5_0:1)"}}));
}

TEST(UcxSurvey, OptionsAreNamedWhereTheyDecide) {
  EXPECT_EQ(verdicts({kSlow, kFast}, "", "eth0"),
            (Verdicts{{"eth0", "chosen"}, {"eth1", "not in net_devices (eth0)"}}));
  Device other = kFast;
  other.is_preferred = false;
  EXPECT_EQ(verdicts({kSlow, other}, "eth0", ""),
            (Verdicts{{"eth0", "chosen"}, {"eth1", "not the interface asked for (eth0)"}}));
}

TEST(UcxSurvey, WhereNothingCouldBeChosenItSaysSo) {
  EXPECT_EQ(verdicts({kSlow}, "", "eth7"), (Verdicts{{"eth0", "not in net_devices (eth7)"}}));
}

class MadeUpSys : public testing::Test {
 protected:
  MadeUpSys() : root_(fs::temp_directory_path() / ("survey." + std::to_string(getpid()))) {}
  ~MadeUpSys() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  const fs::path root_;
};

TEST_F(MadeUpSys, PortsThatAreNotActiveAndHardwareWithoutAddressAreUnusable) {
  write("class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE\n");
  write("class/infiniband/mlx5_1/ports/1/state", "1: DOWN\n");
  write("class/net/eth0/device/vendor", "");
  write("class/net/eth1/device/vendor", "");
  write("class/net/tunl0/speed", "");
  const auto found = find_unusable(root_, {kSlow});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].device.name, "mlx5_1:1");
  EXPECT_TRUE(found[0].device.is_rdma);
  EXPECT_EQ(found[0].why_not, "its port is DOWN");
  EXPECT_EQ(found[1].device.name, "eth1");
  EXPECT_EQ(found[1].why_not, "it has no address");
}

TEST_F(MadeUpSys, ASystemWithoutAnyHasNone) { EXPECT_TRUE(find_unusable(root_, {}).empty()); }

}  // namespace
}  // namespace tutti::ucx
