// Tests src/planner/machine_presets.cc, figures.cc and machine_of.cc.
//
// ROOMS: planner
// SANITIZERS: none

#include <gtest/gtest.h>

#include <filesystem>

#include "tutti/planner.h"

namespace tutti::planner {
namespace {

std::string refusal(const std::string& text) {
  const auto machine = with_figures(*machine_preset("8xh100"), text);
  return machine.ok() ? "accepted" : machine.status().message();
}

TEST(PlannerMachine, PresetsAreFoundByName) {
  for (const std::string& name : machine_presets()) {
    const MachineShape machine = *machine_preset(name);
    EXPECT_EQ(machine.name, name);
    for (const Figure& figure : figures(machine)) EXPECT_GE(figure.value, 0) << figure.name;
  }
  EXPECT_EQ(machine_preset("cray").status().message(),
            "machine \"cray\" is not known; expected one of 8xa100, 8xh100, 8xh200, cpu");
}

// Every figure can be given as it is shown, and changes nothing else.
TEST(PlannerMachine, EveryFigureIsShownAndCanBeChanged) {
  const MachineShape machine = *machine_preset("8xh100");
  const std::vector<Figure> before = figures(machine);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double wanted = before[i].value == 1 ? 2 : before[i].value / 2;
    const auto changed = with_figures(machine, before[i].name + "=" + std::to_string(wanted));
    ASSERT_TRUE(changed.ok()) << changed.status().message();
    const std::vector<Figure> after = figures(*changed);
    for (std::size_t j = 0; j < after.size(); ++j) {
      const double expected = i == j ? wanted : before[j].value;
      EXPECT_NEAR(after[j].value, expected, 1e-6 * (1 + expected)) << after[j].name;
    }
  }
}

TEST(PlannerMachine, FiguresHaveUnits) {
  const auto machine = with_figures(*machine_preset("8xh100"), "memory=141,nodes=16,peak_bf16=500");
  EXPECT_DOUBLE_EQ(machine->memory, 141.0 * (1 << 30));
  EXPECT_DOUBLE_EQ(machine->peak_bf16, 500e12);
  EXPECT_EQ(machine->ranks(), 128);
}

TEST(PlannerMachine, RefusesWhatIsNoFigureOrNoNumber) {
  EXPECT_EQ(refusal("colour=3")
                .find("\"colour\" is not a figure of a machine; expected one of "
                      "nodes, devices, cores, memory"),
            0u);
  EXPECT_EQ(refusal("memory"), "memory has no value: expected memory=number");
  EXPECT_EQ(refusal("memory=much"), "memory is \"much\": expected a number from 0 to 1000000000");
  EXPECT_EQ(refusal("memory=-1"), "memory is \"-1\": expected a number from 0 to 1000000000");
  EXPECT_EQ(refusal("memory=nan"), "memory is \"nan\": expected a number from 0 to 1000000000");
  EXPECT_EQ(refusal("nodes=1.5"), "nodes is \"1.5\": expected a whole number from 1 to 1048576");
  EXPECT_EQ(refusal("efficiency.overlap=2"),
            "efficiency.overlap is \"2\": expected a number from 0 to 1");
}

Result<MachineShape> of_file(const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(TUTTI_TESTS) / "topologies";
  return machine_of(read_topology_file((folder / name).string())->topology);
}

TEST(PlannerMachine, TopologiesAreMachines) {
  const auto h100 = of_file("dgx-h100.xml");
  ASSERT_TRUE(h100.ok()) << h100.status().message();
  EXPECT_EQ(h100->nodes, 1);
  EXPECT_EQ(h100->devices, 8);
  EXPECT_DOUBLE_EQ(h100->peak_bf16, 989e12);
  EXPECT_NEAR(h100->inside.bandwidth, 400e9, 100e9);
  EXPECT_NEAR(h100->between.bandwidth, 50e9, 5e9);
  const auto a100 = of_file("dgx-a100.xml");
  EXPECT_DOUBLE_EQ(a100->peak_bf16, 312e12);
  EXPECT_LT(a100->inside.bandwidth, h100->inside.bandwidth);
}

TEST(PlannerMachine, ProcessorsShareTheirMemory) {
  Topology topology{{TopologyHost{"a", "", "", {}}}};
  Cpu cpu;
  cpu.cpus = {0, 1, 2, 3};
  cpu.memory_bytes = std::size_t{8} << 30;
  cpu.ranks = {{0, {0, 1}}, {1, {2, 3}}};
  cpu.caches = {{3, std::size_t{16} << 20, {0, 1}},
                {3, std::size_t{16} << 20, {2, 3}},
                {2, std::size_t{1} << 20, {0}}};
  topology.hosts[0].cpus = {cpu};
  const auto machine = machine_of(topology);
  ASSERT_TRUE(machine.ok()) << machine.status().message();
  EXPECT_EQ(machine->ranks(), 2);
  EXPECT_DOUBLE_EQ(machine->memory, 4.0 * (1 << 30));
  EXPECT_EQ(machine->cores, 4);
  EXPECT_DOUBLE_EQ(machine->peak_fp32, machine_preset("cpu")->peak_fp32);  // of one, not of two
  EXPECT_DOUBLE_EQ(machine->cache, 16.0 * (1 << 20));
}

TEST(PlannerMachine, AnEmptyTopologyIsRefused) { EXPECT_FALSE(machine_of(Topology{}).ok()); }

}  // namespace
}  // namespace tutti::planner
