// Tests NCCL's topology XML: src/topology/xml_*.cc, on the machines of tests/topologies.
//
// ROOMS: topology
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "expect_ok.h"
#include "random_topology.h"
#include "reads_back.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;
using Numbers = std::vector<int>;

fs::path folder() { return fs::path(TUTTI_TESTS) / "topologies"; }

std::vector<fs::path> models() {
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder())) {
    if (entry.path().extension() == ".xml") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

Topology model(const std::string& name) {
  Result<TopologyReport> read = read_topology_file((folder() / name).string());
  EXPECT_OK(read.status());
  return read.ok() ? read->topology : Topology();
}

std::string between(std::string before, std::string_view text, std::string_view after) {
  return before.append(text).append(after);
}

// Within <system version="1">, on line 2; within its <cpu>, on line 3; within a <pci> of that, on
// line 4.
std::string in_system(const std::string& text) {
  return between("<system version=\"1\">\n", text, "\n</system>\n");
}

std::string in_cpu(const std::string& text) {
  return in_system(between("<cpu numaid=\"0\">\n", text, "\n</cpu>"));
}

std::string in_pci(const std::string& text) {
  return in_cpu(between("<pci busid=\"0000:01:00.0\">\n", text, "\n</pci>"));
}

TopologyReport parsed(const std::string& text) {
  Result<TopologyReport> read = parse_topology_xml(text, "a.xml");
  EXPECT_OK(read.status());
  return read.ok() ? *read : TopologyReport();
}

std::string error_of(const std::string& text) {
  const Result<TopologyReport> read = parse_topology_xml(text, "a.xml");
  EXPECT_TRUE(read.ok() || read.status().code() == Code::kInvalidArgument);
  return read.status().message();
}

std::vector<std::string> notes_of(const std::string& text) { return parsed(text).notes; }

// A host of one processor.
Topology of(const Cpu& cpu) {
  Topology topology;
  topology.hosts.emplace_back().cpus.push_back(cpu);
  return topology;
}

// ---- models

TEST(TopologyModels, AreThere) { EXPECT_GE(models().size(), 7u); }

TEST(TopologyModels, ReadWithoutNotes) {
  for (const fs::path& path : models()) {
    SCOPED_TRACE(path.filename());
    const Result<TopologyReport> read = read_topology_file(path.string());
    ASSERT_OK(read.status());
    EXPECT_EQ(read->notes, Texts());
    EXPECT_FALSE(read->topology.hosts.empty());
  }
}

TEST(TopologyModels, AreReadBackEqual) {
  for (const fs::path& path : models()) {
    SCOPED_TRACE(path.filename());
    const Topology topology = model(path.filename().string());
    EXPECT_EQ(parsed(to_xml(topology)).topology, topology);
  }
}

// The writer's golden files. A cloud's dump is not in them: it says "Unknown" where we say nothing.
TEST(TopologyModels, AreWrittenAsTheyStand) {
  for (const fs::path& path : models()) {
    if (path.filename() == "cloud-flat.xml") continue;
    EXPECT_EQ(to_xml(model(path.filename().string())), contents(path)) << path;
  }
}

// ---- pieces of them

TEST(TopologyXml, ReadsGpusAndTheirLinks) {
  const Topology dgx = model("dgx-1v.xml");
  ASSERT_EQ(dgx.hosts.size(), 1u);
  EXPECT_EQ(dgx.hosts[0].name, "dgx-1v");
  ASSERT_EQ(dgx.hosts[0].cpus.size(), 2u);
  const PciDevice& bridge = dgx.hosts[0].cpus[0].devices.at(0);
  EXPECT_EQ(bridge.class_code, "0x060400");
  EXPECT_EQ(bridge.link_speed, "8.0 GT/s PCIe");
  EXPECT_EQ(bridge.link_width, 16);
  const PciDevice& card = bridge.devices.at(1);
  EXPECT_EQ(card.bus, "0000:06:00.0");
  ASSERT_TRUE(card.gpu);
  EXPECT_EQ(card.gpu->sm, 70);
  EXPECT_EQ(card.gpu->rank, 0);
  EXPECT_TRUE(card.gpu->rdma);
  EXPECT_EQ(card.gpu->nvlinks.at(2), (NvLinks{"0000:0b:00.0", 2, "0x030200"}));
}

TEST(TopologyXml, ReadsProcessorsOfAMask) {
  const Topology dgx = model("dgx-1v.xml");
  const Cpu& second = dgx.hosts.at(0).cpus.at(1);
  std::vector<int> expected;
  for (int cpu = 20; cpu < 40; ++cpu) expected.push_back(cpu);
  for (int cpu = 60; cpu < 80; ++cpu) expected.push_back(cpu);
  EXPECT_EQ(second.cpus, expected);
  EXPECT_EQ(second.package, 1);
  EXPECT_EQ(second.family, 6);
  EXPECT_EQ(second.model, 79);
}

// NCCL pads masks to all processors that a system may have, and the first group is shorter.
TEST(TopologyXml, ReadsMasksAsLinuxWritesThem) {
  const auto cpus = [](const std::string& mask) {
    const std::string cpu = between("<cpu numaid=\"0\" affinity=\"", mask, "\"/>");
    return parsed(in_system(cpu)).topology.hosts.at(0).cpus.at(0).cpus;
  };
  EXPECT_EQ(cpus("0000,00000000,00000003"), (Numbers{0, 1}));
  EXPECT_EQ(cpus("1,80000000"), (Numbers{31, 32}));
  EXPECT_EQ(cpus("0x0000000f"), (Numbers{0, 1, 2, 3}));
  EXPECT_EQ(cpus(""), Numbers());
}

TEST(TopologyXml, KeepsWhatHostsSayOfThemselves) {
  const Topology cluster = model("cpu-2socket.xml");
  ASSERT_EQ(cluster.hosts.size(), 4u);
  EXPECT_EQ(cluster.hosts[3].name, "node4");
  EXPECT_EQ(cluster.hosts[3].id, "0x4e17a35bd8026cf9");
  const Cpu& cpu = cluster.hosts[3].cpus.at(1);
  EXPECT_EQ(cpu.ranks.at(1), (CpuRank{29, {40, 41, 42, 43, 44, 45, 46, 47}}));
  EXPECT_EQ(cpu.caches.at(0), (Cache{3, 32u << 20, {32, 33, 34, 35}}));
  EXPECT_EQ(cpu.cores.size(), cpu.cpus.size());
  EXPECT_EQ(cpu.memory_bytes, 192ul << 30);
}

TEST(TopologyXml, HostsOfOneFabricAreToldApart) {
  const Topology rack = model("gb200-nvl72.xml");
  ASSERT_EQ(rack.hosts.size(), 18u);
  for (const TopologyHost& host : rack.hosts) {
    EXPECT_EQ(host.fabric, rack.hosts[0].fabric);
    EXPECT_EQ(host.cpus.size(), 2u);
  }
  EXPECT_NE(rack.hosts[0].id, rack.hosts[17].id);
  const Gpu& last = *rack.hosts[17].cpus[1].devices.back().gpu;
  EXPECT_EQ(last.rank, 71);
  EXPECT_EQ(last.c2c, std::vector<C2cLinks>({{44712, 5}}));
}

TEST(TopologyXml, PortsAreNamedAsUcxNamesThem) {
  const auto net = [](const std::string& attributes) {
    const std::string text = in_pci(between("<nic><net dev=\"0\" ", attributes, "/></nic>"));
    return parsed(text).topology.hosts.at(0).cpus.at(0).devices.at(0).nets.at(0).name;
  };
  EXPECT_EQ(net("name=\"mlx5_0\" port=\"1\""), "mlx5_0:1");
  EXPECT_EQ(net("name=\"mlx5_0:2\" port=\"2\""), "mlx5_0:2");
  EXPECT_EQ(net("name=\"eth0\" port=\"0\""), "eth0");
  EXPECT_EQ(net("name=\"eth0\""), "eth0");
  Topology topology = model("pcie-8gpu.xml");
  EXPECT_NE(to_xml(topology).find("<net name=\"mlx5_0\" dev=\"0\""), std::string::npos);
}

TEST(TopologyXml, TakesUnknownValuesAsUnknown) {
  const Topology cloud = model("cloud-flat.xml");
  const Cpu& cpu = cloud.hosts.at(0).cpus.at(0);
  const PciDevice& ena = cpu.devices.at(0);
  EXPECT_EQ(ena.link_speed, "");
  EXPECT_EQ(ena.link_width, 0);
  EXPECT_EQ(ena.nets.at(0).speed, 0);
  EXPECT_EQ(cpu.package, 0);
  const std::string text = in_system("<cpu numaid=\"3\"><pci busid=\"B\" link_width=\"\"/></cpu>");
  const Cpu bare = parsed(text).topology.hosts.at(0).cpus.at(0);
  EXPECT_EQ(bare.devices.at(0).link_width, 0);
  EXPECT_EQ(bare.package, 3) << "of its own, where a dump does not say";
  Cpu with_device;
  with_device.devices.emplace_back().bus = "b";
  EXPECT_EQ(to_xml(of(with_device)),
            in_system("  <cpu numaid=\"0\" package=\"0\">\n    <pci busid=\"b\"/>\n  </cpu>"));
}

TEST(TopologyXml, BusIdsAreSpeltInOneWay) {
  const std::string text = in_pci(
      "<pci busid=\"00000000:3B:00.0\"><gpu dev=\"0\"><nvlink target=\"00000000:AF:00.0\"/>"
      "<nvlink target=\"fffffff:ffff:ff\"/></gpu><pci busid=\"00100000:3B:00.0\"/></pci>");
  const PciDevice card = parsed(text).topology.hosts.at(0).cpus.at(0).devices.at(0).devices.at(0);
  EXPECT_EQ(card.bus, "0000:3b:00.0");
  EXPECT_EQ(card.gpu->nvlinks.at(0).target, "0000:af:00.0");
  EXPECT_EQ(card.gpu->nvlinks.at(0).count, 1);
  EXPECT_EQ(card.gpu->nvlinks.at(1).target, "fffffff:ffff:ff");
  EXPECT_EQ(card.devices.at(0).bus, "00100000:3b:00.0") << "a domain that needs its digits";
}

// Azure's and AWS's files have bridges that are no devices, and no GPUs: NCCL fills those in.
TEST(TopologyXml, ReadsTemplatesOfClouds) {
  const TopologyReport read = parsed(in_system(
      "<cpu numaid=\"0\" affinity=\"0000ffff\" arch=\"x86_64\" vendor=\"AuthenticAMD\">\n"
      "<pci busid=\"ffff:ff:01.0\" class=\"0x060400\" link_speed=\"16 GT/s\" link_width=\"16\">\n"
      "<pci busid=\"0001:00:00.0\" class=\"0x030200\" link_speed=\"16 GT/s\" link_width=\"16\"/>\n"
      "<pci busid=\"0101:00:00.0\" class=\"0x020700\" link_speed=\"16 GT/s\" link_width=\"16\"/>\n"
      "</pci></cpu>"));
  EXPECT_EQ(read.notes, Texts());
  const PciDevice& bridge = read.topology.hosts.at(0).cpus.at(0).devices.at(0);
  EXPECT_EQ(bridge.devices.size(), 2u);
  EXPECT_EQ(bridge.devices.at(0).link_speed, "16 GT/s");
}

TEST(TopologyXml, HexadecimalIntegersAreIntegers) {
  const Topology read = parsed(in_system("<cpu numaid=\"0x1f\"/>")).topology;
  EXPECT_EQ(read.hosts.at(0).cpus.at(0).numa, 31);
}

TEST(TopologyXml, AttributesOfOthersAreKept) {
  const std::string text = in_pci(
      "<gpu dev=\"0\" gcn=\"942\" mlopart=\"1\"/><nic><net dev=\"0\" rail=\"3\" gin=\"1\"/></nic>");
  const Topology read = parsed(text).topology;
  const PciDevice& device = read.hosts.at(0).cpus.at(0).devices.at(0);
  EXPECT_EQ(device.gpu->other, (OtherAttributes{{"gcn", "942"}, {"mlopart", "1"}}));
  EXPECT_EQ(device.nets.at(0).other, (OtherAttributes{{"gin", "1"}, {"rail", "3"}}));
  EXPECT_EQ(parsed(to_xml(read)).topology, read);
}

// ---- writing

TEST(TopologyXml, WritesWhatItReads) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const Topology made = RandomTopology(seed).topology();
    const Result<TopologyReport> read = parse_topology_xml(to_xml(made), "random.xml");
    ASSERT_OK(read.status());
    ASSERT_EQ(read->notes, Texts());
    ASSERT_TRUE(read->topology == made) << to_xml(made);
  }
}

