// Which network devices a host has, and which of them are used.
//
// ROOMS: ucx
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>

#include "transports/ucx/devices.h"

namespace tutti::ucx {
namespace {

Device rdma(const std::string& name) {
  return {.name = name, .is_rdma = true, .is_preferred = true, .speed = 100'000, .network = ""};
}
Device interface(const std::string& name, long speed, bool is_preferred = true) {
  return {name, /*is_rdma=*/false, is_preferred, speed, "10." + name + "/24"};
}
RailDevices rail(const std::string& name) { return {name, false, "10." + name + "/24"}; }

using Rails = std::vector<RailDevices>;

TEST(UcxDevices, RdmaDevicesAreOneRailTogetherAndInterfacesAreLeftOut) {
  const auto rails =
      choose_rails({rdma("mlx5_0:1"), interface("eth0", 400'000), rdma("mlx5_1:1")}, "");
  ASSERT_TRUE(rails.ok()) << rails.status().to_string();
  EXPECT_EQ(*rails, (Rails{{"mlx5_0:1,mlx5_1:1", true, ""}}));
}

TEST(UcxDevices, InterfacesAreARailEachAndOnlyTheFastest) {
  const auto rails = choose_rails(
      {interface("eth0", 25'000), interface("eth1", 1'000), interface("eth2", 25'000)}, "");
  ASSERT_TRUE(rails.ok()) << rails.status().to_string();
  EXPECT_EQ(*rails, (Rails{rail("eth0"), rail("eth2")}));
}

TEST(UcxDevices, InterfacesThatAreNotPreferredAreNotUsedUnasked) {
  const auto rails =
      choose_rails({interface("lo", 0, false), interface("docker0", 10'000, /*is_preferred=*/false),
                    interface("eth0", 1'000)},
                   "");
  ASSERT_TRUE(rails.ok()) << rails.status().to_string();
  EXPECT_EQ(*rails, Rails{rail("eth0")});
}

TEST(UcxDevices, AnInterfaceOfUnknownSpeedIsUsed) {
  const auto rails = choose_rails({interface("veth0", 0), interface("veth1", 0)}, "");
  ASSERT_TRUE(rails.ok()) << rails.status().to_string();
  EXPECT_EQ(*rails, (Rails{rail("veth0"), rail("veth1")}));
}

// With an interface of one's own choice for everything, RDMA is used on demand only.
TEST(UcxDevices, RdmaThatIsNotPreferredIsUsedWhenItIsNamed) {
  Device mlx = rdma("mlx5_0:1");
  mlx.is_preferred = false;
  const std::vector<Device> devices = {mlx, interface("eth0", 1'000)};
  EXPECT_EQ(*choose_rails(devices, ""), Rails{rail("eth0")});
  EXPECT_EQ(*choose_rails(devices, "mlx5_0:1"), (Rails{{"mlx5_0:1", true, ""}}));
}

TEST(UcxDevices, WantedDevicesAreTakenAsNamedInThatOrder) {
  const std::vector<Device> devices = {rdma("mlx5_0:1"), interface("eth0", 25'000),
                                       interface("eth1", 1'000), interface("lo", 0, false)};
  EXPECT_EQ(*choose_rails(devices, "eth1"), Rails{rail("eth1")});
  EXPECT_EQ(*choose_rails(devices, "lo,eth0"), (Rails{rail("lo"), rail("eth0")}));
}

TEST(UcxDevices, AWrongNameIsNamedWithThoseThatThereAre) {
  const std::vector<Device> devices = {interface("eth0", 1'000), interface("lo", 0, false)};
  for (const char* wanted : {"eth7", "eth0,eth7", "eth7,lo"}) {
    const Status status = choose_rails(devices, wanted).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_EQ(status.message(),
              "net_devices: this host has no network device \"eth7\"; it has eth0, lo");
  }
  EXPECT_EQ(choose_rails(devices, "eth0,,lo").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(choose_rails(devices, "eth0 ").status().code(), Code::kInvalidArgument);
}

TEST(UcxDevices, NoDeviceAtAllIsNotSupported) {
  const Status none = choose_rails({}, "").status();
  EXPECT_EQ(none.code(), Code::kNotSupported);
  EXPECT_NE(none.message().find("it has none"), std::string::npos) << none.message();
  EXPECT_EQ(choose_rails({interface("lo", 0, false)}, "").status().code(), Code::kNotSupported);
}

const Device* find(const std::vector<Device>& devices, const std::string& name) {
  const auto found = std::find_if(devices.begin(), devices.end(),
                                  [&](const Device& device) { return device.name == name; });
  return found == devices.end() ? nullptr : &*found;
}

TEST(UcxDevices, ThisHostHasALoopbackAndPrefersWhatReachesOthers) {
  const auto devices = find_devices("");
  ASSERT_TRUE(devices.ok()) << devices.status().to_string();
  const Device* lo = find(*devices, "lo");
  ASSERT_NE(lo, nullptr);
  EXPECT_FALSE(lo->is_rdma);
  EXPECT_EQ(lo->network, "127.0.0.0/8");
  const bool others = std::any_of(devices->begin(), devices->end(), [](const Device& device) {
    return device.name != "lo" && device.is_preferred;
  });
  EXPECT_EQ(lo->is_preferred, !others);
}

TEST(UcxDevices, EveryInterfaceSaysItsNetwork) {
  const auto devices = find_devices("");
  ASSERT_TRUE(devices.ok()) << devices.status().to_string();
  for (const Device& device : *devices) {
    EXPECT_EQ(device.network.find('/') == std::string::npos, device.is_rdma) << device.name;
    EXPECT_GE(device.speed, 0) << device.name;
  }
}

TEST(UcxDevices, AnInterfaceThatIsAskedForIsTheOnlyOnePreferred) {
  const auto devices = find_devices("lo");
  ASSERT_TRUE(devices.ok()) << devices.status().to_string();
  for (const Device& device : *devices) EXPECT_EQ(device.is_preferred, device.name == "lo");
  EXPECT_EQ((*choose_rails(*devices, ""))[0].names, "lo");
}

TEST(UcxDevices, AnInterfaceThatDoesNotExistIsAnError) {
  const Status status = find_devices("nonsense").status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("nonsense"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace tutti::ucx
