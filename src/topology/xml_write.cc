// Writes NCCL's topology XML.
//
// What Tutti knows beyond NCCL is in elements and attributes that NCCL skips:
//
//   <host host_hash= name= fabric=>      in system, before the host's processors
//   <cpu … package= memory=>             its socket; bytes
//   <processors list=>                   in cpu, instead of an affinity that is too long for NCCL
//   <cores list=>                        in cpu: the core of each processor of the affinity
//   <cache level= bytes= cpus=>          in cpu
//   <rank id= cpus=>                     in cpu: ranks that work on its memory
//   <more list= or cpus=>                in these: how a list goes on that is too long for NCCL
//
// NCCL's reader (src/graph/xml.cc, 2.30) shapes the rest: it knows no <?xml?> line and no text, has
// one blank between attributes, reads 16 of them and ends at the sight of one longer than 253
// characters. It reads characters as they stand: names with & < > " in them reach it escaped.
// Attributes that mean something to it come first. Unknown values are left out: it then looks at
// the machine itself, or takes its default.
//
// Tested by topology_xml_test.cc and fuzz/topology_xml_fuzz.cc.

#include "topology/number_list.h"
#include "topology/xml_names.h"
#include "topology/xml_text.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

constexpr std::size_t kLongestValue = 253;

// The last attribute of the element that is open.
void write_list(XmlText& xml, std::string_view attribute, const std::vector<int>& numbers) {
  const std::vector<std::string> pieces = in_pieces(to_list(numbers), kLongestValue);
  if (!pieces.empty()) xml.attribute(attribute, pieces.front());
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    xml.open("more").attribute(attribute, pieces[i]).close();
  }
}

void write_other(XmlText& xml, const OtherAttributes& other) {
  for (const auto& [name, value] : other) xml.attribute(name, value);
}

// ---- devices

void write_gpu(XmlText& xml, const Gpu& gpu) {
  xml.open("gpu").attribute("dev", gpu.device).known("sm", gpu.sm);
  if (gpu.rank >= 0) xml.attribute("rank", gpu.rank);
  xml.attribute("gdr", gpu.rdma ? 1 : 0);
  write_other(xml, gpu.other);
  for (const NvLinks& links : gpu.nvlinks) {
    xml.open("nvlink").attribute("target", links.target).attribute("count", links.count);
    xml.known("tclass", links.target_class).close();
  }
  for (const C2cLinks& links : gpu.c2c) {
    xml.open("c2c").attribute("bw", links.bandwidth).attribute("count", links.count).close();
  }
  xml.close();
}

void write_net(XmlText& xml, const Net& net) {
  xml.open("net").known("name", nccl_name(net.name, net.port)).attribute("dev", net.device);
  xml.known("latency", net.latency).known("speed", net.speed).known("port", net.port);
  xml.known("guid", net.guid).known("maxconn", net.max_connections);
  xml.attribute("gdr", net.rdma ? 1 : 0).known("coll", net.collectives ? 1 : 0);
  write_other(xml, net.other);
  xml.close();
}

void write_nic(XmlText& xml, const std::vector<Net>& nets) {
  if (nets.empty()) return;
  xml.open("nic");
  for (const Net& net : nets) write_net(xml, net);
  xml.close();
}

void write_pci(XmlText& xml, const PciDevice& device) {
  xml.open("pci").attribute("busid", device.bus).known("class", device.class_code);
  xml.known("vendor", device.vendor).known("device", device.device);
  xml.known("subsystem_vendor", device.subsystem_vendor);
  xml.known("subsystem_device", device.subsystem_device);
  xml.known("link_speed", device.link_speed).known("link_width", device.link_width);
  write_other(xml, device.other);
  if (device.gpu) write_gpu(xml, *device.gpu);
  write_nic(xml, device.nets);
  for (const PciDevice& behind : device.devices) write_pci(xml, behind);
  for (const std::string& target : device.links) {
    xml.open("pcilink").attribute("target", target).close();
  }
  xml.close();
}

// ---- processors

// Where NCCL's own reader of the system would cut a mask, it gets none and asks the system.
bool fits_nccl(const std::string& mask) { return mask.size() <= kLongestValue; }

void write_cpu_attributes(XmlText& xml, const Cpu& cpu, const std::string& host) {
  const std::string mask = to_mask(cpu.cpus);
  xml.open("cpu").known("host_hash", host).attribute("numaid", cpu.numa);
  if (!cpu.cpus.empty() && fits_nccl(mask)) xml.attribute("affinity", mask);
  xml.known("arch", cpu.arch).known("vendor", cpu.vendor);
  xml.known("familyid", cpu.family).known("modelid", cpu.model);
  write_other(xml, cpu.other);
  xml.attribute("package", cpu.package).known("memory", cpu.memory_bytes);
  if (fits_nccl(mask)) return;
  write_list(xml.open("processors"), "list", cpu.cpus);
  xml.close();
}

void write_cpu(XmlText& xml, const Cpu& cpu, const std::string& host) {
  write_cpu_attributes(xml, cpu, host);
  if (!cpu.cores.empty()) {
    write_list(xml.open("cores"), "list", cpu.cores);
    xml.close();
  }
  for (const Cache& cache : cpu.caches) {
    xml.open("cache").attribute("level", cache.level).attribute("bytes", cache.bytes);
    write_list(xml, "cpus", cache.cpus);
    xml.close();
  }
  for (const CpuRank& rank : cpu.ranks) {
    write_list(xml.open("rank").attribute("id", rank.rank), "cpus", rank.cpus);
    xml.close();
  }
  for (const PciDevice& device : cpu.devices) write_pci(xml, device);
  write_nic(xml, cpu.nets);
  xml.close();
}

// A host that its processors tell all of needs no element.
void write_host(XmlText& xml, const TopologyHost& host) {
  if (!host.name.empty() || !host.fabric.empty() || host.cpus.empty()) {
    xml.open("host").known("host_hash", host.id).known("name", host.name);
    xml.known("fabric", host.fabric).close();
  }
  for (const Cpu& cpu : host.cpus) write_cpu(xml, cpu, host.id);
}

}  // namespace

std::string to_xml(const Topology& topology) {
  XmlText xml;
  xml.open("system").attribute("version", 1);
  for (const TopologyHost& host : topology.hosts) write_host(xml, host);
  return xml.close().take();
}

}  // namespace tutti