TEST(TopologyXml, NumbersKeepTheirLastDigit) {
  for (const double latency : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 75.0}) {
    Cpu cpu;
    cpu.nets.emplace_back().latency = latency;
    const Topology made = of(cpu);
    EXPECT_EQ(parsed(to_xml(made)).topology, made) << latency;
  }
}

// Takes `name="value"` off the front, if a value has no more characters than NCCL 2.30 reads.
bool take_attribute(std::string_view& line) {
  const std::size_t begin = line.find("=\"");
  if (begin == std::string_view::npos) return false;
  const std::size_t end = line.find('"', begin + 2);
  if (end == std::string_view::npos || end - begin - 2 > 253) return false;
  line.remove_prefix(end + 1);
  return true;
}

// As NCCL goes through it: an element or its end, one blank before each of at most 16 attributes,
// and no text.
bool is_readable_by_nccl(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  if (!line.starts_with('<')) return false;
  line.remove_prefix(line.starts_with("</") ? 2 : 1);
  const std::size_t name = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789");
  line.remove_prefix(std::min(name, line.size()));
  int attributes = 0;
  for (; line.starts_with(' '); ++attributes) {
    line.remove_prefix(1);
    if (line.starts_with(' ') || !take_attribute(line)) return false;
  }
  return attributes <= 16 && (line == ">" || line == "/>");
}

