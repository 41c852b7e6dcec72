// Reads NCCL's topology XML, and what Tutti adds to it (xml_write.cc lists that).
//
// Every element is read by a function of its name, which takes the attributes it knows and hands
// its children to the functions of theirs. What no function knows is noted. Elements nest at most
// kDeepest deep, whatever the file. Tested by topology_xml_test.cc and fuzz/topology_xml_fuzz.cc.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "topology/xml_attributes.h"
#include "topology/xml_names.h"
#include "topology/xml_reading.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

constexpr int kDeepest = 64;                       // PCI devices behind one another
constexpr std::size_t kLargestFile = 256ul << 20;  // 10,000 hosts of 8 GPUs are a third of it
constexpr const char* kNoDevice = "<net> without dev is left out, as NCCL leaves it";

bool is(pugi::xml_node node, const char* name) { return std::strcmp(node.name(), name) == 0; }

void note_children(pugi::xml_node node, XmlReading& reading) {
  for (const pugi::xml_node child : node.children()) reading.note_unknown(child);
}

// ---- leaves

NvLinks read_nvlinks(pugi::xml_node node, XmlReading& reading) {
  reading.count_part(node);
  XmlAttributes attributes(node, reading);
  NvLinks links;
  links.target = bus_id(attributes.needed_text("target", "a bus id, as in 0000:3b:00.0"));
  links.count = static_cast<int>(attributes.integer("count", 1, kNotNegative));
  links.target_class = attributes.text("tclass");
  attributes.note_rest();
  note_children(node, reading);
  return links;
}

C2cLinks read_c2c(pugi::xml_node node, XmlReading& reading) {
  reading.count_part(node);
  XmlAttributes attributes(node, reading);
  C2cLinks links;
  links.bandwidth = attributes.needed_integer("bw", kNotNegativeLong);
  links.count = static_cast<int>(attributes.integer("count", 1, kNotNegative));
  attributes.note_rest();
  note_children(node, reading);
  return links;
}

Gpu read_gpu(pugi::xml_node node, XmlReading& reading) {
  reading.count_part(node);
  XmlAttributes attributes(node, reading);
  Gpu gpu;
  gpu.device = static_cast<int>(attributes.needed_integer("dev", kNotNegative));
  gpu.sm = static_cast<int>(attributes.integer("sm", 0, kNotNegative));
  gpu.rank = static_cast<int>(attributes.integer("rank", -1, {.first = -1}));
  gpu.rdma = attributes.flag("gdr");
  gpu.other = attributes.rest();
  for (const pugi::xml_node child : node.children()) {
    if (is(child, "nvlink")) {
      gpu.nvlinks.push_back(read_nvlinks(child, reading));
    } else if (is(child, "c2c")) {
      gpu.c2c.push_back(read_c2c(child, reading));
    } else {
      reading.note_unknown(child);
    }
  }
  return gpu;
}

Net read_net(pugi::xml_node node, XmlReading& reading) {
  reading.count_part(node);
  XmlAttributes attributes(node, reading);
  Net net;
  net.device = static_cast<int>(attributes.needed_integer("dev"));
  net.port = static_cast<int>(attributes.integer("port", 0));
  net.name = ucx_name(attributes.text("name"), net.port);
  net.speed = std::max(0l, attributes.integer("speed", 0, kAnyLong));  // -1: the system cannot say
  net.guid = attributes.text("guid");
  net.latency = attributes.real("latency");
  net.max_connections = static_cast<int>(attributes.integer("maxconn", 0));
  net.rdma = attributes.flag("gdr");
  net.collectives = attributes.flag("coll");
  net.other = attributes.rest();
  note_children(node, reading);
  return net;
}

// Several <nic> of a device are one: they hold what it offers.
void read_nic(pugi::xml_node node, XmlReading& reading, std::vector<Net>& nets) {
  XmlAttributes(node, reading).note_rest();
  for (const pugi::xml_node child : node.children()) {
    if (!is(child, "net")) {
      reading.note_unknown(child);
    } else if (child.attribute("dev").empty()) {
      reading.note(child, kNoDevice);
    } else {
      nets.push_back(read_net(child, reading));
    }
  }
}

std::string read_pci_link(pugi::xml_node node, XmlReading& reading) {
  reading.count_part(node);
  XmlAttributes attributes(node, reading);
  const std::string target = bus_id(attributes.needed_text("target", "the bus id of a switch"));
  attributes.note_rest();
  note_children(node, reading);
  return target;
}

// ---- PCI

PciDevice read_pci(pugi::xml_node node, XmlReading& reading, int depth);

