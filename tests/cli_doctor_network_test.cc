// Tests the checks of `tutti doctor` about what is set and filtered:
// src/cli/doctor_ucx_settings.cc, doctor_firewall.cc.
//
// ROOMS: cli communicator
// TIER: fast

#include <gtest/gtest.h>

#include "cli/doctor_firewall.h"
#include "cli/doctor_ucx_settings.h"
#include "findings.h"
#include "made_up_files.h"

namespace tutti::cli::doctor {
namespace {

NetworkReport over_tcp() {
  return {.path = "tcp on eth0",
          .devices = {{.name = "eth0", .is_chosen = true}},
          .ucx = {"1.13.1", "", {}, {}, {}}};
}

NetworkReport over_rdma() {
  NetworkReport report = over_tcp();
  report.path = "rdma on mlx5_0:1";
  report.devices = {{.name = "mlx5_0:1", .is_rdma = true, .is_chosen = true}};
  return report;
}

Findings check(const std::map<std::string, std::string>& settings, const NetworkReport& report) {
  return check_ucx_settings(settings, report, {.on_host = 4, .ranks = 8});
}

TEST(CliDoctorNetwork, SettingsAreTheVariablesOfUcx) {
  const char* const environment[] = {"UCX_TLS=rc,self", "PATH=/bin", "UCX_X=a=b", "UCX_BROKEN",
                                     nullptr};
  EXPECT_EQ(read_ucx_settings(environment),
            (std::map<std::string, std::string>{{"UCX_TLS", "rc,self"}, {"UCX_X", "a=b"}}));
}

TEST(CliDoctorNetwork, TransportsMustLeaveOneForRdma) {
  for (const char* list : {"all", "rc,self", "rc_mlx5", "ib", "dc_x", "^tcp", "^ud"}) {
    EXPECT_TRUE(check({{"UCX_TLS", list}}, over_rdma()).empty()) << list;
  }
  for (const char* list : {"tcp", "self,sm", "^ib", "^rc,ud,dc", ""}) {
    const Findings fails = check({{"UCX_TLS", list}}, over_rdma());
    EXPECT_EQ(worst(fails), Severity::kFails) << list;
    expect_advice(fails);
  }
  EXPECT_EQ(worst(check({{"UCX_TLS", "rc"}}, over_tcp())), Severity::kNote);
}

TEST(CliDoctorNetwork, ADeviceAskedForInUcxsOwnWayIsToldTuttis) {
  const Finding note = only(check({{"UCX_NET_DEVICES", "eth1"}}, over_tcp()), Severity::kNote);
  EXPECT_EQ(note.fix, "TUTTI_NET_DEVICES=eth1");
  EXPECT_TRUE(check({{"UCX_NET_DEVICES", "eth0"}}, over_tcp()).empty());
  EXPECT_TRUE(check({{"UCX_NET_DEVICES", "all"}}, over_tcp()).empty());
}

TEST(CliDoctorNetwork, PortsMustSufficeForTheRanksOfAHost) {
  EXPECT_TRUE(check({{"UCX_TCP_PORT_RANGE", "20000-20003"}}, over_tcp()).empty());
  const Findings fails = check({{"UCX_TCP_PORT_RANGE", "20000-20002"}}, over_tcp());
  EXPECT_TRUE(says(only(fails, Severity::kFails).what, "is 3 ports; 4 ranks here need 4"));
  expect_advice(fails);
  EXPECT_TRUE(check({{"UCX_TCP_PORT_RANGE", "20000-20002"}}, over_rdma()).empty());
}

// As nft 1.0.6 prints a table made by hand, shortened.
constexpr const char* kNft = R"({"nftables": [{"metainfo": {"version": "1.0.6"}},
  {"table": {"family": "inet", "name": "filter", "handle": 1}},
  {"chain": {"family": "inet", "table": "filter", "name": "input", "handle": 1, "type": "filter",
             "hook": "input", "prio": 0, "policy": "drop"}},
  {"chain": {"family": "inet", "table": "filter", "name": "output", "handle": 2, "type": "filter",
             "hook": "output", "prio": 0, "policy": "drop"}},
  {"chain": {"family": "inet", "table": "filter", "name": "other", "handle": 3}},
  {"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 4,
            "expr": [{"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}},
                     {"accept": null}]}},
  {"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 5,
            "expr": [{"match": {}}, {"drop": null}]}},
  {"rule": {"family": "inet", "table": "filter", "chain": "other", "handle": 6,
            "expr": [{"drop": null}]}}]})";

TEST(CliDoctorNetwork, ChainsOfNftAreThoseThatIncomingPacketsPass) {
  EXPECT_EQ(parse_nft(kNft), (std::vector<FilterChain>{{"inet filter input", true, 1}}));
  EXPECT_EQ(parse_nft(R"({"nftables": []})"), std::vector<FilterChain>());
  for (const char* text : {"", "no json", "[1]", "{}"}) EXPECT_FALSE(parse_nft(text)) << text;
}

TEST(CliDoctorNetwork, IptablesDropByPolicyOrByRule) {
  EXPECT_EQ(parse_iptables("*nat\n:INPUT DROP [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [9:9]\n"
                           "-A INPUT -p tcp -m tcp --dport 25 -j REJECT --reject-with x\n"
                           "-A FORWARD -j DROP\nCOMMIT\n"),
            (std::vector<FilterChain>{{"iptables INPUT", false, 1}}));
  EXPECT_TRUE(parse_iptables("*filter\n:INPUT DROP [0:0]\n")[0].drops_by_default);
}

TEST(CliDoctorNetwork, AFilterThatDropsIsWorthKnowing) {
  EXPECT_EQ(worst(check_firewall({true, {{"inet filter input", false, 0}}})), Severity::kGood);
  EXPECT_EQ(worst(check_firewall({false, {}})), Severity::kNote);
  const Finding note =
      only(check_firewall({true, {{"inet filter input", true, 3}}}), Severity::kNote);
  EXPECT_TRUE(says(note.what, "inet filter input drops what it does not accept")) << note.what;
}

TEST(CliDoctorNetwork, AStartThatSomebodyMissedNamesThePorts) {
  test::MadeUpFiles tree;
  tree.write("net/ipv4/ip_local_port_range", "20000\t30000");
  EXPECT_EQ(ports_of_ranks(tree.root(), ""), "20000 to 30000 (net.ipv4.ip_local_port_range)");
  EXPECT_EQ(ports_of_ranks(tree.root() / "nothing", "7-9"),
            "32768 to 60999 (net.ipv4.ip_local_port_range) and 7-9 (UCX_TCP_PORT_RANGE)");
  const Finding missed = failed_start({Code::kTimeout, "rank 3 is missing"}, "20000 to 30000");
  EXPECT_TRUE(says(missed.fix, "TCP and UDP") && says(missed.fix, "20000 to 30000")) << missed.fix;
  EXPECT_FALSE(says(failed_start({Code::kMismatch, "options differ"}, "").fix, "TCP"));
  const Finding lost = failed_call({Code::kTimeout, "waiting for rank 2"}, "20000 to 30000");
  EXPECT_EQ(lost.severity, Severity::kFails);
  EXPECT_TRUE(says(lost.what, "waiting for rank 2") && says(lost.fix, "20000 to 30000"));
}

}  // namespace
}  // namespace tutti::cli::doctor