TEST(TopologyXml, KnowsWhatNcclReads) {
  for (const char* line : {"<a>", "  </a>", "<a b=\"c\" d=\"e f\"/>"}) {
    EXPECT_TRUE(is_readable_by_nccl(line)) << line;
  }
  for (const char* line : {"", "text", "<a  b=\"c\"/>", "<a b=c/>", "<a/>text", "<?xml?>"}) {
    EXPECT_FALSE(is_readable_by_nccl(line)) << line;
  }
}

void expect_readable_by_nccl(const std::string& xml) {
  std::istringstream lines(xml);
  for (std::string line; std::getline(lines, line);) EXPECT_TRUE(is_readable_by_nccl(line)) << line;
}

TEST(TopologyXml, IsReadableByNccl) {
  for (const fs::path& path : models()) {
    expect_readable_by_nccl(to_xml(model(path.filename().string())));
  }
}

// A mask of processors beyond the 896th is longer than NCCL can read.
TEST(TopologyXml, LongSetsOfProcessorsAreReadableByNccl) {
  Cpu cpu;
  for (int i = 1; i < 2048; i += 2) cpu.cpus.push_back(i);
  for (int i = 2047; i >= 1; i -= 2) cpu.cores.push_back(i);
  cpu.ranks.push_back({0, cpu.cpus});
  cpu.caches.push_back({3, 1u << 20, cpu.cpus});
  const Topology made = of(cpu);
  const std::string xml = to_xml(made);
  EXPECT_EQ(xml.find("affinity"), std::string::npos);
  expect_readable_by_nccl(xml);
  EXPECT_EQ(parsed(xml).topology, made);
}