void read_pci_child(pugi::xml_node child, XmlReading& reading, int depth, PciDevice& device) {
  if (is(child, "pci")) {
    device.devices.push_back(read_pci(child, reading, depth + 1));
  } else if (is(child, "gpu") && !device.gpu) {
    device.gpu = read_gpu(child, reading);
  } else if (is(child, "nic")) {
    read_nic(child, reading, device.nets);
  } else if (is(child, "pcilink")) {
    device.links.push_back(read_pci_link(child, reading));
  } else if (is(child, "gpu")) {
    reading.note(child, "a second <gpu> of one PCI device is left out");
  } else {
    reading.note_unknown(child);
  }
}

// NCCL writes link_width="" where the system does not say.
int link_width(pugi::xml_node node, XmlAttributes& attributes) {
  const bool unknown = *node.attribute("link_width").value() == '\0';
  if (unknown) attributes.text("link_width");
  return static_cast<int>(attributes.integer("link_width", 0, kNotNegative));
}

PciDevice read_pci(pugi::xml_node node, XmlReading& reading, int depth) {
  PciDevice device;
  reading.count_part(node);
  if (depth > kDeepest) reading.fail(node, "<pci> behind 64 others: expected at most 64");
  if (reading.failed()) return device;
  XmlAttributes attributes(node, reading);
  device.bus = bus_id(attributes.needed_text("busid", "a bus id, as in 0000:3b:00.0"));
  device.class_code = attributes.text("class");
  device.vendor = attributes.text("vendor");
  device.device = attributes.text("device");
  device.subsystem_vendor = attributes.text("subsystem_vendor");
  device.subsystem_device = attributes.text("subsystem_device");
  device.link_speed = link_speed(attributes.text("link_speed"));
  device.link_width = link_width(node, attributes);
  device.other = attributes.rest();
  for (const pugi::xml_node child : node.children()) {
    read_pci_child(child, reading, depth, device);
    if (reading.failed()) break;
  }
  return device;
}

// ---- processors

Cache read_cache(pugi::xml_node node, XmlReading& reading) {
  reading.count_part(node);
  XmlAttributes attributes(node, reading);
  Cache cache;
  cache.level = static_cast<int>(attributes.needed_integer("level", kNotNegative));
  cache.bytes = static_cast<std::size_t>(attributes.needed_integer("bytes", kNotNegativeLong));
  cache.cpus = attributes.set("cpus");
  attributes.note_rest();
  return cache;
}

CpuRank read_rank(pugi::xml_node node, XmlReading& reading) {
  reading.count_part(node);
  XmlAttributes attributes(node, reading);
  CpuRank rank;
  rank.rank = static_cast<int>(attributes.needed_integer("id", kNotNegative));
  rank.cpus = attributes.set("cpus");
  attributes.note_rest();
  return rank;
}

std::vector<int> read_processors(pugi::xml_node node, XmlReading& reading) {
  XmlAttributes attributes(node, reading);
  std::vector<int> processors = attributes.set("list");
  attributes.note_rest();
  return processors;
}

std::vector<int> read_cores(pugi::xml_node node, XmlReading& reading) {
  XmlAttributes attributes(node, reading);
  std::vector<int> cores = attributes.list("list");
  attributes.note_rest();
  return cores;
}

void read_cpu_child(pugi::xml_node child, XmlReading& reading, Cpu& cpu) {
  if (is(child, "pci")) {
    cpu.devices.push_back(read_pci(child, reading, /*depth=*/1));
  } else if (is(child, "nic")) {
    read_nic(child, reading, cpu.nets);
  } else if (is(child, "processors")) {
    cpu.cpus = read_processors(child, reading);
  } else if (is(child, "cores")) {
    cpu.cores = read_cores(child, reading);
  } else if (is(child, "cache")) {
    cpu.caches.push_back(read_cache(child, reading));
  } else if (is(child, "rank")) {
    cpu.ranks.push_back(read_rank(child, reading));
  } else {
    reading.note_unknown(child);
  }
}

void check_cores(pugi::xml_node node, XmlReading& reading, const Cpu& cpu) {
  if (cpu.cores.empty() || cpu.cores.size() == cpu.cpus.size()) return;
  reading.fail(node,
               sentence({"<cpu> names ", std::to_string(cpu.cores.size()), " cores: expected ",
                         std::to_string(cpu.cpus.size()), ", one for each of its processors"}));
}

Cpu read_cpu(pugi::xml_node node, XmlReading& reading, XmlAttributes& attributes) {
  reading.count_part(node);
  Cpu cpu;
  cpu.numa = static_cast<int>(attributes.needed_integer("numaid"));
  cpu.cpus = attributes.mask("affinity");
  cpu.package = static_cast<int>(attributes.integer("package", cpu.numa));
  cpu.arch = attributes.text("arch");
  cpu.vendor = attributes.text("vendor");
  cpu.family = static_cast<int>(attributes.integer("familyid", 0));
  cpu.model = static_cast<int>(attributes.integer("modelid", 0));
  cpu.memory_bytes = static_cast<std::size_t>(attributes.integer("memory", 0, kNotNegativeLong));
  cpu.other = attributes.rest();
  for (const pugi::xml_node child : node.children()) {
    read_cpu_child(child, reading, cpu);
    if (reading.failed()) break;
  }
  check_cores(node, reading, cpu);
  return cpu;
}

