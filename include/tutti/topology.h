// What machines are made of, as a value: processors, PCI devices, GPUs with their NVLinks, network
// ports, and where ranks run. Detected, read from and written to NCCL's topology XML, compared,
// printed.
//
// The shape follows that XML (NCCL_TOPO_FILE), so that dumps of other people's machines can be read
// without loss: hosts hold processors, these hold PCI devices, which nest and hold GPUs and network
// ports. What NCCL has no place for (caches, ranks on processors, names of hosts) is kept in
// attributes and elements that NCCL skips.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/api.h"
#include "tutti/options.h"
#include "tutti/status.h"

namespace tutti {

/// Attributes that were read and mean nothing to Tutti; written again.
using OtherAttributes = std::map<std::string, std::string>;

/// NVLinks of a GPU to one other device.
struct NvLinks {
  std::string target;        // bus id of the other end: a GPU, an NVSwitch, or a processor
  int count = 1;             // links
  std::string target_class;  // PCI class of the other end: "0x030200" GPU, "0x068000" NVSwitch

  bool operator==(const NvLinks&) const = default;
};

/// A coherent link between a GPU and its processor (NVLink-C2C).
struct C2cLinks {
  long bandwidth = 0;  // MB/s, of each
  int count = 1;

  bool operator==(const C2cLinks&) const = default;
};

struct Gpu {
  int device = 0;     // index on its host
  int sm = 0;         // compute capability: 90 for 9.0
  int rank = -1;      // -1: none runs on it
  bool rdma = false;  // network devices can reach its memory (GPUDirect)
  std::vector<NvLinks> nvlinks;
  std::vector<C2cLinks> c2c;
  OtherAttributes other;

  bool operator==(const Gpu&) const = default;
};

/// A network port.
struct Net {
  std::string name;    // as UCX and Options::net_devices name it: "mlx5_0:1", "eth0"
  int device = 0;      // index on its host
  long speed = 0;      // Mbit/s, one way; 0: unknown
  int port = 0;        // above 0: the name ends with it, as UCX has it
  std::string guid;    // of the device: ports of one device have the same
  double latency = 0;  // microseconds; 0: unknown
  int max_connections = 0;
  bool rdma = false;         // an RDMA device: GPUs may be reached directly (gdr)
  bool collectives = false;  // switches reduce (coll)
  OtherAttributes other;

  bool operator==(const Net&) const = default;
};

struct PciDevice {
  std::string bus;         // "0000:3b:00.0", lower case
  std::string class_code;  // "0x060400" a bridge, "0x030200" a GPU, "0x020000" a network adapter
  std::string vendor;      // "0x10de"; "" unknown
  std::string device;
  std::string subsystem_vendor;
  std::string subsystem_device;
  std::string link_speed;          // "16.0 GT/s PCIe"; "" unknown
  int link_width = 0;              // lanes; 0 unknown
  std::vector<std::string> links;  // bus ids of switches it is linked to beside the tree (pcilink)
  std::optional<Gpu> gpu;
  std::vector<Net> nets;
  std::vector<PciDevice> devices;  // behind it
  OtherAttributes other;

  bool operator==(const PciDevice&) const = default;
};

struct Cache {
  int level = 0;
  std::size_t bytes = 0;
  std::vector<int> cpus;  // logical processors that share it, ascending

  bool operator==(const Cache&) const = default;
};

/// A rank that works on memory of the processor.
struct CpuRank {
  int rank = 0;
  std::vector<int> cpus;  // on which it may run, ascending; may belong to other processors too

  bool operator==(const CpuRank&) const = default;
};

/// A NUMA node: memory, and the logical processors next to it.
struct Cpu {
  int numa = 0;
  std::vector<int> cpus;  // ascending, as the system numbers them
  int package = 0;        // socket; one of its own (`numa`) where a dump does not say
  std::string arch;       // "x86_64", "arm64", "ppc64"
  std::string vendor;     // "GenuineIntel", "AuthenticAMD"
  int family = 0;
  int model = 0;
  std::size_t memory_bytes = 0;  // 0: unknown
  std::vector<int> cores;        // by logical processor in `cpus`: its core; empty: unknown
  std::vector<Cache> caches;     // of its processors, highest level first
  std::vector<PciDevice> devices;
  std::vector<Net> nets;  // that no PCI device stands for: virtual interfaces
  std::vector<CpuRank> ranks;
  OtherAttributes other;

  bool operator==(const Cpu&) const = default;
};

struct TopologyHost {
  std::string name;
  std::string id;      // equal for ranks that may share memory (host_hash: "0x8393fb66b8b750c5");
                       // of no two hosts the same; "" where there is one host
  std::string fabric;  // hosts with the same one share NVSwitches (MNNVL); "" none
  std::vector<Cpu> cpus;

  bool operator==(const TopologyHost&) const = default;
};

struct Topology {
  std::vector<TopologyHost> hosts;