// At the very length that NCCL still reads.
TEST(TopologyXml, ListsAreCutWhereTheyMust) {
  Cpu cpu;
  for (int i = 0; i < 127; ++i) cpu.cores.push_back(2 * (i % 2));  // a digit and a comma each
  const auto cores = [&] {
    const std::string xml = to_xml(of(cpu));
    return xml.substr(xml.find("<cores"), xml.find("</cpu>") - xml.find("<cores"));
  };
  EXPECT_EQ(cores().find("<more"), std::string::npos) << "253 characters";
  cpu.cores[0] = 10;
  EXPECT_NE(cores().find("<more list=\"0\"/>"), std::string::npos) << "254 characters";
}

TEST(TopologyXml, EscapesWhatXmlMeans) {
  Topology topology;
  topology.hosts.emplace_back().name = "a<b>&\"c\"\n'";
  EXPECT_EQ(to_xml(topology), in_system("  <host name=\"a&lt;b&gt;&amp;&quot;c&quot;&#10;'\"/>"));
  EXPECT_EQ(parsed(to_xml(topology)).topology, topology);
}

TEST(TopologyXml, HostsOfWhichNothingIsKnownAreHosts) {
  Topology topology;
  topology.hosts.resize(2);
  topology.hosts[1].id = "0x1";
  EXPECT_EQ(to_xml(topology), in_system("  <host/>\n  <host host_hash=\"0x1\"/>"));
  EXPECT_EQ(parsed(to_xml(topology)).topology, topology);
}

