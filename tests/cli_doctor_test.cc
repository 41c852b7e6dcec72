// Tests the checks of `tutti doctor` (src/cli/doctor_*.cc, hosts.cc): findings from made-up
// reports.
//
// ROOMS: cli communicator
// TIER: fast

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "cli/doctor_links.h"
#include "cli/doctor_network.h"
#include "cli/doctor_sockets.h"
#include "cli/hosts.h"
#include "findings.h"

namespace tutti::cli::doctor {
namespace {

namespace fs = std::filesystem;

NetworkDevice used(const std::string& name, long speed) {
  return {.name = name, .is_chosen = true, .speed = speed, .network = "10.0.0.0/24"};
}

NetworkDevice unused(const std::string& name, const std::string& why) {
  return {.name = name, .why_not = why, .network = "10.0.0.0/24"};
}

NetworkDevice rdma(const NetworkDevice& device) {
  NetworkDevice port = device;
  port.is_rdma = true;
  port.network = "";
  return port;
}

// UCX 1.13.1 of a distribution, on a host with one interface.
NetworkReport plain() {
  return {.status = {},
          .path = "tcp on eth0",
          .devices = {used("eth0", 10'000), unused("lo", "loopback")},
          .ucx = {.version = "1.13.1",
                  .library = "/usr/lib/libucp.so.0",
                  .components = {"tcp", "ib"},
                  .transports = {"tcp/lo", "tcp/eth0"},
                  .memory_types = {"host"}}};
}

TEST(CliDoctor, AFindingIsALineAndFurtherOnesForCostAndFix) {
  EXPECT_EQ(render({{Severity::kGood, "it runs", "", ""},
                    {Severity::kCosts, "it limps", "time", "rest"}}),
            "  good   it runs\n"
            "  slow   it limps\n"
            "         cost: time\n"
            "         fix: rest\n");
}

TEST(CliDoctor, TheWorstFindingDecidesTheExitStatus) {
  const Finding good{Severity::kGood, "", "", ""}, note{Severity::kNote, "", "", ""};
  const Finding costs{Severity::kCosts, "", "", ""}, fails{Severity::kFails, "", "", ""};
  EXPECT_EQ(exit_status(worst({})), 0);
  EXPECT_EQ(exit_status(worst({note, good})), 0);
  EXPECT_EQ(exit_status(worst({good, costs, note})), 1);
  EXPECT_EQ(worst({costs, fails, good}), Severity::kFails);
  EXPECT_EQ(verdict(Severity::kNote), "All is well.\n");
  EXPECT_NE(verdict(Severity::kCosts), verdict(Severity::kFails));
}

TEST(CliDoctor, APlainHostIsWellAndToldWhatItLacks) {
  const auto findings = check_network(plain());
  EXPECT_EQ(exit_status(worst(findings)), 0) << render(findings);
  const std::string text = render(findings);
  EXPECT_TRUE(says(text, "UCX 1.13.1 (/usr/lib/libucp.so.0)")) << text;
  EXPECT_TRUE(
      says(text, "other hosts are reached by tcp on eth0; UCX's transports there: tcp/eth0\n"))
      << text;
  EXPECT_TRUE(says(text, "note   no RDMA device on this host\n")) << text;
  EXPECT_TRUE(says(text, "no CUDA memory")) << text;
}

TEST(CliDoctor, CudaMemoryThatUcxCanSendIsNotMissed) {
  NetworkReport report = plain();
  report.ucx.memory_types.push_back("cuda");
  const std::string text = render(check_ucx(report));
  EXPECT_TRUE(says(text, "host, cuda")) << text;
  EXPECT_FALSE(says(text, "no CUDA memory")) << text;
}

TEST(CliDoctor, MissingUcxIsAFailureWithThePackageToInstall) {
  const NetworkReport report{.status = {Code::kNotSupported, "ranks on several hosts need UCX"}};
  const Finding finding = only(check_network(report), Severity::kFails);
  EXPECT_EQ(finding.what, "ranks on several hosts need UCX");
  EXPECT_TRUE(says(finding.fix, "libucx0")) << finding.fix;
}

TEST(CliDoctor, AnInvalidChoiceOfDevicesIsTheFailureThatAStartWouldBe) {
  NetworkReport report = plain();
  report.status = {Code::kInvalidArgument, "net_devices: this host has no network device \"eth7\""};
  report.path = "";
  report.devices[0] = unused("eth0", "not in net_devices (eth7)");
  report.devices[0].is_excluded = true;
  EXPECT_EQ(only(check_network(report), Severity::kFails).what, report.status.message());
}

TEST(CliDoctor, RdmaThatIsThereAndIdleCosts) {
  NetworkReport report = plain();
  report.devices.push_back(rdma(unused("mlx5_0:1", "its port is DOWN")));
  const Finding down = only(check_devices(report), Severity::kCosts);
  EXPECT_EQ(down.what, "mlx5_0:1: not used: its port is DOWN");
  EXPECT_TRUE(says(down.fix, "cable")) << down.fix;

  report.ucx.components = {"tcp"};
  EXPECT_TRUE(says(only(check_devices(report), Severity::kCosts).what, "built without RDMA"));
}

TEST(CliDoctor, RdmaThatIsUsedNeedsATransportOfUcx) {
  NetworkReport report = plain();
  report.path = "rdma on mlx5_0:1";
  report.devices = {rdma(used("mlx5_0:1", 200'000)), unused("eth0", "RDMA is used instead")};
  EXPECT_TRUE(says(only(check_devices(report), Severity::kFails).what, "mlx5_0:1"));
  report.ucx.transports.push_back("rc_mlx5/mlx5_0:1");
  const auto findings = check_devices(report);
  EXPECT_EQ(findings.size(), 1u) << render(findings);
  EXPECT_EQ(worst(findings), Severity::kGood);
}

// Many have a second port that nobody needs.
TEST(CliDoctor, AnIdlePortBesideAUsedOneIsNoFinding) {
  NetworkReport report = plain();
  report.path = "rdma on mlx5_0:1";
  report.devices = {rdma(used("mlx5_0:1", 200'000)), rdma(unused("mlx5_0:2", "its port is DOWN"))};
  report.ucx.transports.push_back("rc_mlx5/mlx5_0:1");
  EXPECT_EQ(check_devices(report).size(), 1u) << render(check_devices(report));
}

TEST(CliDoctor, AnOptionThatLeavesOutSomethingFasterIsNamed) {
  NetworkReport report = plain();
  NetworkDevice port = rdma(unused("mlx5_0:1", "not in net_devices (eth0)"));
  port.is_excluded = true;
  port.speed = 200'000;
  report.devices.push_back(port);
  const Finding finding = only(check_devices(report), Severity::kCosts);
  EXPECT_TRUE(says(finding.what, "mlx5_0:1 (200000 Mbit/s) is not in net_devices (eth0)"));
  EXPECT_TRUE(says(finding.fix, "TUTTI_NET_DEVICES")) << finding.fix;

  report.devices.back().speed = 1'000;
  EXPECT_EQ(exit_status(worst(check_devices(report))), 0);
}

TEST(CliDoctor, LoopbackReachesNobodyElse) {
  NetworkReport report = plain();
  report.devices = {used("lo", 0)};
  report.devices[0].network = "127.0.0.0/8";
  EXPECT_TRUE(says(render(check_devices(report)), "note   lo is used, which is loopback"));
  EXPECT_FALSE(says(render(check_devices(plain())), "loopback"));
}

TEST(CliDoctor, TheTableSaysOfEachDeviceWhetherAndWhy) {
  EXPECT_EQ(device_table(plain().devices),
            "  eth0  interface   10000 Mbit/s  10.0.0.0/24         used\n"
            "  lo    interface              -  10.0.0.0/24         not used: loopback\n");
  EXPECT_EQ(device_table({}), "  no network device\n");
}

TEST(CliDoctor, SmallSocketLimitsCostAndUsualOnesDoNot) {
  EXPECT_TRUE(check_sockets({.most_to_send = 4 << 20, .most_to_receive = 6 << 20}).empty());
  EXPECT_TRUE(check_sockets({}).empty());  // not known
  const Finding send =
      only(check_sockets({.most_to_send = 65536, .most_to_receive = 6 << 20}), Severity::kCosts);
  EXPECT_TRUE(says(send.what, "net.ipv4.tcp_wmem ends at 65536 bytes")) << send.what;
  EXPECT_TRUE(says(send.cost, "66 MB/s")) << send.cost;
  EXPECT_EQ(check_sockets({.most_to_send = 1, .most_to_receive = 1}).size(), 2u);
}

TEST(CliDoctor, SocketLimitsAreTheThirdFigureOfTheSystem) {
  const fs::path root = fs::temp_directory_path() / ("doctor." + std::to_string(getpid()));
  fs::create_directories(root / "net/ipv4");
  std::ofstream(root / "net/ipv4/tcp_wmem") << "4096\t16384\t4194304\n";
  std::ofstream(root / "net/ipv4/tcp_rmem") << "garbage\n";
  const SocketLimits limits = read_socket_limits(root);
  fs::remove_all(root);
  EXPECT_EQ(limits.most_to_send, 4194304);
  EXPECT_EQ(limits.most_to_receive, 0);
}

// 1 GB/s is 8,000 Mbit/s.
TEST(CliDoctor, ALinkIsJudgedByWhatItsDevicesClaim) {
  Link link{{"a", 0, 10'000}, {"b", 2, 10'000}, 20, 1.1};
  EXPECT_EQ(render(check_link(link)),
            "  good   a (rank 0) to b (rank 2): 20.0 µs one way, 1.1 GB/s\n");
  link.gb_per_s = 0.1;
  EXPECT_TRUE(says(only(check_link(link), Severity::kCosts).what, "8 % of what the devices say"));
  link.to.speed = 0;  // not known
  EXPECT_EQ(worst(check_link(link)), Severity::kGood);
}

TEST(CliDoctor, HostsThatAreFarApartCost) {
  const Link link{{"a", 0, 0}, {"b", 1, 0}, 10'000, 1};
  EXPECT_TRUE(says(only(check_link(link), Severity::kCosts).cost, "within 10.0 ms"));
}

// Only logs suffer.
TEST(CliDoctor, ClocksThatDifferAreWorthKnowing) {
  Link link{{"a", 0, 0}, {"b", 1, 0}, 10, 1, -2.5};
  EXPECT_TRUE(says(only(check_link(link), Severity::kNote).what, "2.5 s earlier there"));
  link.skew_s = 0.9;
  EXPECT_EQ(worst(check_link(link)), Severity::kGood);
}

TEST(CliHosts, AreNumberedInTheOrderOfTheirFirstRanks) {
  const std::vector<int> hosts = number_hosts({"b", "a", "b", "c", "a"});
  EXPECT_EQ(hosts, (std::vector<int>{0, 1, 0, 2, 1}));
  EXPECT_EQ(first_ranks(hosts), (std::vector<int>{0, 1, 3}));
}

}  // namespace
}  // namespace tutti::cli::doctor