  bool operator==(const Topology&) const = default;
};

// ---- detection

/// A topology, and what is worth saying about how it was come by: parts that could not be looked
/// at, elements and attributes that were not understood.
struct TopologyReport {
  Topology topology;
  std::vector<std::string> notes;
};

/// This host: processors, memory, caches and PCI by hwloc, network devices by the system, GPUs and
/// their links by NVML. What is missing (no GPU, no driver, no hwloc) leaves the topology without
/// it and is noted; it is no error. Takes a fraction of a second. No ranks.
TUTTI_API Result<TopologyReport> detect_topology(const Options& options);

/// One topology of all hosts. Hosts of the same id are one: the first is kept, with the ranks of
/// all.
TUTTI_API Topology join(const std::vector<Topology>& parts);

/// `hosts` copies of a host, called host0, host1 … and of as many ids: what a cluster of them would
/// be. Its ranks, where it has any, are numbered on from copy to copy. Copies of a host with a
/// fabric are on that fabric.
TUTTI_API Topology replicate(const Topology& host, int hosts);

// ---- NCCL's topology XML

/// Reads a dump. `file` names it in errors: "dgx.xml:12: <gpu> lacks dev: expected an integer".
TUTTI_API Result<TopologyReport> parse_topology_xml(std::string_view text, std::string_view file);
TUTTI_API Result<TopologyReport> read_topology_file(const std::string& path);

/// What parse_topology_xml reads back to an equal value, and NCCL reads as NCCL_TOPO_FILE where
/// texts have at most 253 characters and none of & < > ". REQUIRES: names of other attributes are
/// names in XML; processors and cores are in [0, 65536).
TUTTI_API std::string to_xml(const Topology& topology);

// ---- for people

/// Hosts that differ in nothing but names, serial numbers and which ranks they have, together: by
/// number, ascending, groups in the order of their first hosts.
TUTTI_API std::vector<std::vector<int>> alike_hosts(const Topology& topology);

/// The tree of every host, a line a part; of hosts that are alike, that of the first.
TUTTI_API std::string to_text(const Topology& topology);

/// A picture for Graphviz: hosts, processors, switches, devices, and the links between them with
/// their bandwidth.
TUTTI_API std::string to_dot(const Topology& topology);

// ---- paths

/// How near two things are, best first; as NCCL has it.
enum class PathType {
  kLocal,   // LOC  the same
  kNvLink,  // NVL  NVLinks, or an NVSwitch
  kNvHop,   // NVB  NVLinks through another GPU
  kC2c,     // C2C  a coherent link to the processor
  kPix,     // PIX  at most one PCI switch
  kPxb,     // PXB  several PCI switches
  kP2c,     // P2C  C2C, then PCI
  kPxn,     // PXN  through a GPU that is nearer to the port
  kPhb,     // PHB  a host bridge: the processor's root complex
  kSys,     // SYS  between processors
  kNet,     // NET  a network
  kNone,    // DIS  no way
};

TUTTI_API std::string_view name(PathType type);  // "NVL"

struct Path {
  PathType type = PathType::kNone;
  double bandwidth = 0;  // GB/s (10^9 bytes), one way, of the narrowest link
  int hops = 0;          // links

  bool operator==(const Path&) const = default;
};

enum class PlaceKind { kGpu, kCpu, kNet };

/// Something that paths join.
struct Place {
  PlaceKind kind = PlaceKind::kCpu;
  int host = 0;
  int cpu = 0;        // the processor it belongs to, on its host
  int device = 0;     // GPU and Net: index on its host; CPU: NUMA node
  std::string label;  // "GPU3", "CPU0", "mlx5_0"; with several hosts "a/GPU3"

  bool operator==(const Place&) const = default;
};

/// All pairs of places: GPUs, then processors, then network ports, of all hosts in order.
struct PathMatrix {
  std::vector<Place> places;
  std::vector<std::vector<Path>> paths;  // by place and place
};

TUTTI_API PathMatrix path_matrix(const Topology& topology);

// ---- search

/// Who takes part: GPUs with ranks; else all GPUs; else ranks on processors; else processors.
struct Member {
  Place place;
  int rank = 0;  // where ranks are given; otherwise its number

  bool operator==(const Member&) const = default;
};

/// A closed way through all members (by number). It leaves a host by the port of its rail that it
/// enters the next one by: `exits` and `ports` may differ, so that each port is used both ways.
struct FoundRing {
  std::vector<int> order;
  double bandwidth = 0;                 // GB/s that it can carry beside all other rings
  PathType inside = PathType::kLocal;   // the worst path within hosts, or on NVSwitches they share
  PathType between = PathType::kLocal;  // the worst to a port; kLocal: no network is needed
  std::vector<int> ports;  // by host: index of the port it enters by, -1: none; empty: no network
  std::vector<int> exits;  // by host: that of the port it leaves by

  bool operator==(const FoundRing&) const = default;
};

struct FoundTree {
  std::vector<int> parents;  // by member; -1 for the top
  double bandwidth = 0;      // GB/s up and down at once, beside the other tree
  PathType inside = PathType::kLocal;
  PathType between = PathType::kLocal;

  bool operator==(const FoundTree&) const = default;
};

/// Groups of members that are near each other, for hierarchical algorithms.
struct FoundLevel {
  std::string name;                      // "NVLink domain", "host", "NUMA node", "rail"
  std::vector<std::vector<int>> groups;  // members, ascending
  double bandwidth = 0;  // GB/s one way that each member has to the others of its group, when all
                         // members of all groups use the links of this level at once

  bool operator==(const FoundLevel&) const = default;
};

struct FoundWays {
  std::vector<Member> members;
  std::vector<FoundRing> rings;    // that may be used at once
  std::vector<FoundTree> trees;    // two, with opposite leaves where the links allow
  std::vector<FoundLevel> levels;  // nearest first
  bool complete = true;            // false: the budget ended the search before it was through

  double ring_bandwidth() const {
    double sum = 0;
    for (const FoundRing& ring : rings) sum += ring.bandwidth;
    return sum;
  }
};

/// Deterministic: the same topology gives the same ways. `budget` bounds the steps of the search.
TUTTI_API FoundWays find_ways(const Topology& topology, int budget = 1 << 18);

/// Lines for people: rings, trees and levels with their bandwidth.
TUTTI_API std::string to_text(const FoundWays& ways);

/// Pictures of the rings, or of the trees, for Graphviz.
TUTTI_API std::string rings_to_dot(const FoundWays& ways);
TUTTI_API std::string trees_to_dot(const FoundWays& ways);

}  // namespace tutti