TEST(TopologyXml, SetsOfProcessorsAreAscending) {
  const Topology read = parsed(in_cpu("<rank id=\"0\" cpus=\"7,1-2,2\"/>")).topology;
  EXPECT_EQ(read.hosts.at(0).cpus.at(0).ranks.at(0).cpus, (Numbers{1, 2, 7}));
}

TEST(TopologyXml, ShortSetsStayOnOneLine) {
  Cpu cpu;
  cpu.cpus = {0, 1, 895};
  cpu.cores = {0, 0, 7};
  const std::string xml = to_xml(of(cpu));
  EXPECT_NE(xml.find("affinity=\"80000000,0"), std::string::npos);
  EXPECT_NE(xml.find("<cores list=\"0,0,7\"/>"), std::string::npos);
  EXPECT_EQ(xml.find("<processors"), std::string::npos);
}

// What fuzzing starts from, and what it has found.
TEST(TopologyXml, HoldsForTheKeptCorpus) {
  int files = 0;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(folder().parent_path() / "fuzz/corpus/topology_xml")) {
    EXPECT_EQ(fails_to_read_back(contents(entry.path())), "") << entry.path();
    ++files;
  }
  EXPECT_GE(files, 8);
}

// ---- what is not understood

TEST(TopologyXml, NamesWhatItLeavesOut) {
  EXPECT_EQ(notes_of(in_system("<foo/>")),
            Texts{"a.xml:2: <foo> in <system> is not known and left out"});
  EXPECT_EQ(notes_of(in_pci("<gpu dev=\"0\">\n<xgmi target=\"b\"/></gpu>")),
            Texts{"a.xml:5: <xgmi> in <gpu> is not known and left out"});
  EXPECT_EQ(notes_of(in_pci("<net dev=\"0\"/>")),
            Texts{"a.xml:4: <net> in <pci> is not known and left out"});
  EXPECT_EQ(notes_of(in_pci("<nic keep=\"1\"/>")),
            Texts{"a.xml:4: keep=\"1\" of <nic> is not known and left out"});
  EXPECT_EQ(notes_of(in_pci("<nic><net dev=\"0\"><foo/></net></nic>")),
            Texts{"a.xml:4: <foo> in <net> is not known and left out"});
  EXPECT_EQ(notes_of(in_cpu("<rank id=\"0\" cpus=\"0\"><more cpus=\"2\" x=\"y\"/></rank>")),
            Texts{"a.xml:3: x=\"y\" of <more> is not known and left out"});
  EXPECT_EQ(notes_of(in_pci("some text")), Texts{"a.xml:3: text in <pci> is left out"});
  EXPECT_EQ(notes_of(in_pci("<gpu dev=\"0\"/><gpu dev=\"1\"/>")),
            Texts{"a.xml:4: a second <gpu> of one PCI device is left out"});
  EXPECT_EQ(notes_of(in_pci("<nic><net name=\"a\"/></nic>")),
            Texts{"a.xml:4: <net> without dev is left out, as NCCL leaves it"});
  EXPECT_EQ(notes_of("<system version=\"2\"/>"),
            Texts{"a.xml:1: version=\"2\" is read as version 1"});
  EXPECT_EQ(notes_of("<system version=\"1\"/>\n<system version=\"1\"/>"),
            Texts{"a.xml:2: what is not in the first <system> is left out"});
}

