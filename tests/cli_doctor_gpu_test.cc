// Tests the checks of `tutti doctor` about GPUs: src/cli/doctor_gpu.cc, doctor_acs.cc.
//
// ROOMS: cli communicator
// TIER: fast

#include <gtest/gtest.h>

#include "cli/doctor_gpu.h"
#include "findings.h"
#include "made_up_files.h"

namespace tutti::cli::doctor {
namespace {

GpuSystem gpus(std::size_t count) {
  return {.on_bus = std::vector<std::string>(count, "0000:3b:00.0"), .driver = "550.54"};
}

CudaFacts cuda(int devices) { return {.has_library = true, .devices = devices}; }

std::string little_endian(unsigned value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

// An AER capability, and behind it, at 0x150, one for ACS.
std::string configuration(unsigned control) {
  std::string bytes(4096, '\0');
  bytes.replace(0x100, 4, little_endian(0x150u << 20 | 2u << 16 | 0x0001, 4));
  bytes.replace(0x150, 4, little_endian(1u << 16 | 0x000d, 4));
  bytes.replace(0x156, 2, little_endian(control, 2));
  return bytes;
}

TEST(CliDoctorGpu, NoGpuIsOneGoodLine) {
  const Findings findings = check_driver({}, {});
  EXPECT_EQ(findings, Findings{good("no GPU here")});
  EXPECT_TRUE(check_peers({}, {}, {}).empty());
  EXPECT_TRUE(check_gpu_rdma({}, {}, true).empty());
  EXPECT_TRUE(check_nvlinks({}).empty());
}

TEST(CliDoctorGpu, TheSystemIsRead) {
  test::MadeUpFiles tree;
  tree.write("sys/bus/pci/devices/0000:3b:00.0/vendor", "0x10de");
  tree.write("sys/bus/pci/devices/0000:3b:00.0/class", "0x030200");
  tree.write("sys/bus/pci/devices/0000:3b:00.1/vendor", "0x10de");
  tree.write("sys/bus/pci/devices/0000:3b:00.1/class", "0x040300");  // its sound
  tree.write("sys/module/nvidia/version", "550.54.15");
  tree.write("sys/module/nvidia_peermem/version", "1");
  tree.write("sys/kernel/iommu_groups/0/type", "DMA");
  tree.write("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor sse");
  const GpuSystem system = read_gpu_system(tree.root());
  EXPECT_EQ(system.on_bus, std::vector<std::string>{"0000:3b:00.0"});
  EXPECT_EQ(system.driver, "550.54.15");
  EXPECT_TRUE(system.has_peermem && system.is_virtual && system.has_iommu);
}

TEST(CliDoctorGpu, ADriverThatDoesNotWorkFailsWithWhatToDo) {
  CudaFacts broken = cuda(0);
  broken.error = 802;
  broken.failure = "cuInit: error 802, system not yet initialized";
  const Findings fails = check_driver(gpus(8), broken);
  EXPECT_TRUE(says(only(fails, Severity::kFails).fix, "fabricmanager")) << render(fails);
  broken.error = 999;
  EXPECT_TRUE(says(only(check_driver(gpus(8), broken), Severity::kFails).fix, "NVRM"));
  EXPECT_EQ(worst(check_driver(gpus(8), {})), Severity::kFails);  // no libcuda.so.1
}

TEST(CliDoctorGpu, NoDriverAndHiddenGpusAreWorthKnowing) {
  GpuSystem bare = gpus(2);
  bare.driver = "";
  EXPECT_TRUE(
      says(only(check_driver(bare, {}), Severity::kNote).what, "2 GPUs here, and no driver"));
  EXPECT_TRUE(
      says(only(check_driver(gpus(8), cuda(1)), Severity::kNote).what, "8 GPUs on the PCI"));
  EXPECT_EQ(worst(check_driver(gpus(8), cuda(8))), Severity::kGood);
}

TEST(CliDoctorGpu, PairsWithoutPeerAccessCost) {
  EXPECT_EQ(worst(check_peers(gpus(2), cuda(2), {.is_readable = true})), Severity::kGood);
  CudaFacts apart = cuda(2);
  apart.apart = {{0, 1}, {1, 0}};
  const Findings costs = check_peers(gpus(2), apart, {.is_readable = true});
  EXPECT_TRUE(says(only(costs, Severity::kCosts).what, "2 pairs")) << render(costs);
  expect_advice(costs);
}

TEST(CliDoctorGpu, AcsIsABitOfACapability) {
  EXPECT_TRUE(redirects(configuration(0x001d)));
  EXPECT_FALSE(redirects(configuration(0x0001)));
  EXPECT_FALSE(redirects(configuration(0x001d).substr(0, 64)));
  EXPECT_FALSE(redirects(""));
  std::string circle(4096, '\0');
  circle.replace(0x100, 4, little_endian(0x100u << 20 | 0x0001, 4));
  EXPECT_FALSE(redirects(circle));
}

TEST(CliDoctorGpu, BridgesAreReadAndOthersAreNot) {
  test::MadeUpFiles tree;
  tree.write("bus/pci/devices/0000:3a:00.0/class", "0x060400");
  tree.write("bus/pci/devices/0000:3a:00.0/config", configuration(0x001d));
  tree.write("bus/pci/devices/0000:3b:00.0/class", "0x030200");
  tree.write("bus/pci/devices/0000:3b:00.0/config", configuration(0x001d));
  const AcsFacts acs = read_acs(tree.root());
  EXPECT_TRUE(acs.is_readable);
  EXPECT_EQ(acs.redirecting, std::vector<std::string>{"0000:3a:00.0"});
  tree.write("bus/pci/devices/0000:3a:00.0/config", std::string(63, '\0'));
  EXPECT_FALSE(read_acs(tree.root()).is_readable);
}

TEST(CliDoctorGpu, RedirectionCostsOnBareMetalWithSeveralGpus) {
  const AcsFacts acs{.is_readable = true, .redirecting = {"0000:3a:00.0"}};
  const Findings costs = check_peers(gpus(2), {}, acs);
  EXPECT_TRUE(says(only(costs, Severity::kCosts).what, "0000:3a:00.0"));
  expect_advice(costs);
  EXPECT_TRUE(check_peers(gpus(1), {}, acs).empty());
  GpuSystem guest = gpus(2);
  guest.is_virtual = true;
  EXPECT_TRUE(check_peers(guest, {}, acs).empty());
  GpuSystem closed = gpus(2);
  closed.has_iommu = true;
  EXPECT_EQ(worst(check_peers(closed, {}, {})), Severity::kNote);
}

TEST(CliDoctorGpu, RdmaReachesGpusByPeermemOrDmaBuf) {
  const Findings costs = check_gpu_rdma(gpus(1), cuda(1), true);
  EXPECT_TRUE(says(only(costs, Severity::kCosts).fix, "modprobe nvidia_peermem"));
  EXPECT_TRUE(check_gpu_rdma(gpus(1), cuda(1), false).empty());
  GpuSystem loaded = gpus(1);
  loaded.has_peermem = true;
  EXPECT_EQ(worst(check_gpu_rdma(loaded, cuda(1), true)), Severity::kGood);
  CudaFacts modern = cuda(1);
  modern.has_dma_buf = true;
  EXPECT_EQ(worst(check_gpu_rdma(gpus(1), modern, true)), Severity::kGood);
}

TEST(CliDoctorGpu, MemoryGoesBetweenHostsAsItIsWhereAllHaveIt) {
  GpuSystem system = gpus(1);
  const NetworkForGpus best{.is_rdma = true, .ucx_moves_memory = true, .wanted = {}};
  EXPECT_TRUE(says(only(check_gpudirect(system, cuda(1), best), Severity::kNote).what, "peermem"));
  system.has_peermem = true;
  EXPECT_EQ(worst(check_gpudirect(system, cuda(1), best)), Severity::kGood);
  EXPECT_TRUE(check_gpudirect(system, cuda(0), best).empty());

  NetworkForGpus network = best;
  network.wanted = false;
  EXPECT_TRUE(says(only(check_gpudirect(system, cuda(1), network), Severity::kNote).what,
                   "GPUDIRECT is 0"));
  network = {.is_rdma = false, .ucx_moves_memory = true, .wanted = {}};
  EXPECT_TRUE(says(only(check_gpudirect(system, cuda(1), network), Severity::kNote).what,
                   "no RDMA device"));
  network.wanted = true;
  EXPECT_EQ(worst(check_gpudirect(gpus(1), cuda(1), network)), Severity::kGood);
  network.ucx_moves_memory = false;
  const Findings fails = check_gpudirect(system, cuda(1), network);
  EXPECT_TRUE(says(only(fails, Severity::kFails).what, "UCX sends no CUDA memory"));
}

// A host with GPUs behind a bridge, with so many NVLinks each.
Topology linked(const std::vector<int>& links) {
  PciDevice bridge;
  for (const int count : links) {
    Gpu gpu;
    gpu.device = static_cast<int>(bridge.devices.size());
    gpu.sm = 90;
    if (count > 0) gpu.nvlinks = {{.target = "0000:01:00.0", .count = count, .target_class = ""}};
    PciDevice device;
    device.gpu = gpu;
    bridge.devices.push_back(device);
  }
  Cpu cpu;
  cpu.devices = {bridge};
  TopologyHost host;
  host.cpus = {cpu};
  return {{host}};
}

TEST(CliDoctorGpu, AGpuThatLacksNvLinksCosts) {
  const Findings costs = check_nvlinks(linked({18, 17, 18}));
  const Finding finding = only(costs, Severity::kCosts);
  EXPECT_EQ(finding.what, "GPU 1 has 17 NVLinks, others of its kind have 18");
  EXPECT_TRUE(says(finding.cost, "94 %")) << finding.cost;
  EXPECT_EQ(worst(check_nvlinks(linked({18, 18}))), Severity::kGood);
  EXPECT_EQ(worst(check_nvlinks(linked({0, 0}))), Severity::kNote);
  EXPECT_TRUE(check_nvlinks(linked({0})).empty());
}

}  // namespace
}  // namespace tutti::cli::doctor
