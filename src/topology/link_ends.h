// Where the NVLinks of a GPU lead, for text and pictures. Tested by topology_text_test.cc.

#pragma once

#include <string>
#include <vector>

#include "tutti/topology.h"

namespace tutti {

enum class LinkEndKind { kGpu, kSwitch, kCpu, kUnknown };

/// NVLinks of one GPU that end at the same device, or at NVSwitches, which are taken together.
struct LinkEnd {
  LinkEndKind kind = LinkEndKind::kUnknown;
  int gpu = -1;          // of kGpu: its index on the host
  int links = 0;         // to all of them
  int ends = 1;          // of kSwitch: NVSwitches
  std::string bus = {};  // of kUnknown

  bool operator==(const LinkEnd&) const = default;
};

/// In the order of the topology; NVSwitches last.
std::vector<LinkEnd> link_ends(const TopologyHost& host, const Gpu& gpu);

/// "2 NVLinks to GPU1, 1 to GPU2"; "18 NVLinks to 4 NVSwitches".
std::string link_ends_text(const std::vector<LinkEnd>& ends);

/// A GPU and the device that it is, on one host.
struct HostGpu {
  const PciDevice* device = nullptr;
  const Gpu* gpu = nullptr;
};

/// All GPUs of a host, as the topology lists them. They live as long as the host.
std::vector<HostGpu> gpus_of(const TopologyHost& host);

}  // namespace tutti