TEST(TopologyXml, NotesAreBounded) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "<foo/>";
  const std::vector<std::string> notes = notes_of(in_system(many));
  EXPECT_EQ(notes.size(), 51u);
  EXPECT_EQ(notes.back(), "a.xml: and 950 notes more");
}

// ---- what is wrong

struct Wrong {
  std::string text;
  std::string error;
};

TEST(TopologyXml, SaysWhereAndWhatWasExpected) {
  const std::vector<Wrong> cases = {
      {in_pci("<gpu/>"), "a.xml:4: <gpu> lacks dev: expected an integer"},
      {in_system("<cpu/>"), "a.xml:2: <cpu> lacks numaid: expected an integer"},
      {in_system("<cpu numaid=\"x\"/>"), "a.xml:2: numaid=\"x\": expected an integer"},
      {in_system("<cpu numaid=\"1 \"/>"), "a.xml:2: numaid=\"1 \": expected an integer"},
      {in_system("<cpu numaid=\"\"/>"), "a.xml:2: numaid=\"\": expected an integer"},
      {in_system("<cpu numaid=\"99999999999\"/>"),
       "a.xml:2: numaid=\"99999999999\": expected an integer from -2147483648 to 2147483647"},
      {in_system("<cpu numaid=\"9999999999999999999999\"/>"),
       "a.xml:2: numaid=\"9999999999999999999999\": expected an integer"},
      {in_pci("<gpu dev=\"-1\"/>"),
       "a.xml:4: dev=\"-1\": expected an integer from 0 to 2147483647"},
      {in_pci("<gpu dev=\"0\">\n<nvlink/></gpu>"),
       "a.xml:5: <nvlink> lacks target: expected a bus id, as in 0000:3b:00.0"},
      {in_pci("<pci/>"), "a.xml:4: <pci> lacks busid: expected a bus id, as in 0000:3b:00.0"},
      {in_pci("<nic><net dev=\"0\" latency=\"nan\"/></nic>"),
       "a.xml:4: latency=\"nan\": expected a number, 0 or more"},
      {in_pci("<nic><net dev=\"0\" latency=\"-1\"/></nic>"),
       "a.xml:4: latency=\"-1\": expected a number, 0 or more"},
      {in_system("<cpu numaid=\"0\" affinity=\"xyz\"/>"),
       "a.xml:2: affinity=\"xyz\": expected hexadecimal groups of 32 bits, split by commas"},
      {in_system("<cpu numaid=\"0\" affinity=\"1ffffffff\"/>"),
       "a.xml:2: affinity=\"1ffffffff\": expected hexadecimal groups of 32 bits, split by commas"},
      {in_cpu("<rank id=\"0\" cpus=\"3-1\"/>"),
       "a.xml:3: cpus=\"3-1\": expected numbers and ranges below 65536, split by commas, as in "
       "0-3,8"},
      {in_system("<cpu numaid=\"0\" affinity=\"3\"><cores list=\"0\"/></cpu>"),
       "a.xml:2: <cpu> names 1 cores: expected 2, one for each of its processors"},
      {in_system("<cpu numaid=\"0\" numaid=\"0\"/>"),
       "a.xml:2: <cpu> has numaid twice: expected it once"},
      {in_system("<host name=\"a\"/>\n<host name=\"b\"/>"),
       "a.xml:3: host_hash=\"\" again: expected one <host> for each, before its first <cpu>"},
      {"<system/>", "a.xml:1: <system> lacks version: expected an integer"},
      {"\n<graphs version=\"1\"/>",
       "a.xml:2: <graphs> is no topology: expected <system version=\"1\">"},
      {"", "a.xml:1: No document element found: expected XML"},
      {"<system version=\"1\">\n<cpu>\n</system>",
       "a.xml:3: Start-end tags mismatch: expected XML"},
      {std::string("<system version=\"1\"/>\n\0", 23),
       "a.xml:2: a zero byte: expected text in UTF-8"},
  };
  for (const Wrong& wrong : cases) EXPECT_EQ(error_of(wrong.text), wrong.error) << wrong.text;
}

