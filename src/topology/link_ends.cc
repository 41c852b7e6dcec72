// Tested by topology_text_test.cc.

#include "topology/link_ends.h"

#include <algorithm>
#include <set>

#include "topology/part_names.h"
#include "topology/words.h"

namespace tutti {
namespace {

void collect(const std::vector<PciDevice>& devices, std::vector<HostGpu>& found) {
  for (const PciDevice& device : devices) {
    if (device.gpu) found.push_back({&device, &*device.gpu});
    collect(device.devices, found);
  }
}

// Bridges of the class of NVSwitches; a Power processor's is of another subclass.
bool is_switch(const NvLinks& links) { return links.target_class.starts_with("0x068000"); }
bool is_processor(const NvLinks& links) { return links.target_class.starts_with("0x068001"); }

LinkEnd end_of(const std::vector<HostGpu>& gpus, const NvLinks& links) {
  const auto peer = std::find_if(gpus.begin(), gpus.end(), [&](const HostGpu& candidate) {
    return candidate.device->bus == links.target;
  });
  LinkEnd end{.links = links.count};
  if (peer != gpus.end()) {
    end.kind = LinkEndKind::kGpu;
    end.gpu = peer->gpu->device;
  } else if (is_processor(links)) {
    end.kind = LinkEndKind::kCpu;
  } else {
    end.bus = links.target;
  }
  return end;
}

std::string name_of(const LinkEnd& end) {
  switch (end.kind) {
    case LinkEndKind::kGpu:
      return "GPU" + std::to_string(end.gpu);
    case LinkEndKind::kSwitch:
      return end.ends == 1 ? "NVSwitch" : counted(end.ends, "NVSwitch");
    case LinkEndKind::kCpu:
      return "the processor";
    case LinkEndKind::kUnknown:
      return short_bus(end.bus);
  }
  return "";
}

}  // namespace

std::vector<HostGpu> gpus_of(const TopologyHost& host) {
  std::vector<HostGpu> found;
  for (const Cpu& cpu : host.cpus) collect(cpu.devices, found);
  return found;
}

std::vector<LinkEnd> link_ends(const TopologyHost& host, const Gpu& gpu) {
  const std::vector<HostGpu> gpus = gpus_of(host);
  std::vector<LinkEnd> ends;
  std::set<std::string> switches;
  int to_switches = 0;
  for (const NvLinks& links : gpu.nvlinks) {
    if (is_switch(links)) {
      switches.insert(links.target);
      to_switches += links.count;
    } else {
      ends.push_back(end_of(gpus, links));
    }
  }
  if (to_switches > 0) {
    ends.push_back({.kind = LinkEndKind::kSwitch,
                    .links = to_switches,
                    .ends = static_cast<int>(switches.size())});
  }
  return ends;
}

std::string link_ends_text(const std::vector<LinkEnd>& ends) {
  std::vector<std::string> texts;
  for (const LinkEnd& end : ends) {
    const std::string links =
        texts.empty() ? counted(end.links, "NVLink") : std::to_string(end.links);
    texts.push_back(links + " to " + name_of(end));
  }
  return joined(texts);
}

}  // namespace tutti