// ---- hosts

// Hosts of a file, found again by their id without a look at all the others.
class Hosts {
 public:
  explicit Hosts(Topology& topology) : topology_(topology) {}

  // Nothing where there is one of this id.
  TopologyHost* add(const std::string& id) {
    if (!by_id_.emplace(id, topology_.hosts.size()).second) return nullptr;
    topology_.hosts.emplace_back().id = id;
    return &topology_.hosts.back();
  }

  TopologyHost& of(const std::string& id) {
    add(id);
    return topology_.hosts[by_id_.at(id)];
  }

 private:
  Topology& topology_;
  std::map<std::string, std::size_t> by_id_;
};

void read_host(pugi::xml_node node, XmlReading& reading, Hosts& hosts) {
  reading.count_part(node);
  XmlAttributes attributes(node, reading);
  const std::string id = attributes.text("host_hash");
  TopologyHost* host = hosts.add(id);
  if (host == nullptr) {
    reading.fail(
        node, sentence({"host_hash=\"", id, "\" again: expected one <host> for each, before its ",
                        "first <cpu>"}));
    return;
  }
  host->name = attributes.text("name");
  host->fabric = attributes.text("fabric");
  attributes.note_rest();
  note_children(node, reading);
}

void read_system_child(pugi::xml_node child, XmlReading& reading, Hosts& hosts) {
  if (is(child, "cpu")) {
    XmlAttributes attributes(child, reading);
    TopologyHost& host = hosts.of(attributes.text("host_hash"));
    host.cpus.push_back(read_cpu(child, reading, attributes));
  } else if (is(child, "host")) {
    read_host(child, reading, hosts);
  } else {
    reading.note_unknown(child);
  }
}

// RCCL numbers the same format 2, and adds to it.
void read_version(pugi::xml_node node, XmlReading& reading, XmlAttributes& attributes) {
  const long version = attributes.needed_integer("version", {.first = 1});
  if (version != 1) {
    reading.note(node,
                 sentence({"version=\"", std::to_string(version), "\" is read as version 1"}));
  }
}

Topology read_system(pugi::xml_node node, XmlReading& reading) {
  Topology topology;
  XmlAttributes attributes(node, reading);
  read_version(node, reading, attributes);
  attributes.note_rest();
  Hosts hosts(topology);
  for (const pugi::xml_node child : node.children()) {
    read_system_child(child, reading, hosts);
    if (reading.failed()) break;
  }
  return topology;
}

// ---- documents

Status invalid(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }

Result<TopologyReport> read_document(const pugi::xml_document& document, XmlReading& reading) {
  const pugi::xml_node system = document.child("system");
  if (!system) {
    const pugi::xml_node first = document.first_child();
    return invalid(reading.at(first, sentence({"<", first.name(), "> is no topology: expected ",
                                               "<system version=\"1\">"})));
  }
  TopologyReport report;
  report.topology = read_system(system, reading);
  for (const pugi::xml_node node : document.children()) {
    if (node != system) reading.note(node, "what is not in the first <system> is left out");
  }
  report.notes = reading.take_notes();
  if (reading.failed()) return reading.error();
  return report;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Status cannot_read(const std::string& path) {
  return Status(Code::kSystem, sentence({"cannot read ", path, ": ", std::strerror(errno)}));
}

}  // namespace

Result<TopologyReport> parse_topology_xml(std::string_view text, std::string_view file) {
  XmlReading reading(text, file);
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return invalid(
        reading.at(static_cast<std::ptrdiff_t>(zero), "a zero byte: expected text in UTF-8"));
  }
  pugi::xml_document document;
  const pugi::xml_parse_result parsed =
      document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) {
    return invalid(reading.at(parsed.offset, sentence({parsed.description(), ": expected XML"})));
  }
  return read_document(document, reading);
}

Result<TopologyReport> read_topology_file(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (!file) return cannot_read(path);
  std::string text;
  char block[1 << 16];
  while (const std::size_t size = std::fread(block, 1, sizeof block, file.get())) {
    text.append(block, size);
    if (text.size() > kLargestFile) {
      return invalid(sentence({path, " has over 256 MiB: expected a topology"}));
    }
  }
  if (std::ferror(file.get())) return cannot_read(path);
  return parse_topology_xml(text, path);
}

}  // namespace tutti