TEST(TopologyXml, TheFirstErrorIsTold) {
  EXPECT_EQ(error_of(in_system("<cpu numaid=\"x\" memory=\"y\"/>\n<cpu/>")),
            "a.xml:2: numaid=\"x\": expected an integer");
}

TEST(TopologyXml, LongValuesAreShortenedInErrors) {
  const std::string cpu = between("<cpu numaid=\"", std::string(5000, '7'), "\"/>");
  EXPECT_EQ(error_of(in_system(cpu)),
            between("a.xml:2: numaid=\"", std::string(60, '7'), "…\": expected an integer"));
}

std::string nested(int depth) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += "<pci busid=\"b\">";
  for (int i = 0; i < depth; ++i) text += "</pci>";
  return in_cpu(text);
}

TEST(TopologyXml, DepthIsBounded) {
  EXPECT_EQ(error_of(nested(64)), "");
  EXPECT_EQ(error_of(nested(65)), "a.xml:3: <pci> behind 64 others: expected at most 64");
  EXPECT_EQ(error_of(nested(100'000)), "a.xml:3: <pci> behind 64 others: expected at most 64");
}

// A short text names many processors: not so many that memory ends.
TEST(TopologyXml, NumbersOfProcessorsAreBounded) {
  std::string ranks;
  for (int i = 0; i < 300; ++i) ranks += "<rank id=\"0\" cpus=\"0-65535\"/>";
  EXPECT_TRUE(error_of(in_cpu(ranks))
                  .starts_with("a.xml:3: cpus=\"0-65535\": expected numbers and ranges"));
}

TEST(TopologyXml, PartsAreBounded) {
  std::string links;
  for (int i = 0; i < (1 << 20); ++i) links += "<pcilink target=\"b\"/>\n";
  EXPECT_EQ(error_of(in_pci(links)),
            "a.xml:1048578: more than a million parts: expected the topology of a cluster");
}

TEST(TopologyXml, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(read_topology_file("/no/such.xml").status(),
            Status(Code::kSystem, "cannot read /no/such.xml: No such file or directory"));
  EXPECT_EQ(read_topology_file("/").status(),
            Status(Code::kSystem, "cannot read /: Is a directory"));
  EXPECT_EQ(read_topology_file("/dev/zero").status(),
            Status(Code::kInvalidArgument, "/dev/zero has over 256 MiB: expected a topology"));
}

}  // namespace
}  // namespace tutti
