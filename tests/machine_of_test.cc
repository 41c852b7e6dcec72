// Tests src/simulator/machine_of.cc and typical.cc on the model machines.
// ROOMS: simulator
// TIER: fast

#include "simulator/machine_of.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "simulator/typical.h"

namespace tutti {
namespace {

const std::string kFolder = std::filesystem::path(TUTTI_TESTS) / "topologies/";

Topology model(const std::string& name) {
  const auto read = read_topology_file(kFolder + name + ".xml");
  EXPECT_TRUE(read.ok()) << read.status().message();
  return read.ok() ? read->topology : Topology{};
}

Machine machine(const Topology& topology) {
  const Result<Machine> made = machine_of(topology);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return made.ok() ? *made : Machine{};
}

TEST(MachineOf, GpusOnSwitchesHaveAPortEach) {
  const Machine h100 = machine(model("dgx-h100"));
  EXPECT_EQ(h100.ranks, 8);
  EXPECT_NEAR(h100.rank_port, 18 * 20.6e9, 1);
  EXPECT_TRUE(h100.pairs.empty());
  EXPECT_EQ(h100.ports, 8);
  EXPECT_DOUBLE_EQ(h100.near.latency, 0.6e-6);
  // 400 Gbit/s through 16 lanes of PCIe 5.0.
  EXPECT_NEAR(h100.host_port, 48e9, 2e9);
  EXPECT_EQ(h100.rank, typical_gpu(90));

  const Machine a100 = machine(model("dgx-a100"));
  EXPECT_NEAR(a100.rank_port, 12 * 20e9, 1);
  EXPECT_EQ(a100.ports, 8);
  EXPECT_EQ(a100.rank, typical_gpu(80));
}

TEST(MachineOf, DirectLinksBelongToTheirTwoGpus) {
  const Machine v100 = machine(model("dgx-1v"));
  ASSERT_EQ(v100.pairs.size(), 64u);
  const auto pair = [&](int a, int b) { return v100.pairs[a * 8 + b]; };
  EXPECT_EQ(pair(0, 1), 20e9);
  EXPECT_EQ(pair(0, 3), 40e9);
  EXPECT_EQ(pair(0, 4), 40e9);
  EXPECT_EQ(pair(0, 7), 0);  // by PCI
  EXPECT_EQ(v100.rank_port, 12e9);
  for (int gpu = 0; gpu < 8; ++gpu) {
    const auto row = v100.pairs.begin() + 8 * gpu;
    EXPECT_EQ(std::accumulate(row, row + 8, 0.0), 6 * 20e9) << gpu;
  }
}

TEST(MachineOf, WithoutNvLinkGpusGoByPci) {
  const Machine pcie = machine(model("pcie-8gpu"));
  EXPECT_EQ(pcie.ranks, 8);
  EXPECT_TRUE(pcie.pairs.empty());
  EXPECT_GE(pcie.rank_port, 10e9);
  EXPECT_LE(pcie.rank_port, 24e9);
  EXPECT_DOUBLE_EQ(pcie.near.latency, 1e-6);
}

TEST(MachineOf, HostsThatShareSwitchesAreOne) {
  const Machine rack = machine(model("gb200-nvl72"));
  EXPECT_EQ(rack.ranks, 72);
  EXPECT_TRUE(rack.host_of.empty());
  EXPECT_NEAR(rack.rank_port, 18 * 40.1e9, 1);
  EXPECT_EQ(rack.ports, 72);
}

TEST(MachineOf, RanksOnProcessorsShareMemory) {
  const Machine cluster = machine(model("cpu-2socket"));
  EXPECT_FALSE(cluster.wired());
  EXPECT_EQ(cluster.rank, typical_processor());
  EXPECT_EQ(1 + *std::max_element(cluster.host_of.begin(), cluster.host_of.end()), 4);
  EXPECT_EQ(cluster.ranks, 32);
  EXPECT_EQ(cluster.ports, 1);
  EXPECT_LE(cluster.host_port, 25e9);
  EXPECT_GE(cluster.host_port, 20e9);
}

TEST(MachineOf, ANetworksOwnLatencyIsAdded) {
  const Machine cloud = machine(model("cloud-flat"));
  EXPECT_EQ(cloud.ports, 4);
  EXPECT_EQ(cloud.host_port, 12e9);  // by PCI; the wire has 12.5
  EXPECT_DOUBLE_EQ(cloud.far.latency, typical_network(true).latency + 75e-6);
}

TEST(MachineOf, CopiesStandSideBySide) {
  const Machine one = machine(model("dgx-h100"));
  const Result<Machine> many = multiplied(one, 4);
  ASSERT_TRUE(many.ok());
  EXPECT_EQ(many->ranks, 32);
  EXPECT_EQ(many->host_of, regular_hosts(4, 8));
  EXPECT_EQ(*many, machine(replicate(model("dgx-h100"), 4)));
  EXPECT_EQ(*multiplied(one, 1), one);
}

TEST(MachineOf, RefusesWhatItCannotModel) {
  EXPECT_EQ(machine_of(Topology{}).status().message(),
            "the topology has neither GPUs nor processors: expected some");
  Topology unlike = model("dgx-h100");
  unlike.hosts.push_back(model("dgx-a100").hosts[0]);
  unlike.hosts[0].name = "a";
  unlike.hosts[0].id = "1";
  unlike.hosts[1].name = "b";
  unlike.hosts[1].id = "2";
  EXPECT_EQ(machine_of(unlike).status().message(),
            "hosts a and b differ in ranks or links: expected hosts that are alike");
  Machine alone;
  alone.ranks = 2;
  EXPECT_EQ(multiplied(alone, 2).status().message(),
            "host 0 has no network port: expected one where there are several hosts");
}

}  // namespace
}  // namespace tutti
