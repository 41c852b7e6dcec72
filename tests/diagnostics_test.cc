// Tests src/communicator/diagnostics.cc: what is said fits what a start would do.
//
// TIER: fast

#include "tutti/diagnostics.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tutti {
namespace {

const NetworkDevice* find(const NetworkReport& report, const std::string& name) {
  const auto found = std::find_if(report.devices.begin(), report.devices.end(),
                                  [&](const NetworkDevice& device) { return device.name == name; });
  return found == report.devices.end() ? nullptr : &*found;
}

TEST(Diagnostics, AHostThatCanReachOthersSaysHow) {
  const NetworkReport report = network_report({});
  if (!report.status.ok()) GTEST_SKIP() << report.status.message();
  EXPECT_FALSE(report.ucx.version.empty());
  int chosen = 0;
  for (const NetworkDevice& device : report.devices) {
    EXPECT_EQ(device.is_chosen, device.why_not.empty()) << device.name;
    if (!device.is_chosen) continue;
    ++chosen;
    EXPECT_NE(report.path.find(device.name), std::string::npos) << report.path;
  }
  EXPECT_GT(chosen, 0);
}

TEST(Diagnostics, LoopbackIsUsedWhereItIsAskedFor) {
  Options options;
  options.net_devices = "lo";
  const NetworkReport report = network_report(options);
  if (report.ucx.version.empty()) GTEST_SKIP() << report.status.message();
  ASSERT_TRUE(report.status.ok()) << report.status.message();
  EXPECT_EQ(report.path, "tcp on lo");
  ASSERT_NE(find(report, "lo"), nullptr);
  EXPECT_TRUE(find(report, "lo")->is_chosen);
}

TEST(Diagnostics, ADeviceThatIsNotThereIsTheReason) {
  Options options;
  options.net_devices = "nonsense7";
  const NetworkReport report = network_report(options);
  EXPECT_FALSE(report.status.ok());
  EXPECT_EQ(report.path, "");
  if (report.ucx.version.empty()) return;
  EXPECT_NE(report.status.message().find("no network device \"nonsense7\""), std::string::npos);
}

TEST(Diagnostics, AnOptionSetsHostsApart) {
  Options other;
  other.host = "b";
  ASSERT_TRUE(host_identity({}).ok());
  EXPECT_EQ(*host_identity({}), *host_identity({}));
  EXPECT_NE(*host_identity({}), *host_identity(other));
}

}  // namespace
}  // namespace tutti
