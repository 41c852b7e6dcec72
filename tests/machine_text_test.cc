// Tests src/simulator/machine_text.cc.
// ROOMS: simulator
// TIER: fast

#include "simulator/machine_text.h"

#include <gtest/gtest.h>

#include "simulator/typical.h"

namespace tutti {
namespace {

Machine machine(const std::string& text) {
  const Result<Machine> parsed = parse_machine(text);
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
  return parsed.ok() ? *parsed : Machine{};
}

std::string error(const std::string& text) {
  const Result<Machine> parsed = parse_machine(text);
  EXPECT_FALSE(parsed.ok()) << text;
  return parsed.status().message();
}

TEST(MachineText, SaysWhatEachWordMeans) {
  const Machine m = machine(
      "hosts=4,ranks=8,port=450G,net=400Gbit,ports=2,latency=800ns,net_latency=5us,message=0.5us,"
      "net_message=1us,call=2us,leaf_hosts=2,leaf=100GB,cores=16,memory=2T");
  EXPECT_EQ(m.ranks, 32);
  EXPECT_EQ(m.host_of, regular_hosts(4, 8));
  EXPECT_EQ(m.rank_port, 450e9);
  EXPECT_EQ(m.host_port, 50e9);
  EXPECT_EQ(m.ports, 2);
  EXPECT_DOUBLE_EQ(m.near.latency, 800e-9);
  EXPECT_DOUBLE_EQ(m.far.latency, 5e-6);
  EXPECT_DOUBLE_EQ(m.near.message, 0.5e-6);
  EXPECT_DOUBLE_EQ(m.far.message, 1e-6);
  EXPECT_DOUBLE_EQ(m.rank.call, 2e-6);
  EXPECT_EQ(m.leaf_hosts, 2);
  EXPECT_EQ(m.leaf_port, 100e9);
  EXPECT_EQ(m.cores, 16);
  EXPECT_EQ(m.rank.read_user, Curve::flat(0.5e-12));
}

TEST(MachineText, WhatIsLeftOutIsTypical) {
  const Machine gpus = machine("ranks=8,port=450G");
  EXPECT_EQ(gpus.rank, typical_gpu(90));
  EXPECT_TRUE(gpus.wired());
  EXPECT_TRUE(gpus.host_of.empty());
  const Machine processors = machine("hosts=2,ranks=4,net=1250M");
  EXPECT_EQ(processors.rank, typical_processor());
  EXPECT_FALSE(processors.wired());
  EXPECT_EQ(processors.ports, 4);
  EXPECT_EQ(processors.far, typical_network(/*rdma=*/false));
}

TEST(MachineText, AWrongWordIsNamedWithWhatWasExpected) {
  EXPECT_EQ(error("ranks"), "cluster: \"ranks\": expected name=value");
  EXPECT_EQ(error("ranks=0"), "cluster: \"ranks=0\": expected a whole number from 1 to 1048576");
  EXPECT_EQ(
      error("port=450X"),
      "cluster: \"port=450X\": expected bytes per second such as 50G, or bits such as 400Gbit");
  EXPECT_EQ(error("latency=5"),
            "cluster: \"latency=5\": expected a time such as 800ns, 2.5us, 1ms or 1s");
  EXPECT_EQ(error("ranks=2,ranks=3"), "cluster: \"ranks=3\": expected each name once");
  EXPECT_EQ(error("hosts=2,ranks=2"),
            "cluster: \"hosts=2\": expected net= beside it, the ports between hosts");
  EXPECT_EQ(error("leaf=1G"), "cluster: \"leaf\": expected leaf= and leaf_hosts= together");
  EXPECT_EQ(error("hosts=65536,ranks=64,net=1G"),
            "cluster: \"hosts=65536,ranks=64\": expected at most 1048576 ranks in all");
  EXPECT_NE(error("colour=red").find("expected one of hosts, ranks,"), std::string::npos);
}

}  // namespace
}  // namespace tutti
